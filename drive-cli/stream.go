package main

import (
	"context"
	"errors"
	"io"
)

// countingReader counts what passes, shows it as progress, ends with ctx, and
// remembers an error of the reader below, so that it can be told from one of
// the store that reads.
type countingReader struct {
	r   io.Reader
	ctx context.Context
	bar *progress
	n   int64
	err error
}

// Read implements io.Reader.
func (c *countingReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.bar.add(int64(n))
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}
