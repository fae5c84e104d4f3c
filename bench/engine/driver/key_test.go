package driver

import (
	"fmt"
	"testing"
)

func TestAppendKey(t *testing.T) {
	for _, n := range []uint64{0, 7, 10, 99, 100, 999_999, 1_000_000, 10_000_000, 99_999_999, 100_000_000, 1<<64 - 1} {
		for _, room := range []int{0, maxKeySize} {
			got := appendKey(append(make([]byte, 0, room+1), '>'), n)
			if want := fmt.Sprintf(">bench-key-%d", n); string(got) != want {
				t.Errorf("key %d is %q, want %q", n, got, want)
			}
		}
	}
}
