//go:build unix

package crashfs

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// tries is how many crashes are tried to see all outcomes. The rarest of those that
// the tests wait for has a chance of more than 1 in 100.
const tries = 3000

// outcomes returns the outcomes of many power cuts, described by look, in order.
func outcomes(fsys *FS, look func(c *FS) string) []string {
	seen := map[string]bool{}
	for seed := range uint64(tries) {
		c := fsys.CrashClone(rand.New(rand.NewPCG(seed, 0)))
		seen[look(c)] = true
		c.Close()
	}
	return slices.Sorted(maps.Keys(seen))
}

// wantOutcomes compares them with all that there should be, and no others.
func wantOutcomes(t *testing.T, fsys *FS, look func(c *FS) string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := outcomes(fsys, look); !slices.Equal(got, slices.Compact(want)) {
		t.Errorf("outcomes:\n%q\nwant:\n%q", got, want)
	}
}

// durable returns a file system with the durable file /a that holds s.
func durable(t *testing.T, s string) (*FS, vfs.File) {
	t.Helper()
	fsys := New()
	f := open(t, fsys, "/a", vfs.Create)
	if s != "" {
		write(t, f, s, 0)
	}
	must(t, f.Sync())
	must(t, fsys.SyncDir("/"))
	return fsys, f
}

// sector returns a whole sector of c.
func sector(c string) string { return strings.Repeat(c, sectorSize) }

// short describes the content of /a: each run of bytes by one of them, zeros as 0.
func short(t *testing.T) func(c *FS) string {
	t.Helper()
	return func(c *FS) string {
		s := content(t, c, "/a")
		var b strings.Builder
		for at := 0; at < len(s); {
			run := at
			for run < len(s) && s[run] == s[at] {
				run++
			}
			fmt.Fprintf(&b, "%c%d ", max(s[at], '0'), run-at)
			at = run
		}
		return b.String()
	}
}

// TestNamesAreLostFromTheEnd: of changes of names a prefix survives, whatever was
// synced of the contents.
func TestNamesAreLostFromTheEnd(t *testing.T) {
	fsys, f := durable(t, "old")
	must(t, f.Sync())
	n := open(t, fsys, "/n", vfs.Exclusive)
	write(t, n, "new", 0)
	must(t, n.Sync())
	must(t, fsys.Rename("/n", "/a"))
	open(t, fsys, "/b", vfs.Create)
	must(t, fsys.Remove("/a"))
	look := func(c *FS) string {
		return content(t, c, "/a") + "," + content(t, c, "/n") + "," + content(t, c, "/b")
	}
	wantOutcomes(t, fsys, look, "old,-,-", "old,new,-", "new,-,-", "new,-,", "-,-,")
	must(t, fsys.SyncDir("/elsewhere"))
	wantOutcomes(t, fsys, look, "old,-,-", "old,new,-", "new,-,-", "new,-,", "-,-,")
	must(t, fsys.SyncDir("/"))
	wantOutcomes(t, fsys, look, "-,-,")
}

// TestSectorsAreKeptOrLostEach: each sector is of its own time.
func TestSectorsAreKeptOrLostEach(t *testing.T) {
	fsys, f := durable(t, sector("a")+sector("a"))
	write(t, f, sector("b")+sector("b"), 0)
	write(t, f, sector("c"), sectorSize)
	wantOutcomes(t, fsys, short(t), "a1024 ", "a512 b512 ", "a512 c512 ", "b512 a512 ", "b1024 ", "b512 c512 ")
	must(t, f.Sync())
	wantOutcomes(t, fsys, short(t), "b512 c512 ")
}

// TestLengthAndContentAreLostEach: a longer file may hold zeros.
func TestLengthAndContentAreLostEach(t *testing.T) {
	fsys, f := durable(t, "aa")
	write(t, f, "b", 2)
	write(t, f, "c", 4)
	wantOutcomes(t, fsys, short(t), "a2 ", "a2 01 ", "a2 b1 ", "a2 03 ", "a2 b1 02 ", "a2 b1 01 c1 ")
}

// TestLengthOnTheWay: a write may have made the file longer by some of its sectors.
func TestLengthOnTheWay(t *testing.T) {
	fsys, f := durable(t, "a")
	write(t, f, sector("b")+"bb", 511)
	wantOutcomes(t, fsys, short(t),
		"a1 ", "a1 0511 ", "a1 0510 b1 ", "a1 01023 ", "a1 0510 b1 0512 ", "a1 0511 b512 ", "a1 0510 b513 ",
		"a1 01024 ", "a1 01023 b1 ", "a1 0511 b512 01 ", "a1 0511 b513 ",
		"a1 0510 b1 0513 ", "a1 0510 b1 0512 b1 ", "a1 0510 b513 01 ", "a1 0510 b514 ")
}

// TestTruncations: they happen or not, and nothing comes back from behind them.
func TestTruncations(t *testing.T) {
	t.Run("cut and grown", func(t *testing.T) {
		fsys, f := durable(t, "aaa")
		must(t, f.Truncate(1))
		must(t, f.Truncate(3))
		wantOutcomes(t, fsys, short(t), "a3 ", "a1 ", "a1 02 ")
	})
	t.Run("made durable", func(t *testing.T) {
		fsys, f := durable(t, "aaa")
		must(t, f.Truncate(1))
		must(t, f.Sync())
		must(t, f.Truncate(3))
		wantOutcomes(t, fsys, short(t), "a1 ", "a1 02 ")
	})
	t.Run("space is used again", func(t *testing.T) {
		fsys, f := durable(t, sector("a"))
		must(t, f.Truncate(0))
		write(t, f, sector("b"), 0)
		got := outcomes(fsys, short(t))
		for _, o := range got {
			if strings.Contains(o, "a") && o != "a512 " {
				t.Errorf("outcome %q: bytes from before a truncation that happened", o)
			}
		}
		for _, want := range []string{"", "a512 ", "b512 ", "0512 "} {
			if !slices.Contains(got, want) {
				t.Errorf("never %q", want)
			}
		}
	})
	t.Run("unsynced bytes before it", func(t *testing.T) {
		fsys, f := durable(t, "")
		write(t, f, "bb", 0)
		must(t, f.Truncate(1))
		must(t, f.Truncate(2))
		wantOutcomes(t, fsys, short(t), "", "b1 ", "01 ", "b2 ", "02 ", "b1 01 ")
	})
}

// TestWritesUnderWay: a power cut in the middle of a write may have taken any part
// of it, the end of the process a number of its pages.
func TestWritesUnderWay(t *testing.T) {
	fsys, f := durable(t, "a")
	var power, killed, still []string
	fsys.OnCall = func(op Op) {
		power = outcomes(fsys, short(t))
		seen := map[string]bool{}
		for seed := range uint64(tries) {
			seen[short(t)(fsys.ProcessCrashClone(rand.New(rand.NewPCG(seed, 1))))] = true
		}
		killed = slices.Sorted(maps.Keys(seen))
		still = append(still, short(t)(fsys.ProcessCrashClone(nil)))
	}
	write(t, f, strings.Repeat("b", 2*pageSize), 1)
	if want := []string{"a1 ", "a1 b4095 ", "a1 b8191 ", "a1 b8192 "}; !slices.Equal(killed, want) {
		t.Errorf("killed: %q, want %q", killed, want)
	}
	if !slices.Equal(still, []string{"a1 "}) {
		t.Errorf("killed before: %q", still)
	}
	for _, want := range []string{"a1 ", "a1 b8192 ", "a1 08192 "} {
		if !slices.Contains(power, want) {
			t.Errorf("power cut: never %q", want)
		}
	}
	if len(power) < tries/3 {
		t.Errorf("power cut: only %d outcomes", len(power))
	}
	fsys.OnCall = nil
	if got := short(t)(fsys.ProcessCrashClone(nil)); got != "a1 b8192 " {
		t.Errorf("after the write: %q", got)
	}
}

// TestProcessCrashKeepsWhatIsPending: what was not durable before the process was
// killed is not durable afterwards.
func TestProcessCrashKeepsWhatIsPending(t *testing.T) {
	fsys, f := durable(t, "a")
	write(t, f, "b", 0)
	open(t, fsys, "/n", vfs.Create)
	must(t, fsys.Rename("/a", "/c"))
	look := func(c *FS) string { return content(t, c, "/a") + content(t, c, "/n") + content(t, c, "/c") }
	clone := fsys.ProcessCrashClone(nil)
	if got := look(clone); got != "-b" {
		t.Errorf("after a kill: %q", got)
	}
	want := []string{"a--", "b--", "a-", "b-", "-a", "-b"}
	wantOutcomes(t, clone, look, want...)
	// The clone and its origin go their own ways.
	must(t, f.Sync())
	must(t, fsys.Remove("/c"))
	must(t, fsys.SyncDir("/"))
	wantOutcomes(t, clone, look, want...)
	must(t, open(t, clone, "/c", vfs.ReadWrite).Truncate(0))
	must(t, open(t, clone, "/c", vfs.ReadWrite).Sync())
	must(t, clone.SyncDir("/"))
	wantOutcomes(t, clone, look, "-")
	wantOutcomes(t, fsys, look, "--")
}

// TestDroppedWrites: after the sync that failed, others succeed, the file reads as
// written, and a power cut shows what is missing.
func TestDroppedWrites(t *testing.T) {
	fsys, f := durable(t, "aaa")
	fsys.DropOnFailedSync(2)
	must(t, f.Sync())
	write(t, f, "bbbb", 0)
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("second sync: %v", err)
	}
	must(t, f.Sync())
	if got := content(t, fsys, "/a"); got != "bbbb" {
		t.Errorf("content %q", got)
	}
	wantOutcomes(t, fsys, short(t), "a3 01 ")
	write(t, f, "c", 4)
	must(t, f.Sync())
	wantOutcomes(t, fsys, short(t), "a3 01 c1 ")
	if got := content(t, fsys.ProcessCrashClone(nil), "/a"); got != "bbbbc" {
		t.Errorf("after a kill: %q", got)
	}
}

// TestCrashesFollowTheSeed: the same history and seed give the same files.
func TestCrashesFollowTheSeed(t *testing.T) {
	run := func(seed uint64) []byte {
		fsys := New()
		rng := rand.New(rand.NewPCG(seed, 3))
		var files []vfs.File
		for i := range 5 {
			files = append(files, open(t, fsys, string(rune('a'+i)), vfs.Create))
		}
		for range 200 {
			f := files[rng.IntN(len(files))]
			switch rng.IntN(8) {
			case 0:
				must(t, f.Truncate(rng.Int64N(9000)))
			case 1:
				must(t, f.Sync())
			case 2:
				must(t, fsys.SyncDir("/"))
			default:
				write(t, f, strings.Repeat(string(rune('a'+rng.IntN(26))), 1+rng.IntN(3000)), rng.Int64N(6000))
			}
		}
		var all []byte
		for range 3 {
			c := fsys.CrashClone(rng)
			for i := range 5 {
				all = append(all, content(t, c, string(rune('a'+i)))...)
			}
		}
		return all
	}
	for seed := range uint64(20) {
		if !bytes.Equal(run(seed), run(seed)) {
			t.Errorf("seed %d gives two outcomes", seed)
		}
	}
	if bytes.Equal(run(1), run(2)) {
		t.Error("two seeds give the same")
	}
}
