package kv

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/simd-drive/go/bench/child"
	"github.com/simd-drive/go/bench/usage"
)

// RunProgram runs the measuring mode of a client's program, such as that in
// interop/rust, which fills the store, makes the calls and says what they took.
func RunProgram(ctx context.Context, command []string, address string, c Case, d time.Duration) (Sample, error) {
	var line json.RawMessage
	cpu, err := child.Run(ctx, &line, append(command[:len(command):len(command)], "bench", address, c.Op, strconv.Itoa(c.Size),
		strconv.Itoa(c.InFlight), strconv.FormatFloat(d.Seconds(), 'f', -1, 64))...)
	if err != nil {
		return Sample{}, err
	}
	s, err := parseSample(line, c)
	s.Used = usage.Usage{CPUMicros: cpu.Microseconds(), Allocations: -1, AllocatedBytes: -1}
	return s, err
}

// parseSample reads the figures that a client's program prints.
func parseSample(line []byte, c Case) (Sample, error) {
	var answer struct {
		Case
		PerSecond float64 `json:"calls_per_s"`
		Calls     uint64  `json:"calls"`
		P50       float64 `json:"p50_us"`
		P99       float64 `json:"p99_us"`
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return Sample{}, fmt.Errorf("line of a client: %w", err)
	}
	switch a := answer; {
	case a.Case != c:
		return Sample{}, fmt.Errorf("the client measured %s instead of %s", a.Case, c)
	case a.PerSecond <= 0 || a.Calls == 0 || a.P50 <= 0 || a.P99 < a.P50:
		return Sample{}, fmt.Errorf("the client's figures make no sense: %s", line)
	default:
		return Sample{
			Calls: a.Calls, Seconds: float64(a.Calls) / a.PerSecond,
			P50: int64(a.P50 * 1e3), P99: int64(a.P99 * 1e3),
		}, nil
	}
}
