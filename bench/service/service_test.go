package service

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simd-drive/go/bench/figure"
	"github.com/simd-drive/go/bench/kv"
	"github.com/simd-drive/go/bench/rounds"
	"github.com/simd-drive/go/bench/rpc/measure"
)

func TestMain(m *testing.M) {
	measure.ExitIfChild() // the tests start this binary as their children
	ExitIfChild()
	// Under the race detector each child would sleep for a second at its end.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// ourServer builds our server, as its users do.
func ourServer(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "drive-ws-server")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".")
	build.Dir = "../../drive-ws-server"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// TestMeasure runs each operation of our client for a moment, with a server and a
// client in processes of their own. It says nothing about the figures.
func TestMeasure(t *testing.T) {
	tryAll(t, Implementations(Programs{Ours: ourServer(t)}), map[string]int{
		kv.Read: 1, kv.Exists: 1, kv.BatchRead: 1, kv.Mixed: 1,
		kv.Write: 2, kv.BatchWrite: 2, // with syncing, too
		kv.Stream: 2, // beside a bare connection
	})
}

// TestMeasureRedis does the same with both clients of Redis, whose values are not streamed.
func TestMeasureRedis(t *testing.T) {
	redis, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("SKIPPED: THERE IS NO redis-server, SEE make bench-service:", err)
	}
	tryAll(t, Implementations(Programs{Redis: redis}), map[string]int{
		kv.Read: 2, kv.Exists: 2, kv.BatchRead: 2, kv.Mixed: 2,
		kv.Write: 4, kv.BatchWrite: 4, // with syncing, too
		kv.Stream: 1, // the bare connection
	})
}

// tryAll runs each operation; want is how many implementations have it.
func tryAll(t *testing.T, all []Implementation, want map[string]int) {
	t.Helper()
	s := Setup{Duration: 5 * time.Millisecond, Dir: t.TempDir()}
	for _, op := range kv.Ops {
		c := kv.Case{Op: op, Size: 1000, InFlight: 4}
		if op == kv.Stream {
			c.Size, c.InFlight = 1<<20, 1
		}
		results := Measure(t.Context(), rounds.Plan{Rounds: 1}, s, all, c)
		if len(results) != want[op] {
			t.Errorf("%s: %d results, want %d", c, len(results), want[op])
		}
		for _, r := range results {
			if r.Error != "" || r.Calls <= 0 || r.P50 <= 0 || r.P99 < r.P50 || r.Rounds != 1 || r.Case != c {
				t.Errorf("%s: %+v", c, r)
			}
		}
	}
	left, err := os.ReadDir(s.Dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestWrite makes a document of a few cases.
func TestWrite(t *testing.T) {
	p := Plan{
		Plan: rounds.Plan{Rounds: 1}, Programs: Programs{Ours: ourServer(t)}, Dir: t.TempDir(), Smoke: true,
		Match: regexp.MustCompile(`^(read of 100 B, 16|stream)`),
	}
	p.All = Implementations(p.Programs)
	path := filepath.Join(t.TempDir(), "service.md")
	if err := Write(t.Context(), p, path, io.Discard); err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"worth nothing", "Without redis-server", "## read of 100 B, 16 in flight", "## stream of 4 MiB, 1 in flight",
		"Redis keeps no file at all", "](service-read-100.svg)", "| tcp |",
	} {
		if !strings.Contains(string(document), want) {
			t.Errorf("the document does not say %q", want)
		}
	}
	want := 1
	if runtime.GOOS == "linux" {
		want++ // what servers use is told there only
	}
	if svgs, err := filepath.Glob(filepath.Join(filepath.Dir(path), "service-*.svg")); err != nil || len(svgs) != want {
		t.Errorf("plots %q, %v, want %d", svgs, err, want)
	}
	if err := Write(t.Context(), p, "service.txt", io.Discard); err == nil {
		t.Error("a document that is no Markdown was written")
	}
}

// TestFailure holds that what cannot start, and a call that fails, are results with a
// reason.
func TestFailure(t *testing.T) {
	c := kv.Case{Op: kv.Read, Size: 100, InFlight: 1}
	broken := Programs{Ours: "/nonexistent/server", Redis: "/bin/false"}
	for _, r := range Measure(t.Context(), rounds.Plan{Rounds: 1}, Setup{Duration: 1, Dir: t.TempDir()}, Implementations(broken), c) {
		if r.Error == "" || r.Rounds != 0 {
			t.Errorf("%+v", r)
		}
	}
}

// TestJudge holds the medians, what counts as met, and what the document shows, with
// fixed figures.
func TestJudge(t *testing.T) {
	c := kv.Case{Op: kv.Read, Size: smallValue, InFlight: 16}
	runs := func(serverCPU int64, perSecond ...float64) []run {
		list := make([]run, len(perSecond))
		for i, n := range perSecond {
			list[i].calls = kv.Sample{Calls: uint64(n), Seconds: 1, P50: 1000, P99: 2000}
			list[i].calls.Used.CPUMicros, list[i].calls.Used.Allocations = int64(4*n), -1
			list[i].server.CPUMicros, list[i].server.ResidentBytes = serverCPU*int64(n), 7e6
		}
		return list
	}
	r := &Results{all: Implementations(Programs{Ours: "ours", Redis: "redis"})}
	for name, of := range map[string][]run{
		ours: runs(3, 100, 300, 200), rueidisName: runs(6, 150, 190, 200), goRedisName: runs(9, 50),
	} {
		r.Results = append(r.Results, resultOf(Implementation{Name: name}, c, of, nil))
	}
	one, measured := r.find(ours, c)
	if !measured || one.Calls != 200 || one.Lowest != 100 || one.Highest != 300 || one.Megabytes != 0.02 ||
		one.ServerCPU != 3 || one.ClientCPU != 4 || one.ServerMemory != 7 || one.Allocations != nil {
		t.Errorf("medians %+v", one)
	}
	r.Verdicts = r.judge()
	verdict := func(name string) figure.Verdict {
		i := slices.IndexFunc(r.Verdicts, func(v figure.Verdict) bool { return v.Case == name })
		if i < 0 {
			t.Fatalf("no verdict on %s", name)
		}
		return r.Verdicts[i]
	}
	if v := verdict("read of 100 B, 16 in flight"); v.Result != figure.Met || v.Theirs != "190 calls/s" {
		t.Errorf("%+v", v)
	}
	if v := verdict("read of 100 B, 16 in flight, server CPU"); v.Result != figure.Met || v.Ratio != 0.5 {
		t.Errorf("%+v", v)
	}
	if v := verdict("read of 100 B, 256 in flight"); v.Result != figure.NotMeasured {
		t.Errorf("%+v", v)
	}
	if text := r.document("service", nil); !strings.Contains(text, "| drive | 200 | 100, 300 | 0.020 | 1 | 2 | 3 | 4 | 7 |  |") {
		t.Errorf("the document has no row of figures:\n%s", text)
	}
}

// TestTargets holds that no target compares with a peer that is not there, or is about
// a case that is not measured.
func TestTargets(t *testing.T) {
	all := Implementations(Programs{Ours: "ours", Original: "original", RustClient: "client", Redis: "redis"})
	there := func(name string, c kv.Case) bool {
		return slices.ContainsFunc(all, func(i Implementation) bool { return i.Name == name && i.able(c) })
	}
	for _, target := range targets(streamBytes) {
		if !slices.Contains(cases(false), target.c) {
			t.Errorf("%s is not measured", target.name)
		}
		for _, name := range append(slices.Clone(target.versus), target.impl) {
			if !there(name, target.c) {
				t.Errorf("%s: there is no %s", target.name, name)
			}
		}
	}
}
