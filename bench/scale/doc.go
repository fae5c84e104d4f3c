// Package scale measures the engine on drives with many keys and on large files,
// and works out what drives would take that are larger than a machine has room
// for.
//
// Each phase runs in a process of its own, which prints one line of JSON: memory
// is that of one phase, and nothing is warm because of the one before but the
// system's cache of the file.
package scale

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Result is what a phase found. A phase fills in what it measures; the rest is 0.
type Result struct {
	Phase   string  `json:"phase"`
	Keys    int64   `json:"keys,omitempty"`
	File    int64   `json:"file_bytes,omitempty"`
	Beside  int64   `json:"beside_bytes,omitempty"` // of the files beside the drive
	OnDisk  int64   `json:"on_disk_bytes,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`       // of filling, or of opening
	Closing float64 `json:"close_seconds,omitempty"` // of a Close that syncs
	Slowest float64 `json:"slowest_ms,omitempty"`    // batch of writes
	Memory  int64   `json:"anonymous_bytes,omitempty"`
	Peak    int64   `json:"peak_anonymous_bytes,omitempty"`
	First   float64 `json:"first_read_us,omitempty"` // after opening
	Reads   float64 `json:"reads_per_s,omitempty"`
	Faults  int64   `json:"major_faults,omitempty"` // waits for the disk, of the reads
	P50     float64 `json:"p50_us,omitempty"`
	P99     float64 `json:"p99_us,omitempty"`
}

// PerKey returns the memory for a key, in bytes.
func (r Result) PerKey() float64 { return float64(r.Memory) / float64(max(r.Keys, 1)) }

// A phase is run on the drive at path; n is the number of keys, or the size of a
// sparse file.
type phase struct {
	name string
	run  func(ctx context.Context, path string, n int64) (Result, error)
}

// The names of the phases.
const (
	Fill        = "fill"         // writes n keys into a new drive
	Walk        = "open"         // opens without an index beside the drive
	Checkpoint  = "open-idx"     // opens with what Close left beside the drive
	Warm        = "read"         // reads random keys
	Cold        = "read-cold"    // the same, when the system has dropped the file
	Sparse      = "sparse"       // makes a drive of n bytes that are mostly holes
	SparseOpen  = "sparse-open"  // opens it and reads from every part of it
	SparseWrite = "sparse-write" // goes on writing to it
)

var phases = []phase{
	{Fill, fill},
	{Walk, func(_ context.Context, path string, n int64) (Result, error) { return open(path, n, false) }},
	{Checkpoint, func(_ context.Context, path string, n int64) (Result, error) { return open(path, n, true) }},
	{Warm, func(ctx context.Context, path string, n int64) (Result, error) {
		return read(ctx, path, n, warmReads, false)
	}},
	{Cold, func(ctx context.Context, path string, n int64) (Result, error) {
		return read(ctx, path, n, coldReads, true)
	}},
	{Sparse, func(_ context.Context, path string, n int64) (Result, error) { return makeSparse(path, n) }},
	{SparseOpen, func(_ context.Context, path string, n int64) (Result, error) { return openSparse(path, n) }},
	{SparseWrite, func(_ context.Context, path string, _ int64) (Result, error) { return writeSparse(path) }},
}

// ErrUnknownPhase means that no phase has the name.
var ErrUnknownPhase = errors.New("scale: there is no such phase")

// Run runs a phase.
func Run(ctx context.Context, name, path string, n int64) (Result, error) {
	i := slices.IndexFunc(phases, func(p phase) bool { return p.name == name })
	if i < 0 {
		names := make([]string, len(phases))
		for i, p := range phases {
			names[i] = p.name
		}
		return Result{}, fmt.Errorf("%w: %s, of %s", ErrUnknownPhase, name, strings.Join(names, ", "))
	}
	r, err := phases[i].run(ctx, path, n)
	if err != nil {
		return Result{}, fmt.Errorf("scale: %s: %w", name, err)
	}
	r.Phase = name
	return r, nil
}
