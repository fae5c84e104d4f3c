package main

import (
	"bytes"
	"io"
	"strconv"
)

// readCmd writes a value to standard output: its bytes and nothing else, except
// a newline when that is a terminal.
type readCmd struct {
	Key        rawString `arg:"" help:"Key to read."`
	BufferSize byteSize  `short:"b" name:"buffer-size" default:"64K" placeholder:"SIZE" help:"Bytes written at a time: a number with k, m or g; 0 writes nothing."`
	keyFlags   `embed:""`
	damageFlag `embed:""`
}

// valueResult is the JSON form of a value.
type valueResult struct {
	keyJSON
	Size  int64  `json:"size"`
	Value []byte `json:"value_base64"`
}

func (r valueResult) text() string { return string(r.Value) }

func (c *readCmd) Run(a *app) error {
	k, err := c.parse(c.Key)
	if err != nil {
		return err
	}
	return a.withStore(c.access(), func(t target) error {
		if a.out.asJSON {
			var value bytes.Buffer
			size, err := t.read(a.ctx, k, &value)
			if err != nil {
				return err
			}
			return a.out.emit(valueResult{k.record(), size, value.Bytes()})
		}
		if c.BufferSize == 0 { // as in the original
			_, err := t.read(a.ctx, k, io.Discard)
			return err
		}
		_, err := t.read(a.ctx, k, chunkWriter{a, int(min(uint64(c.BufferSize), gib))})
		if err == nil && isTerminal(a.out.dst) {
			_, err = io.WriteString(a.out, "\n")
		}
		return err
	})
}

// chunkWriter passes bytes to standard output in chunks, and stops when the run
// is interrupted.
type chunkWriter struct {
	app  *app
	size int
}

// Write implements io.Writer.
func (w chunkWriter) Write(p []byte) (written int, err error) {
	for len(p) > 0 {
		if err := w.app.ctx.Err(); err != nil {
			return written, err
		}
		n, err := w.app.out.Write(p[:min(len(p), w.size)])
		written += n
		if err != nil {
			return written, err
		}
		p = p[n:]
	}
	return written, nil
}

// existsCmd prints true or false; the exit status says the same.
type existsCmd struct {
	Key        rawString `arg:"" help:"Key to look for."`
	keyFlags   `embed:""`
	damageFlag `embed:""`
}

type existsResult struct {
	keyJSON
	Exists bool `json:"exists"`
}

func (r existsResult) text() string { return strconv.FormatBool(r.Exists) }

func (c *existsCmd) Run(a *app) error {
	k, err := c.parse(c.Key)
	if err != nil {
		return err
	}
	return a.withStore(c.access(), func(t target) error {
		found, err := t.exists(a.ctx, k)
		if err != nil {
			return err
		}
		if err := a.out.emit(existsResult{k.record(), found}); err != nil {
			return err
		}
		if !found {
			return errReported
		}
		return nil
	})
}
