// Package stores lets embedded stores in Go be measured side by side: drive-core
// and the others behind one small interface, one file for each. What an
// interface of least common means leaves out, ordered scans and transactions
// above all, stands in Kind.More.
package stores

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
)

// Item is a key with its value.
type Item struct{ Key, Value []byte }

// A Store holds values under keys. Slices that it is given are the caller's
// again when a method returns; those that it gives to look are valid until look
// returns, and must not be changed. All methods but Close may run at the same
// time.
type Store interface {
	// Put stores one value.
	Put(key, value []byte) error
	// PutMany stores values, by one batch or transaction.
	PutMany(items []Item) error
	// Get passes the value of key to look; ErrMissing means that there is none.
	Get(key []byte, look func(value []byte)) error
	// GetMany passes the values of keys to look, in their order, up to the first
	// that is missing.
	GetMany(keys [][]byte, look func(value []byte)) error
	// DeleteMany removes keys, by one batch or transaction.
	DeleteMany(keys [][]byte) error
	// Each passes all values to look, in the store's fastest order.
	Each(look func(value []byte)) error
	// Close ends the store.
	Close() error
}

// ErrMissing means that there is no such key.
var ErrMissing = errors.New("stores: key is missing")

// Durability is when what was written is on stable storage.
type Durability string

// The classes of durability.
const (
	Never       Durability = "none"         // when the system likes
	PerSecond   Durability = "per second"   // a second after it was written, by the store itself
	EveryCommit Durability = "every commit" // before it is acknowledged
)

// Options are how a store is opened.
type Options struct {
	Durability Durability
	// Writers is how many goroutines write at a time.
	Writers int
}

// Kind is a store that can be measured.
type Kind struct {
	Name     string
	Module   string // its import path without the version; empty for what has none
	Settings string // what is not its default
	More     string // what it does beyond the interface
	// Durability are the classes that it offers; none for what is only in memory.
	Durability []Durability
	open       func(dir string, o Options) (Store, error)
}

// Kinds are all of them, ours first.
func Kinds() []Kind {
	return []Kind{driveKind, bboltKind, badgerKind, pebbleKind, goleveldbKind, mapKind}
}

// Find returns a kind by its name.
func Find(name string) (Kind, error) {
	kinds := Kinds()
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, fmt.Errorf("stores: there is no %q", name)
	}
	return kinds[i], nil
}

// InMemory tells that the store is gone with the process.
func (k Kind) InMemory() bool { return len(k.Durability) == 0 }

// Offers tells whether the store has a class of durability.
func (k Kind) Offers(d Durability) bool { return slices.Contains(k.Durability, d) }

// Open opens the store in dir, which is there and is its own.
func (k Kind) Open(dir string, o Options) (Store, error) {
	if !k.InMemory() && !k.Offers(o.Durability) {
		return nil, fmt.Errorf("stores: %s does not sync %s", k.Name, o.Durability)
	}
	s, err := k.open(dir, o)
	if err != nil {
		return nil, fmt.Errorf("stores: open %s: %w", k.Name, err)
	}
	return s, nil
}

// Version returns the version of the module that this program was built with.
func (k Kind) Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == k.Module {
			return m.Version
		}
	}
	return ""
}

// getEach is GetMany for stores that have nothing better than one call for each.
func getEach(s Store, keys [][]byte, look func([]byte)) error {
	for _, key := range keys {
		if err := s.Get(key, look); err != nil {
			return err
		}
	}
	return nil
}
