package figure

import "testing"

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.0123: "0.012", 0.5: "0.500", 1: "1", 12.34: "12.3", 999: "999",
		1000: "1,000", 1234567: "1,234,567", -4096: "-4,096",
	} {
		if got := Number(v); got != want {
			t.Errorf("Number(%g) = %s, want %s", v, got, want)
		}
	}
}
