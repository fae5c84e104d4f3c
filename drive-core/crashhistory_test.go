//go:build unix

package drive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// crashKey returns one of the keys. The first is the empty one; the next two have
// hashes that begin with three zero bytes in the file, as a hash does that a power
// cut has torn.
func crashKey(i int) []byte {
	switch i {
	case 0:
		return nil
	case 1:
		return []byte("6iw50")
	case 2:
		return []byte("97ky6")
	}
	return strconv.AppendInt([]byte("key-"), int64(i), 10)
}

// numberOf returns the number that a value of a history begins with.
func numberOf(v []byte) int {
	if len(v) < 4 {
		return 0
	}
	return int(binary.LittleEndian.Uint32(v))
}

// crashSize draws the length of a value: most are short, some span sectors, few
// pages.
func (r *crashRun) crashSize() int {
	switch r.rng.IntN(12) {
	case 0:
		return 4 + r.rng.IntN(70<<10)
	case 1, 2, 3:
		return 4 + r.rng.IntN(3<<10)
	default:
		return 4 + r.rng.IntN(150)
	}
}

// value makes a new value. It begins with its number; some hold what looks like
// metadata, and some little but zeros.
func (r *crashRun) value(size int) (n int, v []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n = len(r.values)
	v = binary.LittleEndian.AppendUint32(nil, uint32(n))
	if r.rng.IntN(4) == 0 {
		v = append(v, make([]byte, r.rng.IntN(40))...)
		v = appendMetadata(v, metadata{keyHash: r.rng.Uint64(), prevOffset: r.rng.Int64N(4096), checksum: r.rng.Uint32()})
	}
	filler := byte(n) | 1
	if r.rng.IntN(4) == 0 {
		filler = 0
	}
	for len(v) < size {
		v = append(v, filler)
	}
	r.values = append(r.values, v)
	return n, v
}

// begin notes what a call is going to do: the moments after each of its entries.
// Only the last is to be seen.
func (r *crashRun) begin(call string, steps ...crashState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, fmt.Sprintf("moment %d: %s", len(r.past)-1+len(steps), call))
	for i, s := range steps {
		r.past = append(r.past, moment{state: s, inside: i < len(steps)-1})
	}
}

// end notes how the call ended. synced tells that it makes all durable in every mode.
func (r *crashRun) end(synced bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.fail(err)
		return
	}
	r.acked = len(r.past) - 1
	if synced || r.mode == SyncAlways {
		r.durable = r.acked
	}
}

// now returns what the store holds.
func (r *crashRun) now() crashState { return r.past[r.acked].state }

// run makes the calls and returns how many clones it took.
func (r *crashRun) run() int {
	r.open()
	for range crashSteps {
		if r.over() {
			break
		}
		r.step()
		r.compare()
	}
	if r.store != nil {
		r.begin("close")
		r.end(true, r.store.Close())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropAside()
	r.fsys.Close()
	return r.clones
}

// over tells that the history has failed: a store that works in the background may have found out.
func (r *crashRun) over() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// open opens the drive. What a store with SyncAlways shows is durable, also when the
// process that wrote it was killed before it could acknowledge it.
func (r *crashRun) open() {
	r.begin("open")
	s, err := openIn(r.fsys, crashPath, r.opts)
	r.store = s
	r.end(false, err)
}

// step makes one call.
func (r *crashRun) step() {
	switch r.rng.IntN(20) {
	case 0, 1, 2, 3, 4:
		r.write(r.rng.IntN(crashKeys), r.crashSize(), r.single)
	case 5, 6, 7:
		r.batch()
	case 8, 9:
		r.remove(r.draw(1), func(keys [][]byte) error { _, err := r.store.Delete(keys[0]); return err })
	case 10, 11:
		r.remove(r.draw(2+r.rng.IntN(5)), r.several)
	case 12, 13:
		r.rename()
	case 14:
		r.stream()
	case 15:
		r.compact()
	case 16:
		r.begin("sync")
		r.end(true, r.store.Sync())
	case 17:
		r.begin("close")
		r.end(true, r.store.Close())
		r.open()
	case 18:
		r.crashAndGoOn(true)
	case 19:
		r.crashAndGoOn(false)
	}
}

func (r *crashRun) single(key, v []byte) error {
	_, err := r.store.Write(key, v)
	return err
}

func (r *crashRun) several(keys [][]byte) error {
	_, err := r.store.DeleteBatch(keys)
	return err
}

func (r *crashRun) write(k, size int, call func(key, v []byte) error) {
	n, v := r.value(size)
	next := r.now()
	next[k] = n
	r.begin(fmt.Sprintf("write of value %d, %d bytes, to key %d", n, len(v), k), next)
	r.end(false, call(crashKey(k), v))
}

// stream writes a value through a reader that is known not to stall, or one that is
// not. A few are so long that it matters; these do not stay.
func (r *crashRun) stream() {
	size, long := r.crashSize(), r.rng.IntN(6) == 0
	if long {
		size = spoolMin + r.rng.IntN(streamBuffer)
	}
	prompt := r.rng.IntN(2) == 0
	k := r.rng.IntN(crashKeys)
	r.write(k, size, func(key, v []byte) error {
		var from io.Reader = bytes.NewReader(v)
		if !prompt {
			from = stalling{r.store, from} // by way of a temporary file, whatever the load of the machine
		}
		_, err := r.store.WriteFrom(key, from)
		return err
	})
	if long && !r.over() {
		r.remove([]int{k}, func(keys [][]byte) error { _, err := r.store.Delete(keys[0]); return err })
		r.compact()
	}
}

// compact compacts, and writes something while the first values are copied.
func (r *crashRun) compact() {
	if live := r.now(); live.live() > 0 && r.rng.IntN(2) == 0 {
		during := func() {
			r.write(r.rng.IntN(crashKeys), r.crashSize(), r.single)
			r.remove(r.draw(3), r.several)
		}
		r.mu.Lock()
		r.during = during
		r.mu.Unlock()
	}
	r.begin("compact")
	_, err := r.store.Compact(r.t.Context(), CompactOptions{Order: Order(r.rng.IntN(2))})
	r.end(true, err)
}

// draw returns n of the keys, perhaps some twice.
func (r *crashRun) draw(n int) []int {
	keys := make([]int, n)
	for i := range keys {
		keys[i] = r.rng.IntN(crashKeys)
	}
	return keys
}

func (r *crashRun) batch() {
	next := r.now()
	var items []Item
	var steps []crashState
	for range 1 + r.rng.IntN(8) {
		k := r.rng.IntN(crashKeys)
		n, v := r.value(r.crashSize())
		next[k] = n
		items = append(items, Item{crashKey(k), v})
		steps = append(steps, next)
	}
	r.begin(fmt.Sprintf("batch of %d values", len(items)), steps...)
	_, err := r.store.WriteBatch(items)
	r.end(false, err)
}

// remove deletes keys, some of which may not be there.
func (r *crashRun) remove(ks []int, call func(keys [][]byte) error) {
	next := r.now()
	var keys [][]byte
	var steps []crashState
	for _, k := range ks {
		keys = append(keys, crashKey(k))
		if next[k] != 0 {
			next[k] = 0
			steps = append(steps, next)
		}
	}
	r.begin(fmt.Sprintf("removal of keys %q", keys), steps...)
	r.end(false, call(keys))
}

func (r *crashRun) rename() {
	next := r.now()
	from, to := r.rng.IntN(crashKeys), r.rng.IntN(crashKeys)
	call := fmt.Sprintf("renaming of key %d to %d", from, to)
	if from == to || next[from] == 0 {
		r.begin(call)
		if _, err := r.store.Rename(crashKey(from), crashKey(to)); !errors.Is(err, ErrSameKey) && !errors.Is(err, ErrNotFound) {
			r.end(false, fmt.Errorf("renamed what is not there: %w", err))
		}
		return
	}
	next[to] = next[from]
	half := next
	next[from] = 0
	r.begin(call, half, next)
	_, err := r.store.Rename(crashKey(from), crashKey(to))
	r.end(false, err)
}

// crashAndGoOn goes on with what a crash has left: one in the middle of an earlier
// call, if there is any, or one between calls.
func (r *crashRun) crashAndGoOn(power bool) {
	r.mu.Lock()
	if r.aside == nil {
		r.setAside(power)
	}
	left := *r.aside
	r.aside = nil
	r.mu.Unlock()
	r.begin(fmt.Sprintf("going back to the %d. moment, with a crash, power cut: %v", left.past-1, left.power))
	if err := r.store.Close(); err != nil { // in the file system that nobody sees any more
		r.end(false, err)
		return
	}
	r.fsys.Close()
	r.use(left.fsys)
	r.goBack(left)
	if !r.failed {
		r.open()
	}
}

// goBack finds out where in the past a crash has left the drive, and forgets what came
// after that; after a power cut, also what was before.
func (r *crashRun) goBack(left aside) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropAside()
	r.past, r.acked, r.durable = r.past[:left.past], left.acked, left.durable
	probe := r.fsys.ProcessCrashClone(nil)
	defer probe.Close()
	found, err := r.survivor(probe)
	at := 0
	if err == nil {
		at, err = r.find(found, left.power)
	}
	switch {
	case err != nil:
		r.fail(fmt.Errorf("after the crash: %w", err))
	case left.power:
		r.past = []moment{{state: found.state}}
		r.acked, r.durable = 0, 0
	default:
		r.past = slices.Clip(r.past[:at+1])
		r.acked = at
	}
}

// compare compares the store with what it should hold.
func (r *crashRun) compare() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed {
		return
	}
	left, err := r.holds(r.store)
	if err == nil && left.state != r.now() {
		err = fmt.Errorf("the store holds %v instead of %v", left.state, r.now())
	}
	if err != nil {
		r.fail(err)
	}
}
