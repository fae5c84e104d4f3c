package drive

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if status, child := playRole(); child {
		os.Exit(status)
	}
	goleak.VerifyTestMain(m)
}

// tempPath returns a path for a drive that the end of the test removes.
func tempPath(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(tb.TempDir(), "a.drive")
}

// mustOpen opens a drive and closes it at the end of the test.
func mustOpen(tb testing.TB, path string, opts Options) *Store {
	tb.Helper()
	s, err := Open(path, opts)
	if err != nil {
		tb.Fatalf("Open: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return s
}

// mustWrite writes a value and returns the tail.
func mustWrite(tb testing.TB, s *Store, key string, value []byte) int64 {
	tb.Helper()
	tail, err := s.Write([]byte(key), value)
	if err != nil {
		tb.Fatalf("Write(%q): %v", key, err)
	}
	return tail
}

// fileBytes returns the contents of a file.
func fileBytes(tb testing.TB, path string) []byte {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}
