package usage

import (
	"os"
	"runtime"
	"testing"
)

// TestOwn holds that what this process says of itself and what the system says of it
// agree, and that both grow with work.
func TestOwn(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("*** SKIPPED: other processes are looked at on Linux only ***")
	}
	before, err := Of(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	own := Own()
	var kept []byte
	for n := 0; Own().CPUMicros-own.CPUMicros < 20_000; n++ {
		kept = make([]byte, n%4096)
	}
	runtime.KeepAlive(kept)
	after, err := Of(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if used := after.Since(before); used.CPUMicros < 20_000 || used.ResidentBytes <= 0 || used.Allocations != -1 {
		t.Errorf("of 20 ms the system tells %+v", used)
	}
	if own.Allocations <= 0 || own.PeakResidentBytes < own.ResidentBytes || own.Goroutines < 1 {
		t.Errorf("of itself the process tells %+v", own)
	}
}

// TestOfNobody holds that a process that is not there is an error.
func TestOfNobody(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("*** SKIPPED: other processes are looked at on Linux only ***")
	}
	if u, err := Of(1 << 22); err == nil {
		t.Errorf("of no process %+v", u)
	}
}
