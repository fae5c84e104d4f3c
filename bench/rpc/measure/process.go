package measure

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

const (
	// maxAnswerBytes bounds one line of a child.
	maxAnswerBytes = 64 << 10
	// killDelay is how long a child may take to end after its input has.
	killDelay = 2 * time.Second
)

// greeting is the first line of a child.
type greeting struct {
	Address string `json:"address"` // of a serving process
	Error   string `json:"error"`
}

// A process is a child that takes commands.
type process struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	cancel  context.CancelFunc // kills it
	address string             // of a serving process
}

// startProcess starts a child and waits for its greeting. It is killed when
// ctx ends.
func startProcess(ctx context.Context, command ...string) (*process, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &process{cmd: exec.CommandContext(ctx, command[0], command[1:]...), cancel: cancel}
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	p.in, p.out = in, bufio.NewReaderSize(out, maxAnswerBytes)
	if err := p.cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	var hello greeting
	if err := p.answer(&hello); err != nil {
		p.stop()
		return nil, fmt.Errorf("%s did not start: %w", command[0], err)
	}
	p.address = hello.Address
	return p, nil
}

// ask sends one command and parses the answer.
func (p *process) ask(into any, format string, args ...any) error {
	if _, err := fmt.Fprintf(p.in, format+"\n", args...); err != nil {
		return fmt.Errorf("command to a child: %w", err)
	}
	return p.answer(into)
}

// answer reads one line; an error in it becomes one here.
func (p *process) answer(into any) error {
	line, err := p.out.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("answer of a child: %w", err)
	}
	var failure struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(line, &failure); err != nil {
		return fmt.Errorf("answer of a child: %w", err)
	}
	if failure.Error != "" {
		return errors.New(failure.Error)
	}
	return json.Unmarshal(line, into)
}

// usage asks what the child has used.
func (p *process) usage() (u Usage, err error) {
	err = p.ask(&u, "usage")
	return u, err
}

// stop ends the child and waits for it.
func (p *process) stop() {
	_ = p.in.Close() // it may have ended already
	kill := time.AfterFunc(killDelay, p.cancel)
	_ = p.cmd.Wait() // its exit status says nothing about the figures
	kill.Stop()
	p.cancel()
}

// pair is a serving process and one that calls it.
type pair struct{ server, client *process }

// startPair starts both processes of an implementation.
func startPair(ctx context.Context, i Implementation) (pair, error) {
	server, err := startProcess(ctx, i.serve...)
	if err != nil {
		return pair{}, err
	}
	client, err := startClient(ctx, i, server.address)
	if err != nil {
		server.stop()
		return pair{}, err
	}
	return pair{server, client}, nil
}

// startClient starts a process that calls an address.
func startClient(ctx context.Context, i Implementation, address string) (*process, error) {
	return startProcess(ctx, append(i.call[:len(i.call):len(i.call)], address)...)
}

func (p pair) stop() {
	p.client.stop()
	p.server.stop()
}
