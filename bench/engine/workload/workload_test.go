package workload

import (
	"path/filepath"
	"testing"

	"github.com/simd-drive/go/bench/engine/stores"
)

// small makes every case small: a thousand keys instead of a million.
const small = 1000

// TestCases runs every case on every store that fits, and holds that all of them
// did the same.
func TestCases(t *testing.T) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			checks := map[uint64][]string{}
			for _, k := range stores.Kinds() {
				if !c.Fits(k) {
					continue
				}
				dir := filepath.Join(t.TempDir(), k.Name)
				if c.Filled && !k.InMemory() {
					fill, err := Find(Fill)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := Run(t.Context(), k, fill, dir, small); err != nil {
						t.Fatal(err)
					}
				}
				r, err := Run(t.Context(), k, c, dir, small)
				if err != nil {
					t.Fatal(err)
				}
				if r.Case != c.Name || r.Ops == 0 || c.Rate.Of(r) <= 0 {
					t.Errorf("%s: %+v", k.Name, r)
				}
				checks[r.Check] = append(checks[r.Check], k.Name)
			}
			if len(checks) != 1 {
				t.Errorf("the stores did not do the same: %v", checks)
			}
		})
	}
}

// TestWhatIsRead holds the check of a case that reads against the noise.
func TestWhatIsRead(t *testing.T) {
	c, err := Find("each")
	if err != nil {
		t.Fatal(err)
	}
	kind, err := stores.Find("map")
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), kind, c, t.TempDir(), small)
	if err != nil {
		t.Fatal(err)
	}
	var want seen
	from := newNoise(8)
	for n := range uint64(filled / small) {
		want.look(from.value(n, 8))
	}
	if r.Ops != want.ops || r.Bytes != want.bytes || r.Check != want.sum {
		t.Errorf("%+v, want %+v", r, want)
	}
}

// TestKeysDiffer holds that no two numbers have one key.
func TestKeysDiffer(t *testing.T) {
	met := map[string]bool{}
	key := make([]byte, keySize)
	for n := range uint64(1000) {
		for _, from := range []uint64{0, writtenFrom, missingFrom} {
			putKey(key, from+n)
			if met[string(key)] {
				t.Fatalf("key %d is met twice", from+n)
			}
			met[string(key)] = true
		}
	}
}

func TestFits(t *testing.T) {
	byName := func(name string) Case {
		c, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, k := range stores.Kinds() {
		if got := byName("put_128b_second").Fits(k); got != (k.Name == "drive") {
			t.Errorf("%s, synced each second: %t", k.Name, got)
		}
		if got := byName("reopen").Fits(k); got == k.InMemory() {
			t.Errorf("%s, opened again: %t", k.Name, got)
		}
	}
	if _, err := Find("none"); err == nil {
		t.Error("a case that is not there was found")
	}
}
