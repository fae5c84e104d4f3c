package kv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"time"

	"github.com/simd-drive/go/bench/usage"
)

// RunProgram runs the measuring mode of a client's program, such as that in
// interop/rust, which fills the store, makes the calls and says what they took.
func RunProgram(ctx context.Context, command []string, address string, c Case, d time.Duration) (Sample, error) {
	args := append(command[1:len(command):len(command)], "bench", address, c.Op, strconv.Itoa(c.Size), strconv.Itoa(c.InFlight),
		strconv.FormatFloat(d.Seconds(), 'f', -1, 64))
	cmd := exec.CommandContext(ctx, command[0], args...)
	out, err := cmd.Output()
	s, parseErr := parseSample(out, c)
	if cmd.ProcessState != nil {
		cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		s.Used = usage.Usage{CPUMicros: cpu.Microseconds(), Allocations: -1, AllocatedBytes: -1}
	}
	return s, errors.Join(parseErr, err) // the line says more than the exit status
}

// parseSample reads the line that a client's program prints: its figures, or why it
// has none.
func parseSample(line []byte, c Case) (Sample, error) {
	var answer struct {
		Case
		PerSecond float64 `json:"calls_per_s"`
		Calls     uint64  `json:"calls"`
		P50       float64 `json:"p50_us"`
		P99       float64 `json:"p99_us"`
		Error     string  `json:"error"`
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return Sample{}, fmt.Errorf("line of a client: %w", err)
	}
	switch a := answer; {
	case a.Error != "":
		return Sample{}, errors.New(a.Error)
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
