package streamconn

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/simd-drive/go/muxio"
)

// ErrKilled reports that a program did not exit within [Config.ExitTimeout]
// after its connection was closed, and was killed.
var ErrKilled = errors.New("streamconn: the program did not exit and was killed")

// Process is a program that was started to be spoken to. It is the transport
// to it.
type Process struct {
	*Transport
	cmd    *exec.Cmd
	exited chan struct{} // closed when the program has ended
	err    error         // of Wait, set before
}

var _ muxio.Transport = (*Process)(nil)

// Command starts the command and returns the transport over its standard input
// and output, which cmd must leave unset. Its standard error stays as cmd says.
//
// When the program exits, ReadMessage fails with [io.ErrUnexpectedEOF], and
// [Process.Err] tells more. When its connection is closed it is expected to
// exit; if it does not, it is killed. Processes that it started in turn are not.
func Command(cmd *exec.Cmd, cfg Config) (*Process, error) {
	if cmd.Stdin != nil || cmd.Stdout != nil {
		return nil, errors.New("streamconn: the command has a standard input or output already")
	}
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("streamconn: starting %s: %w", cmd.Path, err)
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		closeAll(theirIn, ourOut)
		return nil, fmt.Errorf("streamconn: starting %s: %w", cmd.Path, err)
	}
	cmd.Stdin, cmd.Stdout = theirIn, theirOut
	err = cmd.Start()
	closeAll(theirIn, theirOut) // the program has its own
	if err != nil {
		closeAll(ourIn, ourOut)
		return nil, fmt.Errorf("streamconn: starting %s: %w", cmd.Path, err)
	}
	p := &Process{
		Transport: New(&duplex{in: ourIn, out: ourOut}, cfg),
		cmd:       cmd,
		exited:    make(chan struct{}),
	}
	go p.wait() // ends when the program has ended; Close waits for that
	return p, nil
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		_ = f.Close() // nothing was written
	}
}

func (p *Process) wait() {
	defer close(p.exited)
	p.err = p.cmd.Wait()
}

// Exited is closed when the program has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Err returns how the program ended: nil if it exited with status 0, as long as
// it runs too, else an [*exec.ExitError].
func (p *Process) Err() error {
	select {
	case <-p.exited:
		return p.err
	default:
		return nil
	}
}

// Close implements [muxio.Transport]. It also waits until the program has ended,
// and kills it if that takes longer than [Config.ExitTimeout]: then it returns
// [ErrKilled], else what [Process.Err] returns.
func (p *Process) Close(reason muxio.CloseReason) error {
	_ = p.Transport.Close(reason) // never fails
	timer := time.NewTimer(p.cfg.ExitTimeout)
	defer timer.Stop()
	select {
	case <-p.exited:
		return p.err
	case <-timer.C:
	}
	killed := p.cmd.Process.Kill()
	<-p.exited
	if killed != nil { // it ended in this moment
		return p.err
	}
	return ErrKilled
}

// duplex is a connection of two pipes.
type duplex struct{ in, out *os.File }

func (d *duplex) Read(p []byte) (int, error)  { return d.in.Read(p) }
func (d *duplex) Write(p []byte) (int, error) { return d.out.Write(p) }

// SetReadDeadline fails where pipes have no deadlines.
func (d *duplex) SetReadDeadline(t time.Time) error { return d.in.SetReadDeadline(t) }

// SetWriteDeadline does too.
func (d *duplex) SetWriteDeadline(t time.Time) error { return d.out.SetWriteDeadline(t) }

// CloseWrite ends what is written.
func (d *duplex) CloseWrite() error { return d.out.Close() }

func (d *duplex) Close() error { return errors.Join(d.out.Close(), d.in.Close()) }

var _ io.ReadWriteCloser = (*duplex)(nil)
