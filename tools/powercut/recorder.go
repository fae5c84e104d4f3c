//go:build linux

package powercut

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// record is what the disk was asked to do: to store data at off, or, when data is
// nil, to make durable what it stored before.
type record struct {
	off  int64
	data []byte
	at   time.Duration // see monotonic
}

// isFlush tells whether the record is a flush.
func (r *record) isFlush() bool { return r.data == nil }

// recording is what happened to a disk.
type recording struct {
	base *image   // the content before
	log  []record // in the order in which the disk got to know
	end  time.Duration
}

// time returns the moment just before record i, or the end when there is no such
// record.
func (r *recording) time(i int) time.Duration {
	if i < len(r.log) {
		return r.log[i].at
	}
	return r.end
}

// flushes returns how many of the records are flushes.
func (r *recording) flushes() (n int) {
	for i := range r.log {
		if r.log[i].isFlush() {
			n++
		}
	}
	return n
}

// bytes returns how much was written.
func (r *recording) bytes() (n int64) {
	for i := range r.log {
		n += int64(len(r.log[i].data))
	}
	return n
}

// recorder is a disk in memory that keeps a record. It is safe for concurrent use.
type recorder struct {
	position *position
	size     int64 // bytes
	overtake bool  // flushes overtake writes that were asked for before

	mu      sync.Mutex
	rec     recording     // guarded by mu
	now     *image        // guarded by mu; what reads get
	stopped bool          // guarded by mu
	flushes int           // guarded by mu
	flushed chan struct{} // guarded by mu; closed by the next flush
}

func newRecorder(base *image, overtake bool, p *position) *recorder {
	p.store(0)
	return &recorder{
		position: p, size: base.size(), overtake: overtake,
		rec: recording{base: base}, now: base.clone(), flushed: make(chan struct{}),
	}
}

// read fills dst from off, as far as the disk reaches, and returns how much that is.
func (r *recorder) read(dst []byte, off int64) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(int64(len(dst)), max(0, r.size-off))
	r.now.readAt(dst[:n], off)
	return int(n)
}

// write stores a copy of src at off; false if that is not within the disk. Writes that
// are under way at the same time, and flushes, may be done in any order, as on a real
// disk.
func (r *recorder) write(src []byte, off int64) bool {
	src = append([]byte{}, src...)
	if r.overtake {
		r.letOthersPass(off)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if off < 0 || off+int64(len(src)) > r.size {
		return false
	}
	r.now.writeAt(src, off)
	r.add(record{off: off, data: src})
	return true
}

const (
	// slowRegion is the unit, in bytes, in which the disk is slow or fast.
	slowRegion = 1 << 20
	// slowFlushes is how many flushes a region stays so.
	slowFlushes = 16
	// maxPassing is how many flushes overtake a write, at most.
	maxPassing = 4
	// maxWait is how long a write waits for them.
	maxWait = 2 * time.Millisecond
)

// letOthersPass waits, where the disk is slow for the moment, until some flushes have
// been done that were asked for later than the write at off.
func (r *recorder) letOthersPass(off int64) {
	r.mu.Lock()
	draw := rand.New(rand.NewPCG(uint64(off/slowRegion), uint64(r.flushes/slowFlushes)))
	passing := 0
	if draw.IntN(2) == 0 {
		passing = 1 + draw.IntN(maxPassing)
	}
	r.mu.Unlock()
	timeout := time.After(maxWait)
	for range passing {
		r.mu.Lock()
		flushed := r.flushed
		r.mu.Unlock()
		select {
		case <-flushed:
		case <-timeout:
			return
		}
	}
}

// flush notes that all that was written is durable.
func (r *recorder) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(record{})
	r.flushes++
	close(r.flushed)
	r.flushed = make(chan struct{})
}

// add appends to the log and lets everybody know its length. r.mu must be held.
func (r *recorder) add(x record) {
	if r.stopped {
		return
	}
	x.at = monotonic()
	r.rec.log = append(r.rec.log, x)
	r.position.store(uint64(len(r.rec.log)))
}

// stop ends the record and returns it. The disk goes on to work.
func (r *recorder) stop() *recording {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.stopped {
		r.stopped = true
		r.rec.end = monotonic()
	}
	return &r.rec
}

// position is the number of records in a log, in memory that the workload shares. So
// the workload knows, without asking, how much of the record there was when it
// called the drive and when the drive answered.
type position struct {
	file *os.File
	mem  []byte
}

// newPosition makes a position of 0.
func newPosition() (*position, error) {
	f, err := newMemfd("powercut-position")
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(pageSize); err != nil {
		return nil, err
	}
	return openPosition(f)
}

// newMemfd makes a nameless file in memory; name is for those who list files.
func newMemfd(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd: %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// openPosition shares the position that another process made.
func openPosition(f *os.File) (*position, error) {
	mem, err := unix.Mmap(int(f.Fd()), 0, pageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map position: %w", err)
	}
	return &position{file: f, mem: mem}, nil
}

// word returns the number in the shared memory.
func (p *position) word() *atomic.Uint64 {
	// Safety: a mapping starts at a page, is longer than 8 bytes and stays until close; no Go pointer is in it.
	return (*atomic.Uint64)(unsafe.Pointer(unsafe.SliceData(p.mem)))
}

func (p *position) load() uint64   { return p.word().Load() }
func (p *position) store(n uint64) { p.word().Store(n) }

// close releases the memory.
func (p *position) close() error {
	if err := unix.Munmap(p.mem); err != nil {
		return err
	}
	return p.file.Close()
}

// monotonic returns the time of a clock that all processes share and nobody sets.
func monotonic() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err) // this clock is always there
	}
	return time.Duration(ts.Nano())
}
