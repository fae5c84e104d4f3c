package drive

import (
	"context"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
)

// Order is the order of an iteration or of a compacted file.
type Order int

// The orders. NewestFirst is that of the original; it needs no memory. FileOrder
// is from the oldest to the newest; it takes 8 bytes for each entry to be
// returned.
const (
	FileOrder Order = iota
	NewestFirst
)

// scanGroup is how many entries are found before they are handed out together.
const scanGroup = 128

// walker goes through the chain of entries of a file, newest first.
type walker struct {
	g    *generation
	m    *mapping
	tail int64 // where the next entry ends
	from int64 // where the walk began
	all  bool  // superseded entries and tombstones too
	// whole tells that all entries were live when the walk began. While nothing is written, the index need not be
	// asked for any of them.
	whole bool
	// met holds the hashes of all entries that the walk has met, from the moment on when it meets a key that
	// was written since the walk began; nil until then, which for most walks is for ever.
	met    map[uint64]struct{}
	parsed [scanGroup]located
	group  [scanGroup]location
}

// walk begins a walk at the end of the drive. The walker is nil when there is
// nothing to walk through.
func (s *Store) walk(all bool) (*walker, error) {
	g := s.gen.Load()
	if g == nil {
		return nil, ErrClosed
	}
	tail := g.tail.Load()
	if tail == 0 {
		return nil, nil
	}
	m, err := g.cover(tail)
	if err != nil {
		return nil, err
	}
	return &walker{g: g, m: m, tail: tail, from: tail, all: all, whole: s.wholeAt(g, tail)}, nil
}

// wholeAt tells whether all entries up to tail, the end of g, are live. It does not
// wait for a writer: while one publishes what it has written the answer is no.
func (s *Store) wholeAt(g *generation, tail int64) bool {
	keys := g.index.count() // may read tables; a write since then shows in the tail
	if g.index.spoiled() || !s.countsMu.TryLock() {
		return false
	}
	defer s.countsMu.Unlock()
	return s.gen.Load() == g && g.tail.Load() == tail && s.counts.entries == keys
}

// direct tells whether the walk can return the entries that it meets without
// asking the index.
func (w *walker) direct() bool { return w.all || w.whole && w.g.reach.Load() == w.from }

// next returns the next entries, in memory that the next call uses again; none at
// the end.
func (w *walker) next() (found []location, err error) {
	if w == nil {
		return nil, nil
	}
	found = w.group[:0]
	err = w.m.guard(func() error {
		for w.tail > 0 && len(found) == 0 {
			parsed, err := w.parse()
			if err != nil {
				return err
			}
			if w.direct() {
				for i := range parsed {
					found = append(found, locationIn(parsed[i]))
				}
				return nil
			}
			w.g.index.touchEntries(parsed)
			for _, e := range parsed {
				if loc := w.live(e, locationIn(e)); loc != 0 {
					found = append(found, loc)
				}
			}
		}
		return nil
	})
	return found, err
}

// parse reads the next entries of the chain.
func (w *walker) parse() ([]located, error) {
	n, tail, err := w.m.parseGroup(&w.parsed, w.tail, 0)
	w.tail = tail
	return w.parsed[:n], err
}

// parseGroup reads the entries that end at tail and before it, down to floor, as
// many as fit into group. It returns how many, and the tail before them. It reads
// through the mapping, under the caller's guard.
func (m *mapping) parseGroup(group *[scanGroup]located, tail, floor int64) (n int, before int64, err error) {
	for ; tail > floor && n < len(group); n++ {
		e, ok := parseEntry(m.data, tail)
		if !ok || e.prevOffset < floor {
			return n, tail, brokenChain(m.path, tail)
		}
		group[n] = e
		tail = e.prevOffset
	}
	return n, tail, nil
}

// backward calls visit with the entries between the tails floor and tail, newest
// first, in groups whose memory is used again. It is for those who ask the index for
// each: the waits for memory overlap. A fault of the mapping is an error, also in
// visit.
func (g *generation) backward(tail, floor int64, visit func(group []located) error) error {
	if tail <= floor {
		return nil
	}
	m, err := g.cover(tail)
	if err != nil {
		return err
	}
	var group [scanGroup]located
	return m.guard(func() error {
		for tail > floor {
			n, before, err := m.parseGroup(&group, tail, floor)
			if err != nil {
				return err
			}
			tail = before
			g.index.touchEntries(group[:n])
			if err := visit(group[:n]); err != nil {
				return err
			}
		}
		return nil
	})
}

// live returns where the live value is that e stands for, or 0. For most entries
// that is e itself or nothing. If the key has been written since the walk began,
// its live value lies behind the start of the walk, and the newest entry that the
// walk meets stands for it.
func (w *walker) live(e located, loc location) location {
	now := w.g.index.get(e.keyHash)
	moved := now.tail() > w.from && now != 0
	if moved && w.met == nil {
		w.recall(e.tail())
	}
	metBefore := false
	if w.met != nil {
		_, metBefore = w.met[e.keyHash]
		w.met[e.keyHash] = struct{}{}
	}
	switch {
	case e.tombstone:
		return 0
	case now == loc, moved && !metBefore:
		return now
	}
	return 0
}

// recall fills met with the hashes of the entries between tail and the start of
// the walk. It reads through the mapping, under the caller's guard.
func (w *walker) recall(tail int64) {
	w.met = make(map[uint64]struct{})
	for at := w.from; at > tail; {
		e, ok := parseEntry(w.m.data, at)
		if !ok {
			return // the walk has been here, so the file is being damaged; it will meet that
		}
		w.met[e.keyHash] = struct{}{}
		at = e.prevOffset
	}
}

// entry returns the Entry of a location that next returned.
func (w *walker) entry(loc location) (Entry, error) {
	if loc.tail() <= w.m.size() {
		return Entry{m: w.m, loc: loc}, nil
	}
	return w.g.entry(loc)
}

// collect returns all locations that are left.
func (w *walker) collect() ([]location, error) {
	var all []location
	for {
		found, err := w.next()
		if err != nil || len(found) == 0 {
			return all, err
		}
		all = append(all, found...)
	}
}

// Entries returns an iteration over the live entries, each key once. It may be
// used many times; each use begins with the drive as it then is. Writers do not
// wait for it. A key that is written while an iteration runs is returned with its
// newer value if it had one at the start, else not; one that is deleted meanwhile
// may be returned or not.
//
// If the file turns out to be damaged, or the store is closed at the start, the
// last pair has an error and the zero Entry.
func (s *Store) Entries(order Order) iter.Seq2[Entry, error] { return s.iterate(order, false) }

// History returns an iteration over every entry of the file up to the tail at its
// start: live ones, superseded ones and tombstones. Otherwise it is like Entries.
func (s *Store) History(order Order) iter.Seq2[Entry, error] { return s.iterate(order, true) }

func (s *Store) iterate(order Order, all bool) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		w, err := s.walk(all)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		next := w.next
		if order == FileOrder {
			next = w.fileOrder()
		}
		for {
			found, err := next()
			for _, loc := range found {
				e, err := w.entry(loc)
				if !yield(e, err) || err != nil {
					return
				}
			}
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if len(found) == 0 {
				return
			}
		}
	}
}

// fileOrder returns a function like next that returns all at once, oldest first.
func (w *walker) fileOrder() func() ([]location, error) {
	done := false
	return func() ([]location, error) {
		if done {
			return nil, nil
		}
		done = true
		all, err := w.collect()
		slices.Reverse(all)
		return all, err
	}
}

// parallelGroup is how many entries a worker of ParallelEntries takes at a time.
const parallelGroup = 256

// ParallelEntries calls fn with every live entry, from several goroutines at once
// and in no particular order; what it says of concurrent writes is what Entries
// says. workers below 1 means 1. It takes 8 bytes of memory for each live entry.
//
// When fn returns an error, or ctx is done, or bytes cannot be read, even by fn
// (a *CorruptError), no further entries are handed out; ParallelEntries returns
// the first such error after all calls of fn have ended.
func (s *Store) ParallelEntries(ctx context.Context, workers int, fn func(Entry) error) error {
	w, err := s.walk(false)
	if err != nil {
		return err
	}
	all, err := w.collect()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var taken atomic.Int64
	work := func() error {
		for {
			end := taken.Add(parallelGroup)
			if end-parallelGroup >= int64(len(all)) {
				return nil
			}
			for _, loc := range all[end-parallelGroup : min(end, int64(len(all)))] {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				e, err := w.entry(loc)
				if err == nil {
					err = e.m.guard(func() error { return fn(e) })
				}
				if err != nil {
					return err
				}
			}
		}
	}
	var wg sync.WaitGroup
	for range max(1, min(workers, (len(all)+parallelGroup-1)/parallelGroup)) {
		// Ends when all entries are taken or ctx is done; waited for below.
		wg.Go(func() {
			if err := work(); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
