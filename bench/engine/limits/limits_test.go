package limits

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestMeasure holds that every limit is measured, and the file gone in the end.
func TestMeasure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	f, err := Measure(path, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range All {
		if v := l.Of(f); v <= 0 && runtime.GOOS == "linux" {
			t.Errorf("%s: %g %s", l.Name, v, l.Unit)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, want %v", err, os.ErrNotExist)
	}
}

// TestLinesAreOneCycle holds that the walk does not end in a short cycle, which
// the cache would hold.
func TestLinesAreOneCycle(t *testing.T) {
	const count = 1000
	lines := cycle(count)
	at, steps := lines[0].next, 1
	for ; at != 0 && steps <= count; steps++ {
		at = lines[at].next
	}
	if steps != count {
		t.Errorf("the cycle has %d lines, want %d", steps, count)
	}
}

func TestMeasureWithoutFolder(t *testing.T) {
	if _, err := Measure(filepath.Join(t.TempDir(), "nowhere", "x"), 1000); err == nil {
		t.Error("a file was written in a folder that is not there")
	}
}
