package drive

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

const (
	// spoolMin is how much of a stream is kept in memory before a file takes it.
	spoolMin = 4 << 20
	// streamBuffer is the buffer through which longer streams pass.
	streamBuffer = 256 << 10
	// headMin is the first buffer for a stream.
	headMin = 4 << 10
	// maxEmptyReads is how often a reader may return neither bytes nor an error.
	maxEmptyReads = 100
)

// WriteFrom stores what r returns until io.EOF under key and returns the new tail.
// Nothing is visible until all of it is stored; if r fails, with an error that
// WriteFrom wraps, nothing is stored. Memory does not grow with the length of the
// stream.
//
// A stalled reader blocks no other writer: up to 4 MiB are buffered in memory. What
// is longer is written into the drive while other writers wait, as long as r is about
// as fast as copying a file. Once it falls behind by some milliseconds, what there is
// of the stream moves to a nameless temporary file beside the drive, where the rest
// follows, which costs the same space again for that time; at the end the system
// copies it into the drive under the writers' lock. A bytes.Reader, bytes.Buffer,
// strings.Reader, EntryReader and an *os.File that is a regular file are taken not to
// stall, however long they take.
//
// Errors: as for Write. Upstream: the original stores what it got before the
// reader's error as if it were the value, leaves the file in disorder after
// refusing an empty stream, and refuses streams of zeros of any length; here only
// a single zero byte is refused, as in Write.
func (s *Store) WriteFrom(key []byte, r io.Reader) (int64, error) {
	return s.WriteFromHash(KeyHash(key), r)
}

// WriteFromHash is WriteFrom for the KeyHash of a key.
func (s *Store) WriteFromHash(hash uint64, r io.Reader) (int64, error) {
	if err := s.checkWritable(); err != nil {
		return 0, err // before the stream is consumed
	}
	head, err := readHead(checkedReader{r})
	if err != nil {
		return 0, err
	}
	if len(head) < spoolMin {
		return s.WriteHash(hash, head)
	}
	if promptReader(r) {
		return s.writeDirect(hash, head, r)
	}
	return s.writeWhilePrompt(hash, head, r)
}

// promptReader tells whether r is known to return without waiting for anybody.
func promptReader(r io.Reader) bool {
	if f, ok := r.(*os.File); ok {
		info, err := f.Stat()
		return err == nil && info.Mode().IsRegular()
	}
	return inMemory(r)
}

// inMemory tells whether the bytes of r are in memory, where its WriteTo passes them
// on without a copy.
func inMemory(r io.Reader) bool {
	switch r.(type) {
	case *bytes.Reader, *bytes.Buffer, *strings.Reader, *EntryReader:
		return true
	}
	return false
}

// checkedReader guards against readers that break the contract of io.Reader.
type checkedReader struct{ r io.Reader }

func (c checkedReader) Read(p []byte) (int, error) {
	for range maxEmptyReads {
		n, err := c.r.Read(p)
		if n < 0 || n > len(p) {
			return 0, errors.New("drive: reader returned an impossible count")
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// readHead returns what r returns until io.EOF, spoolMin bytes at most.
func readHead(r io.Reader) ([]byte, error) {
	var head []byte
	for len(head) < spoolMin {
		if len(head) == cap(head) {
			head = slices.Grow(head, min(max(headMin, 3*len(head)), spoolMin-len(head)))
		}
		n, err := r.Read(head[len(head):min(cap(head), spoolMin)])
		head = head[:len(head)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("drive: read the stream: %w", err)
		}
	}
	return head, nil
}

// pourer writes a stream to a file and computes its checksum, in pieces that are
// still in the processor's cache for the second of the two.
type pourer struct {
	file  vfs.File
	off   int64 // where the stream begins
	size  int64 // bytes so far
	limit int64 // bytes there may be
	sum   uint32
	err   error // of Write
}

// Write implements io.Writer.
func (p *pourer) Write(b []byte) (int, error) {
	done := 0
	for p.err == nil && done < len(b) {
		part := b[done:min(len(b), done+streamBuffer)]
		if p.size+int64(len(part)) > p.limit {
			p.err = ErrTooLarge
			break
		}
		p.sum = updateChecksum(p.sum, part)
		if _, p.err = p.file.WriteAt(part, p.off+p.size); p.err == nil {
			p.size += int64(len(part))
			done += len(part)
		}
	}
	return done, p.err
}

// drain writes head and then what r returns.
func (p *pourer) drain(head []byte, r io.Reader) error {
	if _, err := p.Write(head); err != nil {
		return err
	}
	var err error
	if w, ok := r.(io.WriterTo); ok && inMemory(r) {
		_, err = w.WriteTo(p)
	} else {
		// The reader must not see a ReadFrom or WriteTo that would choose another buffer.
		_, err = io.CopyBuffer(struct{ io.Writer }{p}, checkedReader{r}, make([]byte, streamBuffer))
	}
	if err != nil && p.err == nil {
		return fmt.Errorf("drive: read the stream: %w", err)
	}
	return err
}

// writeDirect writes a stream that does not stall straight into the drive.
func (s *Store) writeDirect(hash uint64, head []byte, r io.Reader) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, err := s.beginStreamLocked()
	if err != nil {
		return 0, err
	}
	defer w.rollBackLocked() // also when the reader panics
	p := pourer{file: w.g.file, off: w.start, limit: w.limit}
	err = p.drain(head, r)
	switch {
	case errors.Is(p.err, vfs.ErrFault):
		err = errValueFault
	case p.err != nil && !errors.Is(p.err, ErrTooLarge):
		err = w.failedLocked(p.err)
	}
	if err != nil {
		return 0, err
	}
	return w.publishLocked(hash, p.size, p.sum)
}

// writeSpooled writes a stream of which size bytes are in a temporary file into the
// drive.
func (s *Store) writeSpooled(hash uint64, spool vfs.File, size int64, sum uint32) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, err := s.beginStreamLocked()
	if err != nil {
		return 0, err
	}
	defer w.rollBackLocked()
	if size > w.limit {
		return 0, ErrTooLarge
	}
	if _, err := w.g.file.CopyFrom(spool, 0, w.start, size); err != nil {
		return 0, w.failedLocked(err)
	}
	return w.publishLocked(hash, size, sum)
}

// newSpool makes a temporary file beside the drive. remove closes it, and removes
// it if the system did not let an open file be removed at once.
func (s *Store) newSpool() (spool vfs.File, remove func(), err error) {
	name := s.realPath + ".spool-" + rand.Text()
	spool, err = s.fsys.Open(name, vfs.Exclusive, 0o600)
	if err != nil {
		return nil, nil, err
	}
	gone := s.fsys.Remove(name) == nil
	return spool, func() {
		err := spool.Close()
		if !gone {
			err = errors.Join(err, s.fsys.Remove(name))
		}
		if err != nil {
			s.log.Warn("drive: temporary file left behind", "path", name, "err", err)
		}
	}, nil
}
