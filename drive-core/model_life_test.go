package drive

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// What happens to the store of a machine besides calls that change values.

// background is a compaction that waits in the middle, until it is told to end.
type background struct {
	order  Order
	from   int64 // the tail when it began
	paused chan struct{}
	resume chan struct{}
	result chan error
	report CompactResult
	ended  bool // it did not wait, for there was nothing to copy
}

// compactPaused begins a compaction and returns when it has copied something and
// waits, or has ended.
func compactPaused(s *Store, order Order) *background {
	b := &background{
		order: order, from: s.FileSize(),
		paused: make(chan struct{}, 1), resume: make(chan struct{}), result: make(chan error, 1),
	}
	first := true
	opts := CompactOptions{Order: order, Progress: func(int64, int64) {
		if first {
			first = false
			b.paused <- struct{}{}
			<-b.resume
		}
	}}
	// Ends with the compaction; end waits for it.
	go func() {
		report, err := s.Compact(context.Background(), opts)
		b.report = report
		b.result <- err
	}()
	select {
	case <-b.paused:
	case err := <-b.result:
		b.ended = true
		b.result <- err
	}
	return b
}

// end lets the compaction end and returns its error.
func (b *background) end() error {
	close(b.resume)
	return <-b.result
}

// compactedTo holds what a compaction reports, and goes on with the ledger of the
// new file.
func (m *machine) compactedTo(t *rapid.T, next *ledger, r CompactResult) {
	want := CompactResult{int64(len(next.live(FileOrder))), m.ledger.size(), next.size()}
	if r != want {
		t.Fatalf("compaction: %+v, want %+v", r, want)
	}
	m.ledger = next
	m.files++
	if _, left := m.extraFiles(t); len(left) > 0 {
		t.Fatalf("compaction left %q", left)
	}
}

func (m *machine) Compact(t *rapid.T) {
	order := rapid.SampledFrom([]Order{FileOrder, NewestFirst}).Draw(t, "order")
	r, err := m.store.Compact(context.Background(), CompactOptions{Order: order})
	if m.running != nil {
		if !errors.Is(err, ErrCompacting) {
			t.Fatalf("second compaction: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	m.compactedTo(t, m.ledger.compacted(order, m.ledger.size()), r)
	if n, err := m.store.CompactionSavings(); n != 0 || err != nil {
		t.Fatalf("savings after a compaction: %d, %v", n, err)
	}
}

// CompactBeside begins a compaction that runs while other calls are made, or ends it.
func (m *machine) CompactBeside(t *rapid.T) {
	b := m.running
	if b == nil {
		b = compactPaused(m.store, rapid.SampledFrom([]Order{FileOrder, NewestFirst}).Draw(t, "order"))
		if !b.ended {
			m.running = b
			return
		}
	}
	m.running = nil
	if err := b.end(); err != nil {
		t.Fatal(err)
	}
	m.compactedTo(t, m.ledger.compacted(b.order, b.from), b.report)
}

// extraFiles returns the names of files beside the drives: of those that were cut
// from a drive, and of others that should not be there.
func (m *machine) extraFiles(t *rapid.T) (cut, left []string) {
	list, err := os.ReadDir(m.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		name := d.Name()
		switch {
		case strings.HasPrefix(name, "a.drive.cut-"):
			cut = append(cut, filepath.Join(m.dir, name))
		case !slices.ContainsFunc([]string{"", markSuffix, checkpointSuffix, checkpointSuffix + checkpointNew}, func(suffix string) bool {
			return name == "a.drive"+suffix || name == "other.drive"+suffix
		}):
			left = append(left, name)
		}
	}
	return cut, left
}

// shut closes the store, a compaction running or not, and holds that it is closed.
func (m *machine) shut(t *rapid.T) {
	if rapid.Bool().Draw(t, "end iterations") {
		m.endWalks(t)
	}
	if err := m.store.Close(); err != nil {
		t.Fatal(err)
	}
	if m.running != nil {
		if err := m.running.end(); err == nil {
			t.Fatal("a compaction ended well after the store was closed")
		}
		m.running = nil
	}
	for _, w := range m.walks {
		w.closed = true
	}
	if _, left := m.extraFiles(t); len(left) > 0 {
		t.Fatalf("left behind: %q", left)
	}
	s := m.store
	_, getErr := s.GetHash(0)
	_, writeErr := s.WriteHash(0, []byte("x"))
	_, compactErr := s.Compact(context.Background(), CompactOptions{})
	for _, err := range []error{getErr, writeErr, compactErr, s.Sync()} {
		if !errors.Is(err, ErrClosed) {
			t.Fatalf("a closed store: %v", err)
		}
	}
	if s.Len() != 0 || s.FileSize() != 0 || s.ExistsHash(0) || s.Close() != nil {
		t.Fatal("a closed store shows something")
	}
}

// reopen opens the store again.
func (m *machine) reopen(t *rapid.T) {
	var err error
	if m.store, err = openIn(m.fsys, m.path, options(t)); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) Reopen(t *rapid.T) {
	m.shut(t)
	m.reopen(t)
}

// Tear leaves a part of an entry at the end of the file, as a killed process would:
// no reader minds, and the next writer cuts it off.
func (m *machine) Tear(t *rapid.T) {
	m.shut(t)
	tail := m.ledger.size()
	torn := appendValue(nil, tail, 1, bytes.Repeat([]byte{0xAB}, 40), 0)
	torn = torn[:rapid.IntRange(1, len(torn)-1).Draw(t, "torn after")]
	f, err := os.OpenFile(m.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(torn)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if tail > 0 { // else nothing tells it from a foreign file
		m.refresh(t)
		reader, err := openIn(m.fsys, m.path, Options{ReadOnly: true, ReserveBytes: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(m.ledger.compare(reader), reader.Close()); err != nil {
			t.Fatalf("a torn file, read-only: %v", err)
		}
		m.reopen(t)
		m.cutOff(t, torn)
		return
	}
	if _, err := openIn(m.fsys, m.path, Options{}); !errors.Is(err, ErrNotDrive) {
		t.Fatalf("a torn first entry: %v", err)
	}
	if err := os.Truncate(m.path, 0); err != nil {
		t.Fatal(err)
	}
	m.reopen(t)
}

// cutOff demands that bytes were saved beside the drive, and removes them.
func (m *machine) cutOff(t *rapid.T, want []byte) {
	cut, _ := m.extraFiles(t)
	if len(cut) != 1 {
		t.Fatalf("saved %q", cut)
	}
	got, err := os.ReadFile(cut[0])
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("saved %d bytes, want %d; %v", len(got), len(want), err)
	}
	if err := os.Remove(cut[0]); err != nil {
		t.Fatal(err)
	}
}

// Damage breaks the chain of the closed file: it is refused and left alone, and what
// comes before can be read on request. Not where the first value is a drive: whether
// that is the file or a value, nothing can tell then.
func (m *machine) Damage(t *rapid.T) {
	if len(m.ledger.entries) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.ledger.entries)-1).Draw(t, "entry")
	r := m.ledger.entries[i]
	if m.drives[m.ledger.entries[0].value] {
		return
	}
	m.shut(t)
	bad := slices.Clone(m.ledger.data)
	setPrev(bad, r.tail, math.MaxUint64)
	if err := os.WriteFile(m.path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	before := m.ownFiles()
	for _, readOnly := range []bool{true, false} {
		// With a checkpoint, damage further from the end is not seen.
		_, err := openIn(m.fsys, m.path, Options{ReadOnly: readOnly, Checkpoint: Checkpoint{Off: len(bad) > DefaultVerifyBytes}})
		var damage *CorruptError
		if !errors.As(err, &damage) || damage.Offset != r.prev || damage.Path != m.path {
			t.Fatalf("damaged entry at %d, read-only %v: %v", r.prev, readOnly, err)
		}
	}
	if got, err := os.ReadFile(m.path); err != nil || !bytes.Equal(got, bad) || !slices.Equal(m.ownFiles(), before) {
		t.Fatalf("a refused file was changed: %v; there are %q, there were %q", err, m.ownFiles(), before)
	}
	accepting, err := openIn(m.fsys, m.path, Options{ReadOnly: true, AcceptDamage: true, ReserveBytes: 1, Checkpoint: Checkpoint{Off: len(bad) > DefaultVerifyBytes}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.ledger.upTo(r.prev).compare(accepting), accepting.Close()); err != nil {
		t.Fatalf("accepted damage at %d: %v", r.prev, err)
	}
	if err := os.WriteFile(m.path, m.ledger.data, 0o600); err != nil {
		t.Fatal(err)
	}
	m.reopen(t)
}

// ownFiles lists the files of the drive. Those of another drive beside it come and go in
// the background.
func (m *machine) ownFiles() []string {
	return slices.DeleteFunc(fileNames(m.dir), func(name string) bool { return !strings.HasPrefix(name, filepath.Base(m.path)) })
}

// fileNames lists a directory.
func fileNames(dir string) (names []string) {
	list, _ := os.ReadDir(dir) // a missing one has no names
	for _, d := range list {
		names = append(names, d.Name())
	}
	return names
}

// Follow opens a read-only store beside the writer, refreshes it, or closes it.
func (m *machine) Follow(t *rapid.T) {
	switch {
	case m.follower == nil:
		var err error
		if m.follower, err = openIn(m.fsys, m.path, Options{ReadOnly: true, ReserveBytes: 1}); err != nil {
			t.Fatal(err)
		}
		m.follow()
	case rapid.IntRange(0, 5).Draw(t, "close") == 5:
		if err := m.follower.Close(); err != nil {
			t.Fatal(err)
		}
		m.follower = nil
	default:
		m.refresh(t)
	}
}

// follow notes that the follower has seen all there is.
func (m *machine) follow() { m.followed, m.followedFile = m.ledger.clone(), m.files }

// refresh lets the follower, if there is one, see all there is.
func (m *machine) refresh(t *rapid.T) {
	if m.follower == nil {
		return
	}
	news := m.followedFile != m.files || m.followed.size() != m.ledger.size()
	if changed, err := m.follower.Refresh(); err != nil || changed != news {
		t.Fatalf("refresh: %v, %v, want %v", changed, err, news)
	}
	m.follow()
	if err := m.followed.compare(m.follower); err != nil {
		t.Fatalf("follower: %v", err)
	}
	if changed, err := m.follower.Refresh(); changed || err != nil {
		t.Fatalf("refresh again: %v, %v", changed, err)
	}
}

// Verify verifies the file through the store and beside it.
func (m *machine) Verify(t *rapid.T) {
	var bytesOf int64
	for _, r := range m.ledger.entries {
		bytesOf += int64(len(r.value))
	}
	want := ScrubReport{Entries: int64(len(m.ledger.entries)), Bytes: bytesOf}
	if r, err := m.store.Scrub(context.Background(), ScrubOptions{}); err != nil || r != want {
		t.Fatalf("scrub: %+v, %v, want %+v", r, err, want)
	}
	st := m.ledger.stats()
	r, err := Check(context.Background(), m.path, CheckOptions{})
	if err != nil || !r.Healthy() || r.Notes != 0 || r.Entries != st.Entries || r.Live != st.LiveEntries ||
		r.LiveBytes != st.LiveBytes || r.Tombstones != st.Tombstones || r.Size != st.FileSize {
		t.Fatalf("check: %+v, %v, want %+v", r, err, st)
	}
}

// Hold keeps entries to look at later.
func (m *machine) Hold(t *rapid.T) {
	k := key(t, "key")
	if r, ok := m.ledger.get(k); ok && len(m.held) < 50 {
		e, err := m.store.FindHash(k)
		if err != nil {
			t.Fatal(err)
		}
		m.held = append(m.held, heldValue{e, r.value})
	}
}

// walk is an iteration over live entries that other calls interrupt.
type walk struct {
	pull   func() (Entry, error, bool)
	stop   func()
	may    map[uint64][]string // by hash of the keys at the start: the values since then
	must   map[uint64]bool     // those that were not deleted since
	seen   map[uint64]bool
	closed bool // the store has been closed
}

func (w *walk) changed(hash uint64, value []byte) {
	if values, ok := w.may[hash]; ok {
		w.may[hash] = append(values, string(value))
	}
}

func (w *walk) removed(hashes []uint64) {
	for _, h := range hashes {
		delete(w.must, h)
	}
}

// fill writes so much that an iteration does not read it at once: all keys of the
// machine, with replaced values, far from the end.
func (m *machine) fill(t *rapid.T) {
	if len(m.ledger.newest) > scanGroup {
		return
	}
	var items []HashedItem
	for i := range 2*len(hashes) + 2*scanGroup {
		it := HashedItem{uint64(1000 + i), []byte{byte(i), 1}}
		if i < 2*len(hashes) {
			it.Hash = hashes[i%len(hashes)]
		}
		items = append(items, it)
	}
	tail, err := m.store.WriteBatchHash(items)
	want := m.ledger.size()
	for _, it := range items {
		want = m.put(it.Hash, it.Value)
	}
	did(t, "fill", tail, want, err)
}

// Walk begins an iteration, which Step goes on with.
func (m *machine) Walk(t *rapid.T) {
	if len(m.walks) > 3 {
		return
	}
	if rapid.Bool().Draw(t, "fill") {
		m.fill(t)
	}
	order := rapid.SampledFrom([]Order{NewestFirst, FileOrder}).Draw(t, "order")
	w := &walk{may: map[uint64][]string{}, must: map[uint64]bool{}, seen: map[uint64]bool{}}
	for h, v := range m.ledger.values() {
		w.may[h], w.must[h] = []string{v}, true
	}
	w.pull, w.stop = iter.Pull2(m.store.Entries(order))
	m.walks = append(m.walks, w)
	m.step(t, w) // an iteration begins with its first step
}

// Step goes on with an iteration.
func (m *machine) Step(t *rapid.T) {
	if len(m.walks) == 0 {
		return
	}
	w := rapid.SampledFrom(m.walks).Draw(t, "walk")
	for range rapid.SampledFrom([]int{1, scanGroup, 3 * scanGroup}).Draw(t, "steps") {
		if !slices.Contains(m.walks, w) {
			break
		}
		m.step(t, w)
	}
}

// endWalks takes all that is left from every iteration.
func (m *machine) endWalks(t *rapid.T) {
	for len(m.walks) > 0 {
		m.step(t, m.walks[0])
	}
}

// step takes an entry from an iteration.
func (m *machine) step(t *rapid.T, w *walk) {
	e, err, ok := w.pull()
	if cutShort := w.closed && errors.Is(err, ErrClosed); cutShort || !ok {
		maps.DeleteFunc(w.must, func(h uint64, _ bool) bool { return w.seen[h] })
		if !cutShort && len(w.must) > 0 {
			t.Fatalf("an iteration missed %x", slices.Sorted(maps.Keys(w.must)))
		}
		w.stop()
		m.walks = slices.DeleteFunc(m.walks, func(other *walk) bool { return other == w })
		return
	}
	h := e.KeyHash()
	if err != nil || w.seen[h] || !slices.Contains(w.may[h], string(e.Bytes())) {
		t.Fatalf("an iteration returned %x, %d bytes, %v; seen before: %v", h, e.Size(), err, w.seen[h])
	}
	w.seen[h] = true
	if len(m.held) < 50 {
		m.held = append(m.held, heldValue{e, string(e.Bytes())})
	}
}
