// Package originals measures the original clients, unmodified, on the original
// server and on ours in the same run, and writes a document and the figures as
// JSON.
package originals

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"time"

	"github.com/simd-drive/go/bench/figure"
)

// The operations, as the programs of the clients name them.
const (
	opRead       = "read"
	opWrite      = "write"
	opBatchRead  = "batch_read"
	opBatchWrite = "batch_write"
)

const (
	// batchKeys is the number of keys in one call of a batch.
	batchKeys = 100
	// maxInFlightBytes bounds the values in flight at a time. Cases with more
	// would measure memory.
	maxInFlightBytes = 64 << 20
)

// Case is one case: calls of one kind.
type Case struct {
	Op       string `json:"op"`
	Size     int    `json:"size"` // of each value, in bytes
	InFlight int    `json:"conc"` // calls at a time on the one connection
}

// isBatch tells whether a call has many keys.
func (c Case) isBatch() bool { return c.Op == opBatchRead || c.Op == opBatchWrite }

// inFlightBytes is how much the values of the calls in flight take.
func (c Case) inFlightBytes() int {
	n := c.Size * c.InFlight
	if c.isBatch() {
		n *= batchKeys
	}
	return n
}

// String describes the case.
func (c Case) String() string {
	return fmt.Sprintf("%s of %s, %d in flight", c.Op, figure.Size(c.Size), c.InFlight)
}

// cases returns all cases that are measured.
func cases() []Case {
	var list []Case
	for _, op := range []string{opRead, opWrite, opBatchRead, opBatchWrite} {
		for _, size := range []int{100, 1 << 10, 64 << 10} {
			for _, inFlight := range []int{1, 16, 256} {
				if c := (Case{op, size, inFlight}); c.inFlightBytes() <= maxInFlightBytes {
					list = append(list, c)
				}
			}
		}
	}
	return list
}

// sample is what one run gave.
type sample struct {
	Calls float64 `json:"calls_per_s"`
	P50   float64 `json:"p50_us"`
	P99   float64 `json:"p99_us"`
}

// runClient runs the measuring mode of a client's program.
func runClient(ctx context.Context, command []string, address string, c Case, d time.Duration) (sample, error) {
	args := append(command[1:len(command):len(command)], "bench", address, c.Op, strconv.Itoa(c.Size), strconv.Itoa(c.InFlight),
		strconv.FormatFloat(d.Seconds(), 'f', -1, 64))
	out, err := exec.CommandContext(ctx, command[0], args...).Output()
	s, parseErr := parseSample(out, c)
	return s, errors.Join(parseErr, err) // the line says more than the exit status
}

// parseSample parses the line of a client's program that measured a case.
func parseSample(line []byte, c Case) (sample, error) {
	var answer struct {
		Case
		sample
		Error string `json:"error"`
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return sample{}, fmt.Errorf("line of a client: %w", err)
	}
	switch s := answer.sample; {
	case answer.Error != "":
		return sample{}, errors.New(answer.Error)
	case answer.Case != c:
		return sample{}, fmt.Errorf("the client measured %s instead of %s", answer.Case, c)
	case s.Calls <= 0 || s.P50 <= 0 || s.P99 < s.P50:
		return sample{}, fmt.Errorf("the client's figures make no sense: %s", line)
	default:
		return s, nil
	}
}
