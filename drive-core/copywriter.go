package drive

import (
	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// copyBufferBytes is how much a copyWriter collects before it writes. It has two such
// buffers: one is filled while the other is written.
const copyBufferBytes = 2 << 20

// copyWriter writes entries one after another into a new file, through a buffer.
// One goroutine owns it; finish must come last, also after an error.
type copyWriter struct {
	file    vfs.File
	buf     []byte
	written int64 // bytes of the file, with those that are being written; what is in buf follows them

	spare   []byte     // the other buffer
	writing chan error // receives the outcome of the write that goes on; nil while there is none
}

// newCopyWriter returns a writer at the beginning of f.
func newCopyWriter(f vfs.File) *copyWriter {
	return &copyWriter{file: f, buf: make([]byte, 0, copyBufferBytes), spare: make([]byte, 0, copyBufferBytes)}
}

// tail is where the last entry ends.
func (w *copyWriter) tail() int64 { return w.written + int64(len(w.buf)) }

// entry appends an entry with key hash and checksum of m.
func (w *copyWriter) entry(m metadata, payload []byte, tombstone bool) error {
	if tombstone {
		w.tombstone(m.keyHash)
		return w.flushFull()
	}
	if w.disguises(payload) {
		w.tombstone(m.keyHash)
	}
	m.prevOffset = w.tail()
	w.pad()
	if len(payload) < gatherMin {
		w.buf = append(w.buf, payload...)
	} else if err := w.pass(payload); err != nil {
		return err
	}
	w.buf = appendMetadata(w.buf, m)
	return w.flushFull()
}

// full tells that a value that is not passed might not fit into the buffer.
func (w *copyWriter) full() bool {
	return len(w.buf) > copyBufferBytes-max(gatherMin, runBytes)-2*alignment
}

// tombstone appends a tombstone to the buffer.
func (w *copyWriter) tombstone(hash uint64) { w.buf = appendTombstone(w.buf, w.tail(), hash) }

// pad appends what comes before a payload to the buffer.
func (w *copyWriter) pad() { w.buf = append(w.buf, zeroPad[:padding(w.tail())]...) }

// disguises tells whether payload, a single zero byte, would read as a tombstone for
// want of padding. A real tombstone of the same key before it moves it on.
func (w *copyWriter) disguises(payload []byte) bool {
	return len(payload) == 1 && payload[0] == tombstoneByte && padding(w.tail()) == 0
}

// pass writes the buffer and after it payload, from where it is.
func (w *copyWriter) pass(payload []byte) error {
	if err := w.wait(); err != nil {
		return err
	}
	n, err := w.file.WriteVec([][]byte{w.buf, payload}, w.written)
	w.written += n
	w.buf = w.buf[:0]
	return err
}

// flushFull writes the buffer when it is worth it.
func (w *copyWriter) flushFull() error {
	if len(w.buf) < copyBufferBytes {
		return nil
	}
	return w.flush()
}

// flush begins to write what is in the buffer. The error may be one of what was
// written before.
func (w *copyWriter) flush() error {
	if err := w.wait(); err != nil || len(w.buf) == 0 {
		return err
	}
	full, at := w.buf, w.written
	w.written += int64(len(full))
	w.buf, w.spare = w.spare[:0], full
	writing := make(chan error, 1)
	w.writing = writing
	// Ends with the write; wait waits for it.
	go func() {
		_, err := w.file.WriteAt(full, at)
		writing <- err
	}()
	return nil
}

// wait waits until nothing is being written.
func (w *copyWriter) wait() error {
	if w.writing == nil {
		return nil
	}
	err := <-w.writing
	w.writing = nil
	return err
}

// finish writes what is in the buffer and waits for the end of that.
func (w *copyWriter) finish() error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.wait()
}

// nameExclusively gives the file temporary the name path, which must be free; it
// fails with fs.ErrExist when it is not. The name is taken before the file is moved
// to it, because a rename would replace what is there.
func nameExclusively(fsys vfs.FS, temporary, path string) error {
	f, err := fsys.Open(path, vfs.Exclusive, 0o600)
	if err != nil {
		return err
	}
	if err = f.Close(); err == nil {
		err = fsys.Rename(temporary, path)
	}
	if err != nil {
		_ = fsys.Remove(path) // it is ours, and empty
	}
	return err
}
