// Package program starts servers that are measured as the programs that they are.
package program

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// LikeOriginal are flags that put our server into the class of the original, which
// never syncs. Work in the background, which the original has none of, would come at
// some moment of some run.
var LikeOriginal = []string{"--sync", "none", "--compact-at", "0", "--scrub-every", "0"}

// A Server is a running server.
type Server struct {
	cmd     *exec.Cmd
	Address string // for instance 127.0.0.1:34129
}

var (
	// listening is the address in the line by which the server of a drive says that
	// it is ready.
	listening = regexp.MustCompile(`127\.0\.0\.1:[1-9]\d*\b`)
	// redisReady is in the line by which Redis says the same, without its address.
	redisReady = regexp.MustCompile(`Ready to accept connections`)
)

// StartServer starts a server of a drive, ours or the original, on a free port and
// waits for its address. It is killed when ctx ends.
func StartServer(ctx context.Context, path string, args ...string) (*Server, error) {
	s, said, err := start(ctx, listening, path, append(args, "--host", "127.0.0.1", "--port", "0")...)
	if err != nil {
		return nil, err
	}
	s.Address = said
	return s, nil
}

// StartRedis starts a Redis server on a free port and waits until it is ready.
// What it keeps is in the folder dir.
func StartRedis(ctx context.Context, path, dir string, args ...string) (*Server, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	args = append([]string{"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", dir}, args...)
	s, _, err := start(ctx, redisReady, path, args...)
	if err != nil {
		return nil, err
	}
	s.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	return s, nil
}

// freePort returns a port of the loopback address that nobody listens on, for
// programs that do not find one themselves. Another program may take it first.
func freePort(ctx context.Context) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }() // nobody has connected
	return l.Addr().(*net.TCPAddr).Port, nil
}

// start starts a program and waits until it says what ready matches, which it returns.
func start(ctx context.Context, ready *regexp.Regexp, path string, args ...string) (*Server, string, error) {
	s := &Server{cmd: exec.CommandContext(ctx, path, args...)}
	s.cmd.Env = append(os.Environ(), "NO_COLOR=1") // colours would stand inside of the address
	r, w, err := os.Pipe()
	if err != nil {
		return nil, "", err
	}
	s.cmd.Stdout, s.cmd.Stderr = w, w
	err = s.cmd.Start()
	_ = w.Close() // the server has its own
	if err != nil {
		_ = r.Close()
		return nil, "", err
	}
	said := ""
	for lines := bufio.NewScanner(r); lines.Scan(); {
		said = lines.Text()
		if found := ready.FindString(said); found != "" {
			go func() { // ends with the server
				_, _ = io.Copy(io.Discard, r)
				_ = r.Close()
			}()
			return s, found, nil
		}
	}
	s.Kill()
	_ = r.Close()
	return nil, "", fmt.Errorf("%s did not start: %s", filepath.Base(path), said)
}

// PID returns the number of the process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Kill ends the server without a warning and waits for its end.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill() // it may have ended
	_ = s.cmd.Wait()         // its exit status says nothing about the figures
}
