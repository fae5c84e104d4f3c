package drive

import (
	"bytes"
	"maps"
	"os"
	"testing"
)

// program runs a sequence of calls, encoded in bytes, against a store and against
// a map, and compares them after each.
type program struct {
	t     *testing.T
	path  string
	store *Store
	model map[uint64]string
	code  []byte
	step  byte
}

// next takes one byte of the program; it is 0 behind its end.
func (p *program) next() byte {
	if len(p.code) == 0 {
		return 0
	}
	b := p.code[0]
	p.code = p.code[1:]
	return b
}

// key is one of a few keys, hash 0 among them.
func (p *program) key() uint64 { return uint64(p.next()%8) * 0x9E3779B97F4A7C15 }

// value is a value whose length and bytes follow from the program; some look like
// metadata or like a deletion.
func (p *program) value() []byte {
	p.step++
	switch n := p.next(); {
	case n < 8:
		return make([]byte, int(n)+2)
	case n < 16:
		return appendMetadata([]byte{p.step}, metadata{prevOffset: int64(n-8) * 64})
	default:
		return bytes.Repeat([]byte{p.step}, int(n)-15)
	}
}

func (p *program) run() {
	for len(p.code) > 0 {
		var err error
		switch p.next() % 9 {
		case 0, 1:
			k, v := p.key(), p.value()
			_, err = p.store.WriteHash(k, v)
			p.model[k] = string(v)
		case 2:
			k := p.key()
			_, err = p.store.DeleteHash(k)
			delete(p.model, k)
		case 3:
			var batch []HashedItem
			for range p.next() % 5 {
				k, v := p.key(), p.value()
				batch = append(batch, HashedItem{k, v})
				p.model[k] = string(v)
			}
			_, err = p.store.WriteBatchHash(batch)
		case 4:
			from, to := p.key(), p.key()
			_, renameErr := p.store.RenameHash(from, to)
			v, ok := p.model[from]
			if (renameErr == nil) != (ok && from != to) {
				p.t.Fatalf("rename %x to %x: %v", from, to, renameErr)
			}
			if renameErr == nil {
				delete(p.model, from)
				p.model[to] = v
			}
		case 5:
			k, v := p.key(), p.value()
			_, err = p.store.WriteFromHash(k, bytes.NewReader(v))
			p.model[k] = string(v)
		case 6:
			_, err = p.store.Compact(p.t.Context(), CompactOptions{Order: Order(p.next() % 2)})
		case 7:
			p.reopen()
		case 8:
			p.tear()
		}
		if err != nil {
			p.t.Fatal(err)
		}
		p.compare()
	}
}

func (p *program) reopen() {
	if err := p.store.Close(); err != nil {
		p.t.Fatal(err)
	}
	s, err := Open(p.path, Options{VerifyBytes: -1})
	if err != nil {
		p.t.Fatal(err)
	}
	p.store = s
}

// tear appends a part of an entry, as a killed process would leave it, and opens
// the file again: all that was acknowledged must be there.
func (p *program) tear() {
	tail := p.store.FileSize()
	if tail == 0 {
		return // a torn first entry cannot be told from a foreign file
	}
	torn := appendValue(nil, tail, 1, bytes.Repeat([]byte{0xAB}, 40), 0)
	torn = torn[:1+int(p.next())%(len(torn)-1)]
	f, err := os.OpenFile(p.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := f.Write(torn); err != nil {
		p.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		p.t.Fatal(err)
	}
	p.reopen()
}

func (p *program) compare() {
	got := liveOf(p.t, p.store)
	if !maps.Equal(got, p.model) || p.store.Len() != len(p.model) {
		p.t.Fatalf("%d values, Len %d, want %d", len(got), p.store.Len(), len(p.model))
	}
	for k, v := range p.model {
		if b, err := p.store.GetHash(k); err != nil || string(b) != v {
			p.t.Fatalf("key %x: %q, %v, want %q", k, b, err, v)
		}
	}
	st, err := p.store.Stats()
	if err != nil || st.LiveEntries != int64(len(p.model)) ||
		st.FileSize != st.LiveBytes+st.DeadBytes+st.PaddingBytes+metadataSize*st.LiveEntries {
		p.t.Fatalf("stats %+v, %v", st, err)
	}
}

// FuzzStoreAgainstMap compares a store with a map under arbitrary calls,
// compactions, reopenings and torn writes.
func FuzzStoreAgainstMap(f *testing.F) {
	f.Add([]byte{0, 1, 20, 0, 2, 3, 7, 2, 1, 7, 8, 50, 6, 0, 7})
	f.Add([]byte{3, 4, 1, 30, 1, 40, 0, 9, 2, 255, 4, 1, 2, 6, 1, 8, 3, 7, 5, 0, 2})
	f.Add(bytes.Repeat([]byte{0, 0, 17, 2, 0, 8, 30, 6, 1}, 6))
	f.Fuzz(func(t *testing.T, code []byte) {
		path := tempPath(t)
		s, err := Open(path, Options{ReserveBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		p := &program{t: t, path: path, store: s, model: map[uint64]string{}, code: code[:min(len(code), 300)]}
		p.run()
		if err := p.store.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
