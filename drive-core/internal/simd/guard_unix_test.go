//go:build unix

package simd

import (
	"hash/crc32"
	"testing"

	"golang.org/x/sys/unix"
)

// fenced returns size bytes that begin and end beside memory that nobody may touch.
// The end is exact; the beginning is when size is a multiple of the page size.
func fenced(t *testing.T, size int) []byte {
	t.Helper()
	page := unix.Getpagesize()
	inner := (size + page - 1) / page * page
	m, err := unix.Mmap(-1, 0, inner+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(m); err != nil {
			t.Error(err)
		}
	})
	for _, fence := range [][]byte{m[:page], m[page+inner:]} {
		if err := unix.Mprotect(fence, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return m[page+inner-size : page+inner]
}

// TestNothingBesideIsRead runs kernels up to the last byte before, and from the first
// byte after, memory that may not be read: the race detector does not see what
// assembly does.
func TestNothingBesideIsRead(t *testing.T) {
	onEachPath(t, func(t *testing.T) {
		src, dst := fenced(t, 64<<10), fenced(t, 64<<10)
		copy(src, random(len(src)))
		for n := range 700 {
			for name, p := range map[string][2][]byte{
				"end":   {src[len(src)-n:], dst[len(dst)-n:]},
				"begin": {src[:n], dst[:n]},
			} {
				want := crc32.ChecksumIEEE(p[0])
				if sum, copied := Update(0, p[0]), CopyUpdate(0, p[1], p[0]); sum != want || copied != want {
					t.Fatalf("%d bytes at the %s: %08x, %08x, want %08x", n, name, sum, copied, want)
				}
				if i := IndexUint64(p[0], 1<<60+1); i >= 0 {
					t.Fatalf("found in random bytes at %d", i)
				}
				if i := IndexBelow(p[0], 1<<8); i >= 0 {
					t.Fatalf("small number in random bytes at %d", i)
				}
			}
		}
	})
}
