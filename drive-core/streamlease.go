package drive

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

const (
	// leasePatience is how long a stream may let the other writers wait for its reader.
	leasePatience = 10 * time.Millisecond
	// leasePerByte is how much longer for each byte that came: a reader that is faster than that lets them wait
	// less long than the copying from a temporary file would.
	leasePerByte = time.Nanosecond
)

// lease is the writers' lock in the hands of a stream. Its reader keeps it while it
// is prompt; a Read that takes too long loses it in the midst: a timer moves what
// there is of the stream out of the drive, into a temporary file, and unlocks.
type lease struct {
	r      io.Reader
	w      *streamWrite
	p      pourer
	waited time.Duration // for the reader so far

	timer *time.Timer
	ended chan struct{} // closed when giveUp has ended
	// Set by giveUp, while Read waits for it:
	lost   bool
	spool  vfs.File // where p writes now
	remove func()
	err    error // of making or filling it
}

// writeWhilePrompt writes a stream straight into the drive as long as its reader does
// not stall, and else by way of a temporary file, whose failure is none of the store.
func (s *Store) writeWhilePrompt(hash uint64, head []byte, r io.Reader) (int64, error) {
	l := &lease{r: r, ended: make(chan struct{})}
	s.mu.Lock()
	defer l.release(s)
	w, err := s.beginStreamLocked()
	if err != nil {
		return 0, err
	}
	l.w, l.p = w, pourer{file: w.g.file, off: w.start, limit: w.limit}
	err = l.p.drain(head, l)
	switch {
	case l.err != nil:
		return 0, l.err
	case l.p.err != nil && !errors.Is(l.p.err, ErrTooLarge) && !l.lost:
		return 0, w.failedLocked(l.p.err)
	case l.p.err != nil && !errors.Is(l.p.err, ErrTooLarge):
		return 0, fmt.Errorf("drive: write the temporary file: %w", l.p.err)
	case err != nil:
		return 0, err
	case l.lost:
		return s.writeSpooled(hash, l.spool, l.p.size, l.p.sum)
	}
	return w.publishLocked(hash, l.p.size, l.p.sum)
}

// Read reads from the reader. The lock may be lost when it returns, also by a panic.
func (l *lease) Read(b []byte) (n int, err error) {
	if l.lost {
		return l.r.Read(b)
	}
	begin := time.Now()
	patience := leasePatience + time.Duration(l.p.size)*leasePerByte - l.waited
	if l.timer == nil {
		l.timer = time.AfterFunc(patience, l.giveUp)
	} else {
		l.timer.Reset(patience)
	}
	defer func() {
		if !l.timer.Stop() {
			<-l.ended
			if l.err != nil {
				n, err = 0, l.err
			}
		}
		l.waited += time.Since(begin)
	}()
	return l.r.Read(b)
}

// giveUp moves the stream to a temporary file and lets other writers go on. It runs
// while Read does, which waits for its end.
func (l *lease) giveUp() {
	s := l.w.s
	defer close(l.ended)
	defer s.mu.Unlock()
	l.lost = true
	spool, remove, err := s.newSpool()
	if err != nil {
		l.err = fmt.Errorf("drive: make a temporary file: %w", err)
	} else {
		l.spool, l.remove = spool, remove
		if _, err := spool.CopyFrom(l.w.g.file, l.w.start, 0, l.p.size); err != nil {
			l.err = fmt.Errorf("drive: move the stream to a temporary file: %w", err)
		}
	}
	l.w.rollBackLocked()
	l.p.file, l.p.off, l.p.limit = spool, 0, maxOffset
}

// release gives up the lock, unless it is lost, and the temporary file.
func (l *lease) release(s *Store) {
	if !l.lost {
		if l.w != nil {
			l.w.rollBackLocked()
		}
		s.mu.Unlock()
	}
	if l.remove != nil {
		l.remove()
	}
}
