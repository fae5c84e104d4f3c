//go:build unix

package streamconn

import (
	"os"
	"syscall"
)

// takeStdio returns duplicates of the standard streams that have deadlines, and
// points the originals elsewhere: the peer must see the end of the stream when
// the transport closes its own, and a write to descriptor 1 after the death of
// the peer would end the process by SIGPIPE.
func takeStdio() (in, out *os.File, err error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = null.Close() }() // nothing is written to it
	in, err = take(syscall.Stdin, int(null.Fd()), os.Stdin.Name())
	if err != nil {
		return nil, nil, err
	}
	out, err = take(syscall.Stdout, syscall.Stderr, os.Stdout.Name())
	if err != nil {
		_ = in.Close() // the caller hears of the other error
		return nil, nil, err
	}
	return in, out, nil
}

// take returns a duplicate of the descriptor fd, which becomes one of instead.
func take(fd, instead int, name string) (*os.File, error) {
	syscall.ForkLock.RLock()
	own, err := syscall.Dup(fd)
	if err == nil {
		syscall.CloseOnExec(own)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	if err := duplicate(instead, fd); err != nil {
		_ = syscall.Close(own) // the caller hears of the other error
		return nil, os.NewSyscallError("dup2", err)
	}
	// Pipes and sockets get deadlines by this; for files it changes nothing.
	_ = syscall.SetNonblock(own, true)
	return os.NewFile(uintptr(own), name), nil
}
