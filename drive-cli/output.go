package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"

	"golang.org/x/term"
)

// result is what a verb prints: marshalled in JSON mode, else as text, which
// may have several lines and ends without a newline.
type result interface{ text() string }

// output is where results go. The first error of writing sticks, as an
// outputError: a verb that changes a store may finish its work and leave the
// error to close.
type output struct {
	dst    io.Writer
	buf    *bufio.Writer
	asJSON bool
	err    error
}

func newOutput(dst io.Writer) *output { return &output{dst: dst, buf: bufio.NewWriter(dst)} }

// emit prints one result.
func (o *output) emit(r result) error {
	if o.err != nil {
		return o.err
	}
	if !o.asJSON {
		_, err := o.buf.WriteString(r.text() + "\n")
		return o.keep(err)
	}
	enc := json.NewEncoder(o.buf)
	enc.SetEscapeHTML(false)
	return o.keep(enc.Encode(r))
}

// heading prints a line that stands above results, in text mode only.
func (o *output) heading(line string) error {
	if o.asJSON || o.err != nil {
		return o.err
	}
	_, err := o.buf.WriteString(line + "\n")
	return o.keep(err)
}

// Write passes raw bytes on, at once and in the order of what was emitted.
func (o *output) Write(p []byte) (int, error) {
	if err := o.flush(); err != nil {
		return 0, err
	}
	n, err := o.dst.Write(p)
	return n, o.keep(err)
}

// flush writes out what is buffered and returns the first error so far.
func (o *output) flush() error {
	if o.err != nil {
		return o.err
	}
	return o.keep(o.buf.Flush())
}

func (o *output) keep(err error) error {
	if err != nil && o.err == nil {
		o.err = outputError{err}
	}
	return o.err
}

// isTerminal reports whether a standard stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
