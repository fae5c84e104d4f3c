package server

import "sync"

// How values get out of the file. The bytes of an entry are those of the mapped
// file: when somebody cuts it, or the disk fails, touching them raises a fault. The
// engine's calls return that as an error, and handlers are protected by finish. What
// a handler hands on is touched by others, though: copied into the queue and the
// buffer of its connection, encrypted. A fault there would end the program, and
// even where only the system reads the bytes it would end the connection. So every
// value is copied inside of its handler, and it is the copy that is verified.

const (
	// chunkBytes is the size of the pieces in which a value is streamed. Each is
	// copied and verified while it is in the processor's cache.
	chunkBytes = 256 << 10
	// copyInMemoryBytes is the largest value that is copied within the file through
	// memory.
	copyInMemoryBytes = 4 << 20
	// countedBytes is the smallest response that counts for Options.MaxPendingBytes.
	// Smaller ones are bounded by the number of calls.
	countedBytes = 64 << 10
)

// chunks holds the buffers of streams. Sending borrows a buffer until it returns.
var chunks = sync.Pool{New: func() any { return new([chunkBytes]byte) }}

// copier passes on what is written to it as copies of at most chunkBytes, each of
// which is lent to send until that returns.
type copier struct {
	buf  *[chunkBytes]byte
	send func(chunk []byte) error
}

// Write implements [io.Writer].
func (c copier) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		n := copy(c.buf[:], p[written:])
		if err := c.send(c.buf[:n]); err != nil {
			return written, err
		}
		written += n
	}
	return written, nil
}

// copying calls fn with a writer that passes copies on to send.
func copying(send func(chunk []byte) error, fn func(w copier) error) error {
	buf, _ := chunks.Get().(*[chunkBytes]byte)
	defer chunks.Put(buf)
	return fn(copier{buf: buf, send: send})
}
