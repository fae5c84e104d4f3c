package kv

import (
	"errors"
	"fmt"
	"math/rand/v2"
)

// ErrWrongAnswer reports an answer that is not what was stored.
var ErrWrongAnswer = errors.New("an answer is not what was stored")

// An Item is a key and its value.
type Item struct {
	Key   []byte
	Name  string // is Key
	Value []byte
}

// Holds tells whether value is that of the item.
func (i *Item) Holds(value []byte) bool { return string(value) == string(i.Value) }

// Items returns keys and values that differ, as many as there are calls in flight or
// in a batch: the same as those of the programs in interop.
func Items(c Case) []Item {
	items := make([]Item, max(c.InFlight, BatchKeys))
	noise := make([]byte, len(items)*c.Size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise) // it never fails
	for i := range items {
		key := fmt.Appendf(nil, "bench-%05d", i)
		items[i] = Item{Key: key, Name: string(key), Value: noise[i*c.Size : (i+1)*c.Size]}
	}
	return items
}
