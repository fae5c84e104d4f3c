//go:build linux

package powercut

import (
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	pointsFlag = flag.Int("powercut.points", 80, "moments, in each round of each mode, at which the power goes")
	callsFlag  = flag.Int("powercut.calls", 300, "calls that each writer makes")
	seedFlag   = flag.Uint64("powercut.seed", 0, "what the calls and the moments are drawn from; 0 draws a seed")
	keepFlag   = flag.String("powercut.keep", "", "folder for copies of the first drive that broke a promise, in each mode")
)

// maxComplaints is how many broken promises of a run are told.
const maxComplaints = 20

// drawSeed returns the seed of this run and tells which it is.
func drawSeed(t *testing.T) uint64 {
	t.Helper()
	s := *seedFlag
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("-powercut.seed=%d", s)
	return s
}

// newDisk returns an empty formatted disk.
func newDisk(t *testing.T) *image {
	t.Helper()
	im, err := format(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return im
}

// TestPowerCut runs a workload in each sync mode, takes the power away at many
// moments, and holds what the engine promises of that mode. Where the drive must
// survive, the workload then goes on, under other conditions, with what one of the
// cuts left; otherwise with an empty disk. Then the power goes again.
func TestPowerCut(t *testing.T) {
	needsDisk(t)
	empty := newDisk(t)
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			seed := drawSeed(t)
			first := mustRun(t, empty, m, quiet, 1, seed)
			crashes := drawCrashes(first.result, *pointsFlag, seed)
			judge(t, nil, first, crashes)
			var before []round
			base := empty
			if !m.damageIsTyped {
				c := crashes[len(crashes)/2+rand.New(rand.NewPCG(seed, 4)).IntN(len(crashes)/2)]
				t.Logf("second round after: %v", c)
				before = []round{{first, c.at}}
				base = newRebuilder(first.result).image(c)
			}
			second := mustRun(t, base, m, busy, 2, seed)
			judge(t, before, second, drawCrashes(second.result, *pointsFlag, seed))
		})
	}
}

// mustRun runs a workload and logs what it did.
func mustRun(t *testing.T, base *image, m mode, around conditions, round int, seed uint64) *history {
	t.Helper()
	h, err := runWorkload(t.Context(), t.TempDir(), base, m, around, round, seed, *callsFlag)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for w := range h.calls {
		n += len(h.calls[w])
	}
	rec := h.result
	t.Logf("round %d, %s: %d calls in %v; the disk saw %d records, %d of them flushes, %d MiB",
		round, around.name, n, (rec.end - rec.time(0)).Round(time.Millisecond), len(rec.log), rec.flushes(), rec.bytes()>>20)
	if m.sync.Interval() > 0 {
		t.Logf("round %d: as the machine halted at times, a sync may take %v", round, h.syncTime().Round(time.Millisecond))
	}
	return h
}

// judge inspects the disk after each of the crashes during h, which came after the
// given rounds, and compares.
func judge(t *testing.T, before []round, h *history, crashes []crash) {
	t.Helper()
	sum := &verdict{}
	b := newRebuilder(h.result)
	dir := t.TempDir()
	start := time.Now()
	for _, c := range crashes {
		im := b.image(c)
		rounds := append(before[:len(before):len(before)], round{h, c.at})
		v, err := examine(im, dir, rounds)
		if err != nil {
			v = &verdict{broken: []string{err.Error()}}
		}
		for i, text := range v.broken {
			if len(sum.broken)+i < maxComplaints {
				t.Errorf("%v: %s", c, text)
			}
		}
		if len(v.broken) > 0 && len(sum.broken) == 0 && *keepFlag != "" {
			keep(t, im, dir)
		}
		sum.add(v)
	}
	if n := len(sum.broken); n > 0 {
		t.Errorf("%d promises broken", n)
	}
	t.Logf("%d cuts in %v; calls made but not promised: %d, of which %d had effect; %d torn, %d unreadable; %d damaged tails",
		len(crashes), time.Since(start).Round(time.Millisecond), sum.pending, sum.kept, sum.torn, sum.unreadable, sum.cuts)
}

// keep copies the drive on a disk, and what is beside it, to a folder of its own.
func keep(t *testing.T, im *image, dir string) {
	t.Helper()
	to := filepath.Join(*keepFlag, strings.ReplaceAll(t.Name(), "/", "-"))
	err := withMounted(im, dir, func() error {
		if err := os.MkdirAll(to, 0o700); err != nil {
			return err
		}
		files, err := filepath.Glob(filepath.Join(dir, driveName+"*"))
		if err != nil {
			return err
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(to, filepath.Base(name)), data, 0o600); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	t.Logf("kept in %s", to)
}
