package drive

import (
	"errors"
	"io"
)

// writePiece is how much of a payload EntryReader.WriteTo passes on at a time.
const writePiece = 1 << 20

// EntryReader reads the payload of an Entry. It implements io.Reader, io.ReaderAt
// and io.WriterTo; ReadAt is safe for concurrent use, the others are not. It does
// not verify the checksum. Bytes that cannot be read are a *CorruptError.
type EntryReader struct {
	e   Entry
	pos int64
}

// Len returns how many bytes Read has not yet returned.
func (r *EntryReader) Len() int64 { return r.e.Size() - r.pos }

// Read implements io.Reader.
func (r *EntryReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := r.ReadAt(p, r.pos)
	r.pos += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// ReadAt implements io.ReaderAt.
func (r *EntryReader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("drive: negative offset")
	}
	if r.e.m == nil {
		return 0, io.EOF
	}
	n := 0
	err := r.e.m.guard(func() error {
		b := r.e.Bytes()
		if off < int64(len(b)) {
			n = copy(p, b[off:])
		}
		return nil
	})
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// WriteTo implements io.WriterTo: it writes what Read has not yet returned.
func (r *EntryReader) WriteTo(w io.Writer) (int64, error) {
	if r.e.m == nil {
		return 0, nil
	}
	var done int64
	err := r.e.m.guard(func() error {
		b := r.e.Bytes()
		for r.pos < int64(len(b)) {
			piece := b[r.pos:min(int64(len(b)), r.pos+writePiece)]
			n, err := w.Write(piece)
			done += int64(n)
			r.pos += int64(n)
			if err != nil {
				return err
			}
			if n < len(piece) {
				return io.ErrShortWrite
			}
		}
		return nil
	})
	return done, err
}
