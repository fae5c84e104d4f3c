package report

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/simd-drive/go/bench/figure"
	"github.com/simd-drive/go/bench/rounds"
	"github.com/simd-drive/go/bench/rpc/measure"
)

func TestMain(m *testing.M) {
	measure.ExitIfChild() // the tests start this binary as their children
	// Under the race detector each child would sleep for a second at its end.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// ours is how many implementations of ours TestWrite measures.
const ours = 2

// TestWrite runs every case for a moment and looks at what was written. It
// says nothing about the figures.
func TestWrite(t *testing.T) {
	all, err := measure.Implementations("")
	if err != nil {
		t.Fatal(err)
	}
	// Those that the targets name; the tests of package measure run all.
	all, err = measure.Select(all, "muxio,muxio-inline,grpc,yamux,nats,gorilla-pp,tcp,tcp+rpc,tcp-pp")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "rpc.md")
	if err := Write(t.Context(), rounds.Plan{Rounds: 1}, all, Quick, path, io.Discard); err != nil {
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
	if want := ours * len(targets); len(r.Verdicts) != want {
		t.Errorf("%d verdicts for %d implementations of ours, want %d", len(r.Verdicts), ours, want)
	}
	for _, v := range r.Verdicts {
		if v.Result == figure.NotMeasured && !strings.Contains(v.Target, "rust") {
			t.Errorf("not measured: %+v", v)
		}
	}
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"worth nothing", r.Machine.CPU, "grpc", "≥ 10 × grpc", "## Implementations"} {
		if !strings.Contains(string(document), want) {
			t.Errorf("the document does not say %q", want)
		}
	}
	if strings.Contains(string(document), "failed:") {
		t.Error("an implementation has failed")
	}
	svgs, err := filepath.Glob(filepath.Join(filepath.Dir(path), "rpc-*.svg"))
	if err != nil || len(svgs) != 7 {
		t.Errorf("plots %q, %v, want 7", svgs, err)
	}
	for _, svg := range svgs {
		if !strings.Contains(string(document), "]("+filepath.Base(svg)+")") {
			t.Errorf("the document does not show %s", filepath.Base(svg))
		}
	}
}

// TestJudge holds that each implementation of ours is held against every target, by the
// figures of its own and of its peers.
func TestJudge(t *testing.T) {
	r := &Results{
		Echo: []echoResult{
			{Impl: "muxio", Size: 32, InFlight: 256, Calls: 1000, Rounds: 1},
			{Impl: "grpc", Size: 32, InFlight: 256, Calls: 100, Rounds: 1},
		},
		all: []measure.Implementation{{Name: "muxio", Ours: true}, {Name: "grpc"}},
	}
	verdicts := judge(r)
	if len(verdicts) != len(targets) {
		t.Fatalf("%d verdicts, want %d", len(verdicts), len(targets))
	}
	if v := verdicts[0]; v.Impl != "muxio" || v.Result != figure.Met || v.Ratio != 10 {
		t.Errorf("%+v", v)
	}
	if v := verdicts[1]; v.Result != figure.NotMeasured {
		t.Errorf("without the peer: %+v", v)
	}
}

// TestTargetsNameImplementations holds that no target compares with a peer
// that is not there.
func TestTargetsNameImplementations(t *testing.T) {
	all, err := measure.Implementations("rust-rpc")
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range targets {
		for _, name := range target.Versus {
			if !slices.ContainsFunc(all, func(i measure.Implementation) bool { return i.Name == name }) {
				t.Errorf("%s: there is no %s", target.Case, name)
			}
		}
	}
}
