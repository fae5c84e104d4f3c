package driver

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/simd-drive/go/drive-core"
)

// small makes every case small: a thousand keys instead of a million.
const small = 1000

// tailOf is the tail of a drive with count values of a size: each begins at a
// multiple of 64 and has 20 bytes of metadata behind it.
func tailOf(count, size uint64) uint64 {
	entry := size + 20
	return (count-1)*((entry+63)/64*64) + entry
}

// sumOf is what reads in the order of a seed look at, computed without a drive.
func sumOf(keys, reads, seed, size uint64, all bool) uint64 {
	order := Order(seed)
	var sum uint64
	for range reads {
		n := order.Next() % keys
		if !all {
			sum += n & 0xFF
			continue
		}
		for rest := n; rest > 0; rest >>= 8 {
			sum += rest & 0xFF
		}
		sum += (size - 8) * fill
	}
	return sum
}

// iteratedSum is what an iteration over all keys looks at.
func iteratedSum(keys, size uint64, all bool) uint64 {
	var sum uint64
	for n := range keys {
		if !all {
			sum += n & 0xFF
			continue
		}
		for rest := n; rest > 0; rest >>= 8 {
			sum += rest & 0xFF
		}
		sum += (size - 8) * fill
	}
	return sum
}

// TestContract holds the calculations of these tests, and with them what the
// cases do, against checks that the original gave at full size.
func TestContract(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want uint64
	}{
		{"a", tailOf(1_000_000, 8), 63999964},
		{"b", tailOf(100_000, 128), 19199956},
		{"c", tailOf(200_000, kib), 217599956},
		{"d", tailOf(500, mb1), 524319956},
		{"e1", sumOf(1_000_000, 1_000_000, readSeed, 8, false), 127526227},
		{"e2", sumOf(1_000_000, 1_000_000, readSeed, 8, true), 260650780},
		{"e3", sumOf(200_000, 500_000, readSeed, kib, true), 86994972401},
		{"e4", sumOf(5_000_000, 1_000_000, readSeed, 8, false), 127439699},
		{"f", sumOf(1_000_000, 1_000_000, readBatchSeed, 8, false), 127391801},
		{"g", iteratedSum(1_000_000, 8, false), 127493856},
		{"g2", iteratedSum(200_000, kib, true), 34797988960},
		{"k", tailOf(1, gb1), 1073741844},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", c.name, c.got, c.want)
		}
	}
}

// caseTest is a case with what it must give at the small scale.
type caseTest struct {
	name       string
	on         string // the case that makes its drive; empty when it makes its own
	ops, bytes uint64
	check      uint64
}

var caseTests = []caseTest{
	{"a_append_8b_batch1024", "", 1000, 8000, tailOf(1000, 8)},
	{"mk_5m_8b", "", 5000, 40000, tailOf(5000, 8)},
	{"b_append_128b_single", "", 100, 12800, tailOf(100, 128)},
	{"c_append_1k_batch100", "", 200, 200 * kib, tailOf(200, kib)},
	{"d_append_1m_single", "", 1, mb1, tailOf(1, mb1)},
	{"mk_2g_1m", "", 2, 2 * mb1, tailOf(2, mb1)},
	{"mk_compact", "", 300, 300 * kib, tailOf(300, kib)},
	{"e1_read_touch", "a_append_8b_batch1024", 1000, 8000, sumOf(1000, 1000, 42, 8, false)},
	{"e1_read_touch_2", "a_append_8b_batch1024", 2000, 16000, sumOf(1000, 1000, 42, 8, false) + sumOf(1000, 1000, 43, 8, false)},
	{"e2_read_sum_8b", "a_append_8b_batch1024", 1000, 8000, sumOf(1000, 1000, 42, 8, true)},
	{"e3_read_sum_1k", "c_append_1k_batch100", 500, 500 * kib, sumOf(200, 500, 42, kib, true)},
	{"e4_read_touch_5m", "mk_5m_8b", 1000, 8000, sumOf(5000, 1000, 42, 8, false)},
	{"f_batch_read_100", "a_append_8b_batch1024", 1000, 8000, sumOf(1000, 1000, 43, 8, false)},
	{"g_iterate", "a_append_8b_batch1024", 1000, 8000, iteratedSum(1000, 8, false)},
	{"g2_iterate_sum_1k", "c_append_1k_batch100", 200, 200 * kib, iteratedSum(200, kib, true)},
	{"h_open", "a_append_8b_batch1024", 1000, tailOf(1000, 8), 1000},
	{"h_open_cold", "a_append_8b_batch1024", 1000, tailOf(1000, 8), 1000},
	{"h_open_checkpoint", "a_append_8b_batch1024", 1000, tailOf(1000, 8), 1000},
	{"j_mem", "a_append_8b_batch1024", 1000, 0, 1000},
	{"j_grow", "", 5000, 40000, tailOf(5000, 8)},
	{"k_stream_1g", "", 1, gb1 / small, tailOf(1, gb1/small)},
	{"l_compact", "mk_compact", 200, 200 * kib, tailOf(200, kib)},
	{"m_delete_batch1024", "a_append_8b_batch1024", 1000, 0, tailOf(1000, 8) + 21*1000},
	{"n_contend_128", "", 8, 8 * 128, 8},
	{"n_contend_4k", "", 8, 8 * 4 * kib, 8},
	{"n_contend_64k", "", 8, 8 * 64 * kib, 8},
	{"o_synced_bare", "", 2, 2 * 128, 2},
	{"o_synced_1", "", 2, 2 * 128, 2},
	{"o_synced_16", "", 16, 16 * 128, 16},
}

// TestCases runs every case, and holds what it did.
func TestCases(t *testing.T) {
	for _, c := range caseTests {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "h_open_cold" && runtime.GOOS != "linux" {
				t.Skip("the pages of a file can be dropped from the cache on Linux only")
			}
			path := filepath.Join(t.TempDir(), "x.drive")
			if c.on != "" {
				if _, err := Run(t.Context(), c.on, path, small); err != nil {
					t.Fatal(err)
				}
			}
			r, err := Run(t.Context(), c.name, path, small)
			if err != nil {
				t.Fatal(err)
			}
			if r.Case != c.name || r.Ops != c.ops || r.Bytes != c.bytes || r.Check != c.check {
				t.Errorf("%+v, want %+v", r, c)
			}
			if r.Seconds <= 0 || r.PerSecond <= 0 || r.Allocations == nil {
				t.Errorf("no figures: %+v", r)
			}
		})
	}
}

// TestMixed runs the cases that count what happens in a time.
func TestMixed(t *testing.T) {
	for name, writes := range map[string]bool{"i_mixed_4r_1w": true, "i2_readers_only_4": false, "i3_readers_only_1": false} {
		path := filepath.Join(t.TempDir(), "x.drive")
		if _, err := Run(t.Context(), "a_append_8b_batch1024", path, small); err != nil {
			t.Fatal(err)
		}
		r, err := Run(t.Context(), name, path, small)
		if err != nil {
			t.Fatal(err)
		}
		if r.Reads <= 0 || (r.Writes > 0) != writes || r.Check != 0 {
			t.Errorf("%+v, writes wanted: %t", r, writes)
		}
	}
}

// TestEveryCaseIsTested holds that the tests above leave none out.
func TestEveryCaseIsTested(t *testing.T) {
	tested := []string{"i_mixed_4r_1w", "i2_readers_only_4", "i3_readers_only_1"}
	for _, c := range caseTests {
		tested = append(tested, c.name)
	}
	for _, name := range Cases() {
		if !slices.Contains(tested, name) {
			t.Errorf("%s is not tested", name)
		}
	}
}

func TestUnknownCase(t *testing.T) {
	if _, err := Run(t.Context(), "z", filepath.Join(t.TempDir(), "x"), 1); !errors.Is(err, ErrUnknownCase) {
		t.Errorf("%v, want %v", err, ErrUnknownCase)
	}
}

// TestMissingKeyIsAnError holds that a case does not count reads that find
// nothing.
func TestMissingKeyIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.drive")
	if _, err := Run(t.Context(), "a_append_8b_batch1024", path, small); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"e4_read_touch_5m", "f_batch_read_100"} {
		if _, err := Run(t.Context(), name, path, 10); !errors.Is(err, drive.ErrNotFound) {
			t.Errorf("%s: %v, want %v", name, err, drive.ErrNotFound)
		}
	}
}

// TestOpeningWithoutCheckpoint holds that it is removed first.
func TestOpeningWithoutCheckpoint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.drive")
	if _, err := Run(t.Context(), "a_append_8b_batch1024", path, small); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+checkpointSuffix, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := warm.prepare(path); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + checkpointSuffix); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, want %v", err, os.ErrNotExist)
	}
}

func TestSplitMix(t *testing.T) {
	// The first numbers of the generator's reference, for seed 1234567.
	s := Order(1234567)
	for _, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423} {
		if got := s.Next(); got != want {
			t.Errorf("%d, want %d", got, want)
		}
	}
}

func TestSumBytes(t *testing.T) {
	for _, size := range []int{0, 1, 7, 8, 9, 1023, 1024, 1025, 5000} {
		p := make([]byte, size)
		var want uint64
		for i := range p {
			p[i] = byte(255 - i%3)
			want += uint64(p[i])
		}
		if got := sumBytes(p); got != want {
			t.Errorf("%d bytes: %d, want %d", size, got, want)
		}
	}
}

func TestPattern(t *testing.T) {
	const size = mb1 + 5
	got, err := io.ReadAll(newPattern(size))
	if err != nil || len(got) != size {
		t.Fatalf("%d bytes, %v, want %d", len(got), err, size)
	}
	if got[0] != 1 || got[250] != 251 || got[251] != 1 {
		t.Errorf("bytes %d %d %d", got[0], got[250], got[251])
	}
}
