package drive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// compactCase is a drive to be compacted: values of a size, written in batches, and
// then the first of them again.
type compactCase struct{ keys, dead, size, batch int }

// fill writes the drive. The keys and values are those of the comparison with the
// original.
func (c compactCase) fill(b *testing.B, s *Store) {
	b.Helper()
	items := make([]Item, 0, c.batch)
	write := func(n int, fill byte) {
		for i := range n {
			value := bytes.Repeat([]byte{fill}, c.size)
			binary.LittleEndian.PutUint64(value, uint64(i))
			items = append(items, Item{append([]byte("bench-key-"), strconv.Itoa(i)...), value})
			if len(items) == c.batch || i == n-1 {
				if _, err := s.WriteBatch(items); err != nil {
					b.Fatal(err)
				}
				items = items[:0]
			}
		}
	}
	write(c.keys, 0xAB)
	write(c.dead, 0xCD)
}

// BenchmarkCompact compacts drives of which a third is superseded. The throughput is
// that of live payload. The unsynced ones do what the original does. DRIVE_BENCH_DIR puts the drives elsewhere than the temporary
// directory.
func BenchmarkCompact(b *testing.B) {
	cases := []compactCase{{200_000, 100_000, 1 << 10, 100}, {1_000_000, 500_000, 8, 1024}, {200, 100, 1 << 20, 1}}
	for _, fsys := range []struct {
		name string
		vfs.FS
	}{{"unsynced", newUnsynced()}, {"synced", vfs.OS}} {
		for _, c := range cases {
			for _, order := range []Order{FileOrder, NewestFirst} {
				b.Run(fmt.Sprintf("%s/%dx%d/order=%d", fsys.name, c.keys, c.size, order), func(b *testing.B) {
					b.SetBytes(int64(c.keys) * int64(c.size))
					for b.Loop() {
						b.StopTimer()
						dir, err := os.MkdirTemp(os.Getenv("DRIVE_BENCH_DIR"), "compact") //nolint:usetesting // likewise
						if err != nil {
							b.Fatal(err)
						}
						s, err := openIn(fsys, dir+"/a.drive", Options{Sync: SyncNone})
						if err != nil {
							b.Fatal(err)
						}
						c.fill(b, s)
						b.StartTimer()
						r, err := s.Compact(b.Context(), CompactOptions{Order: order})
						b.StopTimer()
						if err != nil || r.Entries != int64(c.keys) {
							b.Fatal(r, err)
						}
						if err := errors.Join(s.Close(), os.RemoveAll(dir)); err != nil {
							b.Fatal(err)
						}
						b.StartTimer()
					}
				})
			}
		}
	}
}
