package measure

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/simd-drive/go/bench/rounds"
	"github.com/simd-drive/go/bench/rpc/peers"
)

func TestMain(m *testing.M) {
	ExitIfChild() // the tests start this binary as their children
	// Under the race detector each child would sleep for a second at its end.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func every(t *testing.T) []Implementation {
	t.Helper()
	all, err := Implementations("")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// roundTrip holds that a result survives JSON.
func roundTrip[R any](t *testing.T, r R) {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal(text, &back); err != nil {
		t.Errorf("%s does not parse: %v", text, err)
	}
	if back["impl"] == "" {
		t.Errorf("%s names no implementation", text)
	}
}

// TestEcho runs every peer for a moment, in two processes.
func TestEcho(t *testing.T) {
	const moment = 20 * time.Millisecond
	// The last case has more calls than HTTP/2 servers take by default.
	for _, c := range []EchoCase{{32, 1, moment}, {70_000, 4, moment}, {32, 300, moment}} {
		results := Echo(t.Context(), rounds.Plan{Rounds: 1}, every(t), c)
		want := len(every(t))
		if c.InFlight > 1 {
			want = len(Able(every(t), peers.Concurrent))
		}
		if len(results) != want {
			t.Errorf("%d results, want %d", len(results), want)
		}
		for _, r := range results {
			roundTrip(t, r)
			if r.Error != "" || r.Rounds != 1 {
				t.Errorf("%s: %d rounds, error %q", r.Impl, r.Rounds, r.Error)
			}
			if r.Calls <= 0 || r.P50 <= 0 || r.P99 < r.P50 || r.Allocations == nil {
				t.Errorf("figures that cannot be: %+v", r)
			}
		}
	}
}

func TestStream(t *testing.T) {
	results := Stream(t.Context(), rounds.Plan{Rounds: 1}, every(t), 4*mib)
	if want := len(Able(every(t), peers.Streams)); len(results) != want {
		t.Errorf("%d results, want %d", len(results), want)
	}
	for _, r := range results {
		roundTrip(t, r)
		if r.Error != "" || r.Up <= 0 || r.Down <= 0 {
			t.Errorf("figures that cannot be: %+v", r)
		}
	}
}

func TestMixed(t *testing.T) {
	results := Mixed(t.Context(), rounds.Plan{Rounds: 1}, every(t), MixedCase{Bytes: 16 * mib, Size: 32})
	if want := 2 * len(Able(every(t), peers.Mixed)); len(results) != want {
		t.Errorf("%d results, want %d", len(results), want)
	}
	for _, r := range results {
		roundTrip(t, r)
		if r.Error != "" || r.IdleP50 <= 0 || r.Bulk <= 0 || r.Alone <= 0 || r.Share <= 0 {
			t.Errorf("figures that cannot be: %+v", r)
		}
	}
}

// TestSlow holds that a client which does not read leaves the server with the
// fetches, and that this is seen.
func TestSlow(t *testing.T) {
	chosen, err := Select(every(t), "muxio,tcp")
	if err != nil {
		t.Fatal(err)
	}
	results := Slow(t.Context(), rounds.Plan{}, chosen, SlowCase{Count: 100, Size: mib, Watch: 4 * memoryEvery})
	for _, r := range results {
		roundTrip(t, r)
		if r.Error != "" || len(r.Memory) < 2 || r.Reached == nil || *r.Reached < 1 {
			t.Errorf("figures that cannot be: %+v", r)
		}
		// Bare TCP answers one after the other, so it can have begun no more than
		// what the buffers of the kernel and of the relay hold.
		if r.Impl == "tcp" && *r.Reached > 50 {
			t.Errorf("%d of %d fetches were answered: the client does read", *r.Reached, r.Count)
		}
	}
}

func TestIdle(t *testing.T) {
	chosen, err := Select(every(t), "muxio")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Idle(t.Context(), rounds.Plan{Rounds: 1}, chosen, 50) {
		roundTrip(t, r)
		if r.Error != "" || r.Goroutines < 1 {
			t.Errorf("figures that cannot be: %+v", r)
		}
	}
}

// TestFailure holds that an implementation which fails is reported, and that
// the others are measured all the same.
func TestFailure(t *testing.T) {
	broken := every(t)[0]
	broken.Name, broken.serve = "broken", []string{broken.serve[0], serveArg, "no such peer"}
	chosen, err := Select(every(t), "tcp")
	if err != nil {
		t.Fatal(err)
	}
	results := Echo(t.Context(), rounds.Plan{Rounds: 2}, append(chosen, broken), EchoCase{32, 1, 10 * time.Millisecond})
	if results[0].Error != "" || results[0].Rounds != 2 {
		t.Errorf("tcp: %+v", results[0])
	}
	if results[1].Error == "" || results[1].Rounds != 0 {
		t.Errorf("broken: %+v", results[1])
	}
}

// TestOriginal runs the program of the original where it has been built.
func TestOriginal(t *testing.T) {
	const program = "../../../.bin/rust-rpc/release/rust-rpc"
	if _, err := os.Stat(program); err != nil {
		t.Skip("SKIPPED: THE ORIGINAL IN RUST IS NOT BUILT, SEE make bench-rpc:", err)
	}
	all, err := Implementations(program)
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := Select(all, "rust,rust-nodelay")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []EchoCase{{32, 1, 200 * time.Millisecond}, {70_000, 4, 200 * time.Millisecond}} {
		for _, r := range Echo(t.Context(), rounds.Plan{Rounds: 1}, chosen, c) {
			if r.Error != "" || r.Calls <= 0 || r.P50 <= 0 || r.Allocations != nil {
				t.Errorf("figures that cannot be: %+v", r)
			}
		}
	}
	for _, r := range Slow(t.Context(), rounds.Plan{}, chosen, SlowCase{Count: 50, Size: mib, Watch: 4 * memoryEvery}) {
		if r.Error != "" || r.Reached == nil || *r.Reached < 1 {
			t.Errorf("figures that cannot be: %+v", r)
		}
	}
}

func TestSelectUnknown(t *testing.T) {
	if _, err := Select(every(t), "tcp,nobody"); err == nil {
		t.Error("an unknown name was accepted")
	}
}
