package drive

import (
	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// copyBufferBytes is how much a copyWriter collects before it writes.
const copyBufferBytes = 1 << 20

// copyWriter writes entries one after another into a new file, through a buffer.
// One goroutine owns it.
type copyWriter struct {
	file    vfs.File
	buf     []byte
	written int64 // bytes of the file; what is in buf follows them
}

// newCopyWriter returns a writer at the beginning of f.
func newCopyWriter(f vfs.File) *copyWriter {
	return &copyWriter{file: f, buf: make([]byte, 0, copyBufferBytes)}
}

// tail is where the last entry ends.
func (w *copyWriter) tail() int64 { return w.written + int64(len(w.buf)) }

// entry appends an entry with key hash and checksum of m.
func (w *copyWriter) entry(m metadata, payload []byte, tombstone bool) error {
	if tombstone {
		w.buf = appendTombstone(w.buf, w.tail(), m.keyHash)
		return w.flushFull()
	}
	if len(payload) == 1 && payload[0] == tombstoneByte && padding(w.tail()) == 0 {
		// Without padding this value would read as a tombstone. A real one before it, of
		// the same key, moves it on.
		w.buf = appendTombstone(w.buf, w.tail(), m.keyHash)
	}
	m.prevOffset = w.tail()
	w.buf = append(w.buf, zeroPad[:padding(w.tail())]...)
	if len(payload) > copyBufferBytes {
		if err := w.flush(); err != nil {
			return err
		}
		n, err := w.file.WriteAt(payload, w.written)
		w.written += int64(n)
		if err != nil {
			return err
		}
	} else {
		w.buf = append(w.buf, payload...)
	}
	w.buf = appendMetadata(w.buf, m)
	return w.flushFull()
}

// flushFull writes the buffer when it is worth it.
func (w *copyWriter) flushFull() error {
	if len(w.buf) < copyBufferBytes {
		return nil
	}
	return w.flush()
}

// flush writes what is in the buffer.
func (w *copyWriter) flush() error {
	n, err := w.file.WriteAt(w.buf, w.written)
	w.written += int64(n)
	w.buf = w.buf[:0]
	return err
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
