package server_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/simd-drive/go/drive-ws-client"
)

// maxAllocs bounds the allocations of a call, of both ends together, in steady state: the
// value and what it is found in belong to the caller.
var maxAllocs = map[string]float64{"get 100": 2.5, "get 64 KiB": 20, "exists": 2.5, "write": 2.5, "batch": 11}

// Calls allocate little, and the server next to nothing: the memory of an answer is used
// again.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("*** SKIPPED: the race detector allocates, and empties pools ***")
	}
	_, c := connect(t)
	var keys [][]byte
	for i := range 100 {
		keys = append(keys, fmt.Append(nil, "key-", i))
	}
	small, large := make([]byte, 100), make([]byte, 64<<10)
	for i, key := range append(keys, []byte("large")) {
		small[0], large[0] = byte(i+1), 1
		value := small
		if string(key) == "large" {
			value = large
		}
		if _, err := c.Write(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
	}
	for name, call := range map[string]func(*driveclient.Client) error{
		"get 100":    func(c *driveclient.Client) error { _, err := c.Get(t.Context(), keys[0]); return err },
		"get 64 KiB": func(c *driveclient.Client) error { _, err := c.Get(t.Context(), []byte("large")); return err },
		"exists":     func(c *driveclient.Client) error { _, err := c.Exists(t.Context(), keys[0]); return err },
		"write":      func(c *driveclient.Client) error { _, err := c.Write(t.Context(), keys[0], small); return err },
		"batch":      func(c *driveclient.Client) error { _, err := c.GetBatch(t.Context(), keys); return err },
	} {
		t.Run(name, func(t *testing.T) {
			run := func(n int) float64 {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				for range n {
					if err := call(c); err != nil {
						t.Fatal(err)
					}
				}
				runtime.ReadMemStats(&after)
				return float64(after.Mallocs-before.Mallocs) / float64(n)
			}
			run(200) // pools fill
			if allocs := run(1000); allocs > maxAllocs[name] {
				t.Errorf("%.2f allocations per call at both ends, want at most %g", allocs, maxAllocs[name])
			} else {
				t.Logf("%.2f allocations per call at both ends", allocs)
			}
		})
	}
}
