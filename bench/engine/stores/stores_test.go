package stores

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// sorted collects what look is given.
type collector struct{ values []string }

func (c *collector) look(value []byte) { c.values = append(c.values, string(value)) }

func (c *collector) sorted() []string {
	slices.Sort(c.values)
	return c.values
}

// TestConformance runs a random history on every store in every class of
// durability, and holds it against a map, before and after it is opened again.
func TestConformance(t *testing.T) {
	for _, k := range Kinds() {
		classes := k.Durability
		if k.InMemory() {
			classes = []Durability{Never}
		}
		for _, class := range classes {
			t.Run(k.Name+", synced "+string(class), func(t *testing.T) { checkHistory(t, k, class) })
		}
	}
}

func checkHistory(t *testing.T, k Kind, class Durability) {
	t.Helper()
	const keys, steps = 60, 120
	r := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	open := func() Store {
		s, err := k.Open(dir, Options{Durability: class, Writers: 1})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	want := map[string]string{}
	key := func() []byte { return fmt.Appendf(nil, "key %d", r.IntN(keys)) }
	value := func() []byte { return bytes.Repeat([]byte{byte(1 + r.IntN(255))}, 1+r.IntN(5000)) }
	for range steps {
		var err error
		switch r.IntN(3) {
		case 0:
			one, v := key(), value()
			err = s.Put(one, v)
			want[string(one)] = string(v)
		case 1:
			items := make([]Item, r.IntN(10))
			for i := range items {
				items[i] = Item{key(), value()}
				want[string(items[i].Key)] = string(items[i].Value)
			}
			err = s.PutMany(items)
			for _, i := range items {
				clear(i.Value) // it is the caller's
			}
		default:
			list := make([][]byte, r.IntN(5))
			for i := range list {
				list[i] = key()
				delete(want, string(list[i]))
			}
			err = s.DeleteMany(list)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	checkHeld(t, s, want, keys)
	if !k.InMemory() {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open()
		checkHeld(t, s, want, keys)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// checkHeld reads everything in every way.
func checkHeld(t *testing.T, s Store, want map[string]string, keys int) {
	t.Helper()
	var held [][]byte
	var values []string
	for i := range keys {
		key := fmt.Appendf(nil, "key %d", i)
		v, there := want[string(key)]
		var c collector
		err := s.Get(key, c.look)
		switch {
		case !there && (!errors.Is(err, ErrMissing) || len(c.values) > 0):
			t.Errorf("%s: %d values, %v, want %v", key, len(c.values), err, ErrMissing)
		case there && (err != nil || !slices.Equal(c.values, []string{v})):
			t.Errorf("%s: %d values, %v", key, len(c.values), err)
		}
		if there {
			held, values = append(held, key), append(values, v)
		}
	}
	var many collector
	if err := s.GetMany(held, many.look); err != nil || !slices.Equal(many.values, values) {
		t.Errorf("many: %d values, %v, want %d", len(many.values), err, len(values))
	}
	if err := s.GetMany([][]byte{[]byte("never there")}, many.look); !errors.Is(err, ErrMissing) {
		t.Errorf("many with a key that is missing: %v, want %v", err, ErrMissing)
	}
	var all collector
	slices.Sort(values)
	if err := s.Each(all.look); err != nil || !slices.Equal(all.sorted(), values) {
		t.Errorf("each: %d values, %v, want %d", len(all.values), err, len(values))
	}
}

// TestSharedWriters holds that writers at the same time lose nothing.
func TestSharedWriters(t *testing.T) {
	const writers, each = 4, 20
	for _, k := range Kinds() {
		s, err := k.Open(t.TempDir(), Options{Durability: Never, Writers: writers})
		if err != nil {
			t.Fatal(err)
		}
		failures := make(chan error, writers)
		for w := range writers {
			go func() { // ends after its writes; its error is waited for below
				var err error
				for i := range each {
					err = errors.Join(err, s.Put(fmt.Appendf(nil, "%d %d", w, i), []byte("value")))
				}
				failures <- err
			}()
		}
		for range writers {
			if err := <-failures; err != nil {
				t.Errorf("%s: %v", k.Name, err)
			}
		}
		var c collector
		if err := s.Each(c.look); err != nil || len(c.values) != writers*each {
			t.Errorf("%s: %d values, %v", k.Name, len(c.values), err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFind(t *testing.T) {
	for _, k := range Kinds() {
		got, err := Find(k.Name)
		if err != nil || got.Name != k.Name || got.Settings == "" || got.More == "" {
			t.Errorf("%s: %+v, %v", k.Name, got, err)
		}
	}
	if _, err := Find("none"); err == nil {
		t.Error("a store that is not there was found")
	}
}

// TestClassThatIsNotOffered holds that no store runs in another class than asked
// for.
func TestClassThatIsNotOffered(t *testing.T) {
	for _, k := range Kinds() {
		if k.InMemory() || k.Offers(PerSecond) {
			continue
		}
		if s, err := k.Open(t.TempDir(), Options{Durability: PerSecond}); err == nil {
			t.Errorf("%s was opened: %v", k.Name, s)
		}
	}
}
