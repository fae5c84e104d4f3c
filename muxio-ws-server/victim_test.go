package wsserver_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	endpoint "github.com/simd-drive/go/muxio-rpc-endpoint"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsserver "github.com/simd-drive/go/muxio-ws-server"
)

// victimVariable is the environment variable that makes this program the server
// that tests attack: a process of its own, whose memory can be looked at.
const victimVariable = "MUXIO_TEST_VICTIM"

// victimTimeout bounds the life of a victim that its test forgets.
const victimTimeout = 5 * time.Minute

// The methods of the victim.
var (
	victimEcho   = rpc.NewMethod("victim.echo", rpc.Bytes, rpc.Bytes)
	victimShared = rpc.NewMethod("victim.shared", rpc.Empty, rpc.Bytes) // the same memory for all
	victimFresh  = rpc.NewMethod("victim.fresh", rpc.Empty, rpc.Bytes)  // memory of its own for each
	victimInline = rpc.NewMethod("victim.inline", rpc.Empty, rpc.Bytes)
	victimPanic  = rpc.NewMethod("victim.panic", rpc.Empty, rpc.Empty)
	victimBlock  = rpc.NewMethod("victim.block", rpc.Empty, rpc.Empty)
	victimUpload = rpc.NewClientStream("victim.upload", rpc.Bytes, rpc.Bytes, rpc.Empty)
	victimDown   = rpc.NewServerStream("victim.download", rpc.Empty, rpc.Bytes)
)

// Timeouts of the victim.
const (
	victimWriteTimeout = 500 * time.Millisecond
	victimPongTimeout  = 2 * time.Second
	// A thousand clients at once keep each other from sending their requests.
	victimHeaderTimeout = 5 * time.Second
)

// victimBlobBytes is the size of large responses.
const victimBlobBytes = 1 << 20

func victimEndpoint() (*endpoint.Endpoint, error) {
	ep := endpoint.New(endpoint.Options{})
	shared := make([]byte, victimBlobBytes)
	return ep, errors.Join(
		endpoint.Handle(ep, victimEcho, func(_ context.Context, b []byte) ([]byte, error) { return b, nil }),
		endpoint.Handle(ep, victimShared, func(context.Context, struct{}) ([]byte, error) { return shared, nil }),
		endpoint.Handle(ep, victimFresh, func(context.Context, struct{}) ([]byte, error) { return freshBlob(), nil }),
		endpoint.Handle(ep, victimInline, func(context.Context, struct{}) ([]byte, error) { return freshBlob(), nil }, endpoint.Inline()),
		endpoint.Handle(ep, victimPanic, func(context.Context, struct{}) (struct{}, error) { panic("as asked") }),
		endpoint.Handle(ep, victimBlock, func(ctx context.Context, _ struct{}) (struct{}, error) {
			<-ctx.Done()
			return struct{}{}, ctx.Err()
		}),
		endpoint.HandleClientStream(ep, victimUpload, func(_ context.Context, _ []byte, items *endpoint.Receiver[[]byte]) (struct{}, error) {
			for _, err := range items.All() {
				if err != nil {
					return struct{}{}, err
				}
			}
			return struct{}{}, nil
		}),
		endpoint.HandleServerStream(ep, victimDown, func(_ context.Context, _ struct{}, items *endpoint.Sender[[]byte]) error {
			for {
				if err := items.Send(shared); err != nil {
					return err
				}
			}
		}),
	)
}

// freshBlob returns memory that is really there.
func freshBlob() []byte { return bytes.Repeat([]byte{1}, victimBlobBytes) }

// beVictim returns at once, unless this process is a victim: then it serves until its
// standard input ends.
func beVictim() {
	maxCalls := os.Getenv(victimVariable)
	if maxCalls == "" {
		return
	}
	time.AfterFunc(victimTimeout, func() { os.Exit(1) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ep, err := victimEndpoint()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	opts := wsserver.Options{
		Handler: ep, MaxConnections: 2000, Originals: &rpc.Config{},
		WriteTimeout: victimWriteTimeout, PongTimeout: victimPongTimeout,
	}
	opts.Conn.MaxCalls, _ = strconv.Atoi(maxCalls) // 0 is the default
	opts.Originals.MaxCalls = opts.Conn.MaxCalls
	srv := &http.Server{Handler: wsserver.New(opts), ReadHeaderTimeout: victimHeaderTimeout}
	go func() { _ = srv.Serve(l) }() // ends with the process
	fmt.Fprintf(os.Stdout, "ws://%s\n", l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// victim is such a server, seen from the test.
type victim struct {
	url    string
	cmd    *exec.Cmd
	began  int64 // KiB in memory before anything happened
	killed bool  // by the test
}

// startVictim starts a server that takes up to maxCalls at a time, 0 for the default.
func startVictim(t *testing.T, maxCalls int) *victim {
	t.Helper()
	cmd := exec.Command(os.Args[0]) // not by its context, which ends before the cleanup
	cmd.Env = append(os.Environ(), victimVariable+"="+strconv.Itoa(maxCalls))
	cmd.Stderr = t.Output()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	v := &victim{cmd: cmd}
	t.Cleanup(func() {
		_ = stdin.Close()
		if err := cmd.Wait(); err != nil && !v.killed {
			t.Errorf("the server did not survive: %v", err)
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	v.url = strings.TrimSpace(line)
	v.began = v.memory("VmRSS")
	return v
}

// memory returns a figure of the process in KiB, 0 where the system does not tell.
func (v *victim) memory(figure string) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", v.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == figure+":" {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			return n
		}
	}
	return 0
}

// grownKiB returns by how much the process has grown at most.
func (v *victim) grownKiB() int64 { return v.memory("VmHWM") - v.began }
