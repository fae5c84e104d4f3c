// Package child starts processes that are measured, and is one: they take commands as
// lines on standard input, answer each by one line of JSON on standard output, and end
// when their input does. Simpler ones take their arguments and print one line.
package child

import (
	"bufio"
	"context"
	"encoding/json"
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

// A Process is a child that takes commands. It is for one goroutine at a time.
type Process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	cancel context.CancelFunc // kills it

	// Address is where a serving process listens.
	Address string
}

// Start starts a child and waits for its greeting. It is killed when
// ctx ends.
func Start(ctx context.Context, command ...string) (*Process, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &Process{cmd: exec.CommandContext(ctx, command[0], command[1:]...), cancel: cancel}
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
		p.Stop()
		return nil, fmt.Errorf("%s did not start: %w", command[0], err)
	}
	p.Address = hello.Address
	return p, nil
}

// Ask sends one command and parses the answer.
func (p *Process) Ask(into any, format string, args ...any) error {
	if _, err := fmt.Fprintf(p.in, format+"\n", args...); err != nil {
		return fmt.Errorf("command to a child: %w", err)
	}
	return p.answer(into)
}

// answer reads one line; an error in it becomes one here.
func (p *Process) answer(into any) error {
	line, err := p.out.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("answer of a child: %w", err)
	}
	if err := failure(line); err != nil {
		return err
	}
	if err := json.Unmarshal(line, into); err != nil {
		return fmt.Errorf("answer of a child: %w", err)
	}
	return nil
}

// PID returns the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop ends the child and waits for it.
func (p *Process) Stop() {
	_ = p.in.Close() // it may have ended already
	kill := time.AfterFunc(killDelay, p.cancel)
	_ = p.cmd.Wait() // its exit status says nothing about the figures
	kill.Stop()
	p.cancel()
}
