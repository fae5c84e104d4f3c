package memory

import (
	"os"
	"runtime"
	"testing"
)

// TestNow holds that memory that was touched is seen, on systems that tell.
func TestNow(t *testing.T) {
	before := Now()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		if before != (Held{}) {
			t.Errorf("%+v on a system that does not tell", before)
		}
		return
	}
	const size = 64 << 20
	p := make([]byte, size)
	for i := 0; i < size; i += 512 {
		p[i] = 1
	}
	after := Now()
	runtime.KeepAlive(p)
	if after.Anonymous < before.Anonymous+size*9/10 || after.Resident < after.Anonymous || after.Peak < after.Resident {
		t.Errorf("%+v, then %+v after touching %d bytes", before, after, size)
	}
}

// TestOf holds that a process is seen as it sees itself, and nothing of one that is
// not there.
func TestOf(t *testing.T) {
	own := Now()
	if h := Of(os.Getpid()); (h == Held{}) != (own == Held{}) || h.Resident < own.Resident/2 {
		t.Errorf("%+v from outside, after %+v from inside", h, own)
	}
	if h := Of(1 << 22); h != (Held{}) { // larger than any number of a process
		t.Errorf("%+v of no process", h)
	}
}

func TestKilobytes(t *testing.T) {
	for text, want := range map[string]int64{"\t  123 kB": 123 << 10, "0 kB": 0, "": 0, "12 MB": 0} {
		if got := kilobytes(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
