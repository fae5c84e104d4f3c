package originals

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/simd-drive/go/bench/figure"
	"github.com/simd-drive/go/bench/kv"
	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-ws-server/server"
)

func TestCases(t *testing.T) {
	left := 0
	for _, c := range cases() {
		if c.InFlightBytes() > kv.MaxInFlightBytes {
			t.Errorf("%s: %d bytes in flight", c, c.InFlightBytes())
		}
		if c.Size == 64<<10 && c.IsBatch() {
			left++
		}
	}
	if len(cases()) != 32 || left != 2 {
		t.Errorf("%d cases, %d of large batches", len(cases()), left)
	}
}

// TestResults holds the medians, what counts as met, and what the document shows.
func TestResults(t *testing.T) {
	c := Case{Op: kv.Read, Size: targetSize, InFlight: 1}
	theirs := resultOf(pairing{client: clientRust, server: serverTheirs}, c, []sample{{12, 90, 95}, {9, 80, 99}, {10, 88, 91}}, nil)
	if theirs.sample != (sample{10, 88, 95}) || theirs.Lowest != 9 || theirs.Highest != 12 || theirs.Rounds != 3 {
		t.Errorf("medians %+v", theirs)
	}
	for _, test := range []struct {
		calls float64
		want  string
	}{{3000, figure.Met}, {2999, figure.Missed}} {
		ours := resultOf(pairing{client: clientRust, server: serverOurs}, c, []sample{{test.calls, 1, 2}}, nil)
		broken := resultOf(pairing{client: clientGo, server: serverOurs}, c, []sample{{1, 1, 1}}, errors.New("gone\nagain"))
		r := &Results{Results: []Result{theirs, ours, broken}}
		r.Verdicts = append(r.Verdicts, r.judge(kv.Read), r.judge(kv.Write))
		if r.Verdicts[0].Result != test.want || r.Verdicts[1].Result != figure.NotMeasured {
			t.Errorf("%v calls: %+v, want %s", test.calls, r.Verdicts, test.want)
		}
		text := r.document("originals")
		for _, want := range []string{
			"| 100 B | 1 | rust | 10 | " + figure.Number(test.calls) + " |", "originals.json", "--sync none",
			"Failed: gone again", "Python client was not measured", "64 MiB",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("the document does not have %q:\n%s", want, text)
			}
		}
		encoded, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if want := `"client":"rust","server":"original","op":"read","size":100,"conc":1,"calls_per_s":10,`; !strings.Contains(string(encoded), want) {
			t.Errorf("no %s in %s", want, encoded)
		}
	}
}

// TestLoad runs each operation of our own client for a moment.
func TestLoad(t *testing.T) {
	store, err := drive.Open(filepath.Join(t.TempDir(), "bench.drive"), drive.Options{Sync: drive.SyncNone})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	service, err := server.New(store, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(service)
	defer web.Close()
	defer func() { _ = service.Shutdown(context.Background()) }()
	for _, op := range []string{kv.Read, kv.Write, kv.BatchRead, kv.BatchWrite} {
		s, err := callNative(t.Context(), web.Listener.Addr().String(), Case{Op: op, Size: 1000, InFlight: 4}, 10*time.Millisecond)
		if err != nil || s.Calls <= 0 || s.P50 <= 0 || s.P99 < s.P50 {
			t.Errorf("%s: %+v, %v", op, s, err)
		}
	}
	if _, err := callNative(t.Context(), web.Listener.Addr().String(), Case{Op: "fly", Size: 1000, InFlight: 1}, time.Millisecond); err == nil {
		t.Error("an unknown operation is measured")
	}
}
