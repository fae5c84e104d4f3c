//go:build interop

package interop

import (
	"context"
	"encoding/json"
	"os/exec"
	"slices"
	"testing"
)

// The figures depend on the machine; that there are some does not.
func TestBenchMode(t *testing.T) {
	forPairs(t, func(t *testing.T, p pair) {
		if p.client.path == nil {
			return // our own client is no program
		}
		s := p.server.start(t, newFile(t))
		for _, op := range []string{"read", "write", "batch_read", "batch_write"} {
			ctx, cancel := context.WithTimeout(t.Context(), callTimeout)
			defer cancel()
			args := slices.Concat(p.client.args, []string{"bench", s.address, op, "1000", "4", "0.1"})
			out, err := exec.CommandContext(ctx, *p.client.path, args...).Output()
			if err != nil {
				t.Fatalf("%s: %v\n%s", op, err, out)
			}
			var line struct {
				Impl, Op   string
				Size, Conc int
				CallsPerS  float64 `json:"calls_per_s"`
				P50        float64 `json:"p50_us"`
				P99        float64 `json:"p99_us"`
			}
			if err := json.Unmarshal(out, &line); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if line.Impl == "" || line.Op != op || line.Size != 1000 || line.Conc != 4 ||
				line.CallsPerS <= 0 || line.P50 <= 0 || line.P99 < line.P50 {
				t.Errorf("%s: %s", op, out)
			}
		}
	})
}
