// Package kv makes the calls of a key-value service that are measured: the same keys,
// values and mix of calls, whatever client makes them.
package kv

import (
	"fmt"
	"slices"

	"github.com/simd-drive/go/bench/figure"
)

// The operations, as command lines and results name them.
const (
	Read       = "read"
	Write      = "write"
	Exists     = "exists"
	BatchRead  = "batch_read"
	BatchWrite = "batch_write"
	// Mixed is nine reads, then a write.
	Mixed = "mixed"
	// Stream reads one large value as a stream.
	Stream = "stream"
)

// Ops are all operations.
var Ops = []string{Read, Write, Exists, BatchRead, BatchWrite, Mixed, Stream}

const (
	// BatchKeys is the number of keys in one call of a batch.
	BatchKeys = 100
	// MaxInFlightBytes bounds the values in flight at a time. Cases with more
	// would measure memory.
	MaxInFlightBytes = 64 << 20
	// mixedRound is the number of calls of which one is a write, in Mixed.
	mixedRound = 10
)

// Case is one case: calls of one kind.
type Case struct {
	Op       string `json:"op"`
	Size     int    `json:"size"` // of each value, in bytes
	InFlight int    `json:"conc"` // calls at a time on the one connection
}

// IsBatch tells whether a call has many keys.
func (c Case) IsBatch() bool { return c.Op == BatchRead || c.Op == BatchWrite }

// Writes tells whether calls write, and nothing else.
func (c Case) Writes() bool { return c.Op == Write || c.Op == BatchWrite }

// CallBytes is how much the values of a call take.
func (c Case) CallBytes() int {
	switch {
	case c.Op == Exists:
		return 0
	case c.IsBatch():
		return c.Size * BatchKeys
	}
	return c.Size
}

// InFlightBytes is how much the values of the calls in flight take.
func (c Case) InFlightBytes() int { return c.CallBytes() * c.InFlight }

// String describes the case.
func (c Case) String() string {
	return fmt.Sprintf("%s of %s, %d in flight", c.Op, figure.Size(c.Size), c.InFlight)
}

// Check refuses what cannot be measured.
func (c Case) Check() error {
	switch {
	case !slices.Contains(Ops, c.Op):
		return fmt.Errorf("operation %q is none of %v", c.Op, Ops)
	case c.Size < 1 || c.InFlight < 1:
		return fmt.Errorf("size %d and calls in flight %d must be positive", c.Size, c.InFlight)
	case c.Op == Stream && c.InFlight > 1:
		return fmt.Errorf("streams are measured one at a time, not %d", c.InFlight)
	case c.Op != Stream && c.InFlightBytes() > MaxInFlightBytes:
		return fmt.Errorf("%s have values of %d bytes, more than %d", c, c.InFlightBytes(), MaxInFlightBytes)
	}
	return nil
}
