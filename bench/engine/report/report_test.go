package report

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/simd-drive/go/bench/engine/driver"
	"github.com/simd-drive/go/bench/engine/stores"
	"github.com/simd-drive/go/bench/engine/workload"
	"github.com/simd-drive/go/bench/figure"
	"github.com/simd-drive/go/bench/rounds"
)

// TestTargetsNameRows holds that no target asks for a row that is not there, but
// for that of a mode that does not exist yet, and no row for a case that is not
// there.
func TestTargetsNameRows(t *testing.T) {
	for _, target := range targets {
		for _, name := range []string{target.ours.row, target.theirs.row} {
			if name != "" && name != "j_mem_low" && !slices.ContainsFunc(rows, func(w row) bool { return w.name == name }) {
				t.Errorf("%s: there is no row %s", target.name, name)
			}
		}
		if target.theirs.impl == original && rowNamed(target.theirs.row).alone {
			t.Errorf("%s: the original does not run %s", target.name, target.theirs.row)
		}
	}
	known := driver.Cases()
	for _, w := range rows {
		if !slices.Contains(known, w.driverCase()) || w.on != "" && !slices.Contains(known, w.on) {
			t.Errorf("%s: there is no case %s, or none %s", w.name, w.driverCase(), w.on)
		}
	}
}

// results returns fixed figures: of drive-core and of the original in a row, and
// of two stores in a case.
func results(own, theirs driver.Result) *Results {
	r := &Results{Rounds: 3}
	own.Case, theirs.Case = "e1_read_touch", "e1_read_touch"
	r.Engines = []Result{{Impl: ours, Result: own, Rounds: 3}, {Impl: original, Result: theirs, Rounds: 3}}
	for _, k := range stores.Kinds() {
		r.Infos = append(r.Infos, StoreInfo{k.Name, "v1", k.Settings, k.More, k.Durability})
	}
	return r
}

// verdict returns the verdict of a name.
func verdict(t *testing.T, r *Results, name string) figure.Verdict {
	t.Helper()
	list := judge(r)
	i := slices.IndexFunc(list, func(v figure.Verdict) bool { return v.Case == name })
	if i < 0 {
		t.Fatalf("no verdict on %q", name)
	}
	return list[i]
}

func TestJudge(t *testing.T) {
	const name = "random read of 1 M keys, 1 goroutine"
	for _, c := range []struct {
		own, theirs float64
		want        string
	}{{400, 100, figure.Met}, {399, 100, figure.Missed}, {400, 0, figure.NotMeasured}} {
		r := results(driver.Result{PerSecond: c.own}, driver.Result{PerSecond: c.theirs})
		if got := verdict(t, r, name); got.Result != c.want || got.Target != "≥ 4 × the original" {
			t.Errorf("%g beside %g: %+v, want %s", c.own, c.theirs, got, c.want)
		}
	}
	some, none := 0.5, 0.0
	for allocated, want := range map[*float64]string{&some: figure.Missed, &none: figure.Met} {
		r := results(driver.Result{Allocations: allocated}, driver.Result{})
		if got := verdict(t, r, "random read, allocations of each"); got.Result != want {
			t.Errorf("%g allocations: %+v, want %s", *allocated, got, want)
		}
	}
	failed := results(driver.Result{PerSecond: 400}, driver.Result{PerSecond: 100})
	failed.Engines[1].Error = "no"
	if got := verdict(t, failed, name); got.Result != figure.NotMeasured {
		t.Errorf("beside what failed: %+v", got)
	}
}

// TestJudgeStores holds that the best of the other stores counts, and the map
// does not.
func TestJudgeStores(t *testing.T) {
	for _, name := range []string{"get", "reopen"} {
		c, err := workload.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		r := results(driver.Result{}, driver.Result{})
		for impl, v := range map[string]float64{"drive": 200, "bbolt": 100, "pebble": 300, "map": 1e6} {
			one := driver.Result{Case: storeCase(c), PerSecond: v, Seconds: v / 1e3}
			r.Stores = append(r.Stores, Result{Impl: impl, Result: one, Rounds: 1})
		}
		want := figure.Verdict{Result: figure.Missed, Target: "≥ 1 × pebble", Theirs: "300 ops/s"}
		if c.Rate.Less() {
			want = figure.Verdict{Result: figure.Missed, Target: "≤ 1 × bbolt", Theirs: "100 ms"}
		}
		got := verdict(t, r, storeTitle(c))
		if got.Result != want.Result || got.Target != want.Target || got.Theirs != want.Theirs {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

// TestMemoryFigures holds how bytes a key and growth are computed.
func TestMemoryFigures(t *testing.T) {
	r := driver.Result{Ops: 1 << 20, BaseAnon: 2, OpenAnon: 22, PeakAnon: 32}
	if got := bytesPerKey(r); got != 20 {
		t.Errorf("%g bytes a key, want 20", got)
	}
	if got := growth(r); got != 1.5 {
		t.Errorf("growth %g, want 1.5", got)
	}
}

// TestDifferentWorkIsRefused holds that runs with different checks are no
// results.
func TestDifferentWorkIsRefused(t *testing.T) {
	run := func(check uint64) func(context.Context) (driver.Result, error) {
		return func(context.Context) (driver.Result, error) { return driver.Result{Check: check, PerSecond: 7}, nil }
	}
	p := Plan{Plan: rounds.Plan{Rounds: 2}, Dir: t.TempDir()}
	for _, r := range contest(t.Context(), p, "x", []contestant{{ours, run(1)}, {original, run(2)}}, perSecond) {
		if !strings.Contains(r.Error, "checks differ") || r.PerSecond != 0 {
			t.Errorf("%+v", r)
		}
	}
	for _, r := range contest(t.Context(), p, "x", []contestant{{ours, run(1)}, {original, run(1)}}, perSecond) {
		if r.Error != "" || r.PerSecond != 7 || r.Rounds != 2 {
			t.Errorf("%+v", r)
		}
	}
}

func TestMedians(t *testing.T) {
	runs := []driver.Result{
		{PerSecond: 3, Seconds: 2e-6, Check: 5},
		{PerSecond: 1, Seconds: 1e-6, Check: 5},
		{PerSecond: 2, Seconds: 9e-6, Check: 5},
	}
	r := resultOf(ours, "x", runs, nil, perSecond)
	if r.PerSecond != 2 || r.Lowest != 1 || r.Highest != 3 || r.Check != 5 || r.Seconds < 1.9e-6 || r.Seconds > 2.1e-6 {
		t.Errorf("%+v", r)
	}
}

// TestDocument holds that fixed figures stand where they belong.
func TestDocument(t *testing.T) {
	allocated := 0.25
	r := results(driver.Result{PerSecond: 4000, Megabytes: 12, Allocations: &allocated}, driver.Result{PerSecond: 1000, Megabytes: 3})
	r.Engines[0].Lowest, r.Engines[0].Highest = 3900, 4100
	r.Engines[1].Lowest, r.Engines[1].Highest = 900, 1100
	r.Failures = []string{"x: the checks\ndiffer"}
	r.Limits.CopyLarge = 9.5
	c, err := workload.Find("get")
	if err != nil {
		t.Fatal(err)
	}
	r.Stores = []Result{{Impl: "pebble", Result: driver.Result{Case: storeCase(c), PerSecond: 555}, Rounds: 1}}
	r.Verdicts = judge(r)
	text := r.document("benchmarks", nil)
	for _, want := range []string{
		"| drive-core | random read of 1 M keys, 1 goroutine | ≥ 4 × the original | 4,000 ops/s | 1,000 ops/s | 4 | met |",
		"| random read of 1 M keys, 1 goroutine | ops/s | 4,000 | 3,900, 4,100 | 1,000 | 900, 1,100 | 4 | 12 | 3 | 0.250 |",
		"| get of 1 M keys, 1 goroutine | none | ops/s |  |  |  | 555 |  |  |",
		"| copy of 256 MiB, 1 goroutine | GB/s | 9.50 |",
		"Failed: x: the checks differ",
		"| append 1 M × 8 B, batches of 1024 | ≥ 1.5 × the original |  |  |  | not measured |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the document does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// TestWrite builds the program, runs some cases of each kind for a moment and
// looks at what was written. It says nothing about the figures.
func TestWrite(t *testing.T) {
	program := filepath.Join(t.TempDir(), "enginebench.exe")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/enginebench").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	path := filepath.Join(t.TempDir(), "benchmarks.md")
	p := Plan{
		Plan: rounds.Plan{Rounds: 2}, Ours: program, Dir: t.TempDir(), Shrink: 1000,
		Match: regexp.MustCompile("^a_|^e1_read_touch$|^l_|^s_get$|^s_delete|^limits$"),
	}
	if err := Write(t.Context(), p, path, io.Discard); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(strings.TrimSuffix(path, ".md") + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var r Results
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Engines) != 3 || len(r.Stores) != 2*len(stores.Kinds()) || r.Limits.CopyLarge <= 0 || len(r.Failures) > 0 {
		t.Errorf("%d rows, %d of stores, limits %+v, failures %v", len(r.Engines), len(r.Stores), r.Limits, r.Failures)
	}
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"worth nothing", r.Machine.CPU, "## Targets", "## Limits of the machine", "benchmarks-stores.svg"} {
		if !strings.Contains(string(document), want) {
			t.Errorf("the document does not say %q", want)
		}
	}
	left, err := os.ReadDir(p.Dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestFailureIsReported holds that a program that fails makes Write fail, and
// that the document tells why.
func TestFailureIsReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "benchmarks.md")
	p := Plan{
		Plan: rounds.Plan{Rounds: 1}, Ours: filepath.Join(t.TempDir(), "no-such-program"), Dir: t.TempDir(), Shrink: 1000,
		Match: regexp.MustCompile("^a_"),
	}
	if err := Write(t.Context(), p, path, io.Discard); !errors.Is(err, errFailed) {
		t.Errorf("%v, want %v", err, errFailed)
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), "Failed: ") {
		t.Errorf("%v; the document does not tell of the failure", err)
	}
}
