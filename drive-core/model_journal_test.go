package drive

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
)

// ledger is what a drive must be: every entry in the order of the file, and from
// that the bytes of the file. It does what the format document says, with none of
// the engine but the functions that encode one entry.
type ledger struct {
	entries []record
	newest  map[uint64]int // by hash, the place of its newest entry in entries
	data    []byte
}

// errOther means that a store and the model differ.
var errOther = errors.New("another value than was written")

// record is an entry of a journal.
type record struct {
	hash      uint64
	value     string // one zero byte for a tombstone
	tombstone bool
	prev      int64 // the tail before
	tail      int64
}

// start returns where the payload begins.
func (r record) start() int64 { return r.tail - metadataSize - int64(len(r.value)) }

func newJournal() *ledger { return &ledger{newest: map[uint64]int{}} }

// journalOf returns the journal of entries.
func journalOf(entries []record) *ledger {
	j := newJournal()
	for _, r := range entries {
		if r.tombstone {
			j.bury(r.hash)
		} else {
			j.put(r.hash, []byte(r.value))
		}
	}
	return j
}

// clone returns a journal that does not change with j.
func (j *ledger) clone() *ledger {
	return &ledger{slices.Clip(j.entries), maps.Clone(j.newest), slices.Clip(j.data)}
}

// upTo returns the journal of the entries that end at tail and before it.
func (j *ledger) upTo(tail int64) *ledger {
	n := 0
	for n < len(j.entries) && j.entries[n].tail <= tail {
		n++
	}
	return journalOf(j.entries[:n])
}

// size returns the tail.
func (j *ledger) size() int64 { return int64(len(j.data)) }

// get returns the live entry of a hash.
func (j *ledger) get(hash uint64) (record, bool) {
	i, ok := j.newest[hash]
	if !ok || j.entries[i].tombstone {
		return record{}, false
	}
	return j.entries[i], true
}

// put appends a value and returns the tail.
func (j *ledger) put(hash uint64, value []byte) int64 {
	prev := j.size()
	j.data = appendValue(j.data, prev, hash, value, Checksum(value))
	return j.note(record{hash: hash, value: string(value), prev: prev})
}

// bury appends a tombstone, whatever there is, and returns the tail.
func (j *ledger) bury(hash uint64) int64 {
	prev := j.size()
	j.data = appendTombstone(j.data, prev, hash)
	return j.note(record{hash: hash, value: "\x00", tombstone: true, prev: prev})
}

// note takes in the entry whose bytes have been appended.
func (j *ledger) note(r record) int64 {
	r.tail = j.size()
	j.newest[r.hash] = len(j.entries)
	j.entries = append(j.entries, r)
	return r.tail
}

// remove appends a tombstone for each hash that is there now, and returns the tail.
func (j *ledger) remove(hashes ...uint64) int64 {
	before := maps.Clone(j.newest)
	for _, h := range hashes {
		if i, ok := before[h]; ok && !j.entries[i].tombstone {
			j.bury(h)
		}
	}
	return j.size()
}

// live returns the live entries in an order.
func (j *ledger) live(order Order) []record {
	var all []record
	for i, r := range j.entries {
		if j.newest[r.hash] == i && !r.tombstone {
			all = append(all, r)
		}
	}
	if order == NewestFirst {
		slices.Reverse(all)
	}
	return all
}

// values returns the live values by hash.
func (j *ledger) values() map[uint64]string {
	all := map[uint64]string{}
	for _, r := range j.live(FileOrder) {
		all[r.hash] = r.value
	}
	return all
}

// compacted returns what compaction in an order makes of j, when it begins at the
// tail from and others write the rest while it runs.
func (j *ledger) compacted(order Order, from int64) *ledger {
	before := j.upTo(from)
	next := journalOf(before.live(order))
	for i, r := range j.entries[len(before.entries):] {
		switch _, there := next.get(r.hash); {
		case r.tombstone && there:
			next.bury(r.hash)
		case !r.tombstone && j.newest[r.hash] == len(before.entries)+i:
			next.put(r.hash, []byte(r.value))
		}
	}
	return next
}

// stats returns what Store.Stats must say, but for IndexBytes.
func (j *ledger) stats() Stats {
	s := Stats{Entries: int64(len(j.entries)), FileSize: j.size()}
	for i, r := range j.entries {
		s.PaddingBytes += r.start() - r.prev
		switch {
		case r.tombstone:
			s.Tombstones++
			s.DeadBytes += tombstoneSize
		case j.newest[r.hash] == i:
			s.LiveEntries++
			s.LiveBytes += int64(len(r.value))
		default:
			s.DeadBytes += int64(len(r.value)) + metadataSize
		}
	}
	return s
}

// compareFile says how the file differs from j; nil if it does not.
func (j *ledger) compareFile(path string) error {
	data, err := os.ReadFile(path)
	if err == nil && !bytes.Equal(data, j.data) {
		n := 0
		for n < min(len(data), len(j.data)) && data[n] == j.data[n] {
			n++
		}
		err = fmt.Errorf("the file has %d bytes, want %d; they differ from %d on", len(data), len(j.data), n)
	}
	return err
}

// compare says how what a store shows differs from j; nil if it does not.
func (j *ledger) compare(s *Store) error {
	if s.Len() != len(j.live(FileOrder)) || s.FileSize() != j.size() || s.IsEmpty() != (s.Len() == 0) {
		return fmt.Errorf("%d keys in %d bytes, want %d in %d", s.Len(), s.FileSize(), len(j.live(FileOrder)), j.size())
	}
	st, err := s.Stats()
	st.IndexBytes = 0
	if want := j.stats(); err != nil || st != want {
		return fmt.Errorf("stats %+v, %w, want %+v", st, err, want)
	}
	savings, err := s.CompactionSavings()
	if want := j.size() - j.compacted(FileOrder, j.size()).size(); err != nil || savings != want {
		return fmt.Errorf("savings of %d, %w, want %d", savings, err, want)
	}
	last, ok := s.LastEntry()
	if ok != (len(j.entries) > 0) || ok && !isRecord(last, j.entries[len(j.entries)-1]) {
		return fmt.Errorf("last entry %+v, %v", last, ok)
	}
	if err := j.compareReads(s); err != nil {
		return err
	}
	return j.compareOrders(s)
}

// isRecord tells whether e is the entry r.
func isRecord(e Entry, r record) bool {
	return string(e.Bytes()) == r.value && e.KeyHash() == r.hash && e.PrevOffset() == r.prev && e.Tail() == r.tail &&
		e.Offset() == r.start() && e.Size() == int64(len(r.value)) && e.IsTombstone() == r.tombstone && e.Verify() == nil
}

// compareReads looks up every hash there ever was.
func (j *ledger) compareReads(s *Store) error {
	hashes := append(slices.Sorted(maps.Keys(j.newest)), 12345)
	batch := s.ReadBatchHash(nil, hashes)
	for i, h := range hashes {
		r, ok := j.get(h)
		if s.ExistsHash(h) != ok {
			return fmt.Errorf("key %x: exists %v", h, !ok)
		}
		e, found := s.ReadHash(h)
		if found != ok || batch[i] != e {
			return fmt.Errorf("key %x: read %v, want %v; in a batch %+v", h, found, ok, batch[i])
		}
		v, getErr := s.GetHash(h)
		same, findErr := s.FindHash(h)
		md, mdErr := s.MetadataHash(h)
		seen := ""
		viewErr := s.ViewHash(h, func(value []byte) error { seen = string(value); return nil })
		if !ok {
			for _, err := range []error{getErr, findErr, mdErr, viewErr} {
				if err != ErrNotFound { //nolint:errorlint // it must be bare
					return fmt.Errorf("missing key %x: %w", h, err)
				}
			}
			continue
		}
		want := Metadata{h, r.prev, Checksum([]byte(r.value)), r.start(), int64(len(r.value))}
		if !isRecord(e, r) || same != e || !s.IsLive(e) || md != want || string(v) != r.value || seen != r.value ||
			getErr != nil || findErr != nil || mdErr != nil || viewErr != nil {
			return fmt.Errorf("key %x: %d, %d and %d bytes, metadata %+v, want %+v: %w",
				h, e.Size(), len(v), len(seen), md, want, errors.Join(getErr, findErr, mdErr, viewErr, errOther))
		}
	}
	return nil
}

// compareOrders walks the store in every way.
func (j *ledger) compareOrders(s *Store) error {
	for _, order := range []Order{FileOrder, NewestFirst} {
		history := slices.Clone(j.entries)
		if order == NewestFirst {
			slices.Reverse(history)
		}
		for _, tt := range []struct {
			name string
			got  func(yield func(Entry, error) bool)
			want []record
		}{{"entries", s.Entries(order), j.live(order)}, {"history", s.History(order), history}} {
			n := 0
			for e, err := range tt.got {
				if err != nil || n >= len(tt.want) || !isRecord(e, tt.want[n]) {
					return fmt.Errorf("%s in order %d: number %d of %d is %+v, %w", tt.name, order, n, len(tt.want), e, err)
				}
				n++
			}
			if n != len(tt.want) {
				return fmt.Errorf("%s in order %d: %d, want %d", tt.name, order, n, len(tt.want))
			}
		}
	}
	return nil
}
