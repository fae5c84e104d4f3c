//go:build unix

package drive

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// specialFiles returns paths of files that are neither regular nor directories,
// making those that do not exist in dir.
func specialFiles(t *testing.T, dir string) []string {
	t.Helper()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{fifo, "/dev/null", "/dev/zero"}
}

// freeBytes returns how much space the file system of dir has left.
func freeBytes(t *testing.T, dir string) int64 {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	return int64(st.Bavail) * int64(st.Bsize) //nolint:unconvert // the types differ between systems
}
