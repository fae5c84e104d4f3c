package driveclient

import (
	"context"
	"errors"
	"io"

	"github.com/simd-drive/go/drive-service-definition"
	"github.com/simd-drive/go/muxio-rpc-caller"
)

// WriteFrom stores all that r yields under key, with constant memory at both
// ends, and returns the new size of the file. An error of r, the end of ctx and
// the loss of the connection store nothing; the error of r is returned wrapped.
func (c *Client) WriteFrom(ctx context.Context, key []byte, r io.Reader) (int64, error) {
	return c.writeFrom(ctx, driveservice.Key(key), r)
}

// WriteFromHash is [Client.WriteFrom] by the hash of the key.
func (c *Client) WriteFromHash(ctx context.Context, hash uint64, r io.Reader) (int64, error) {
	return c.writeFrom(ctx, driveservice.Hash(hash), r)
}

func (c *Client) writeFrom(ctx context.Context, key driveservice.KeyRef, r io.Reader) (int64, error) {
	const op = "write from"
	if c.original {
		return c.writeWhole(ctx, key, r)
	}
	stream, err := caller.OpenClientStream(ctx, c.conn, driveservice.StreamWrite, driveservice.KeyRequest{Key: key})
	if err != nil {
		return 0, c.failed(op, err)
	}
	response, err := caller.Upload(stream, r)
	return signed(response.Tail), c.failed(op, err)
}

// ReadTo writes the value of key to w as it arrives and returns how many bytes
// that were. It fails with [ErrNotFound] before anything was written. With any
// other error what was written is a part of the value; in particular a damaged
// value is found out at its end, as [ErrCorrupt].
func (c *Client) ReadTo(ctx context.Context, key []byte, w io.Writer) (int64, error) {
	return c.readTo(ctx, driveservice.Key(key), w)
}

// ReadToHash is [Client.ReadTo] by the hash of the key.
func (c *Client) ReadToHash(ctx context.Context, hash uint64, w io.Writer) (int64, error) {
	return c.readTo(ctx, driveservice.Hash(hash), w)
}

func (c *Client) readTo(ctx context.Context, key driveservice.KeyRef, w io.Writer) (int64, error) {
	r, err := c.open(ctx, driveservice.StreamReadRequest{Key: key})
	if err != nil {
		return 0, err
	}
	defer func() { _ = r.Close() }() // it always returns nil
	return r.WriteTo(w)
}

// Reader returns the value of key as a stream that must be read to its end or
// closed; the end of ctx ends it too. It fails with [ErrNotFound] for a key
// without a value. The reader returns [io.EOF] only after a whole value that
// matched its checksum. It is for one goroutine at a time, except Close.
func (c *Client) Reader(ctx context.Context, key []byte) (io.ReadCloser, error) {
	return c.reader(ctx, driveservice.StreamReadRequest{Key: driveservice.Key(key)})
}

// ReaderHash is [Client.Reader] by the hash of the key.
func (c *Client) ReaderHash(ctx context.Context, hash uint64) (io.ReadCloser, error) {
	return c.reader(ctx, driveservice.StreamReadRequest{Key: driveservice.Hash(hash)})
}

// RangeReader is [Client.Reader] for length bytes from offset on, or up to the
// end of the value when it ends before or length is 0. The checksum, which is
// that of the whole value, is not verified unless the range is all of it. It
// fails with [ErrOutOfRange] for an offset that is negative or beyond the end.
func (c *Client) RangeReader(ctx context.Context, key []byte, offset, length int64) (io.ReadCloser, error) {
	if offset < 0 || length < 0 {
		return nil, c.refused("read", driveservice.ReasonOutOfRange, "negative offset or length")
	}
	return c.reader(ctx, driveservice.StreamReadRequest{
		Key: driveservice.Key(key), Offset: uint64(offset), Length: uint64(length),
	})
}

// reader is open with the result that callers outside of the package get.
func (c *Client) reader(ctx context.Context, r driveservice.StreamReadRequest) (io.ReadCloser, error) {
	v, err := c.open(ctx, r)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// open starts to stream a value and waits for its first bytes, so that a
// refusal shows here and not at the first Read.
func (c *Client) open(ctx context.Context, r driveservice.StreamReadRequest) (*valueReader, error) {
	if c.original {
		return c.openOriginal(ctx, r)
	}
	stream, err := caller.OpenServerStream(ctx, c.conn, driveservice.StreamRead, r)
	if err != nil {
		return nil, c.failed("read", err)
	}
	v := &valueReader{client: c, stream: stream}
	v.fill()
	if v.err != nil && !errors.Is(v.err, io.EOF) {
		return nil, v.err
	}
	return v, nil
}

// valueReader is a value that is being received.
type valueReader struct {
	client *Client
	stream *caller.ServerStream[[]byte] // nil when all of it is there
	rest   []byte                       // of the last chunk, valid until the next
	err    error                        // what follows rest: io.EOF or a failure
}

// fill makes rest non-empty unless err is set.
func (v *valueReader) fill() {
	for len(v.rest) == 0 && v.err == nil {
		v.rest, v.err = v.stream.Receive()
		if v.err != nil && !errors.Is(v.err, io.EOF) {
			v.err = v.client.failed("read", v.err)
		}
	}
}

// Read implements [io.Reader].
func (v *valueReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	v.fill()
	if len(v.rest) == 0 {
		return 0, v.err
	}
	n := copy(p, v.rest)
	v.rest = v.rest[n:]
	return n, nil
}

// WriteTo implements [io.WriterTo]: it hands the chunks on without a copy.
func (v *valueReader) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for {
		v.fill()
		if len(v.rest) == 0 {
			if errors.Is(v.err, io.EOF) {
				return total, nil
			}
			return total, v.err
		}
		n, err := w.Write(v.rest)
		total += int64(n)
		if err == nil && n < len(v.rest) {
			err = io.ErrShortWrite
		}
		v.rest = v.rest[n:]
		if err != nil {
			return total, err
		}
	}
}

// Close gives the call up unless it was read to its end. It may be called again
// and from any goroutine.
func (v *valueReader) Close() error {
	if v.stream == nil {
		return nil
	}
	return v.stream.Close()
}
