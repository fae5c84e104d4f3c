package kv

import (
	"strings"
	"testing"
)

func TestParseSample(t *testing.T) {
	c := Case{Op: Read, Size: 100, InFlight: 16}
	for _, test := range []struct{ name, line, wrong string }{
		{"figures", `{"calls":59,"calls_per_s":118,"conc":16,"impl":"rust","op":"read","p50_us":102.5,"p99_us":227.0,"size":100}`, ""},
		{"another case", `{"calls":59,"calls_per_s":118,"conc":1,"op":"read","p50_us":1,"p99_us":2,"size":100}`, "instead of"},
		{"no calls", `{"calls":0,"calls_per_s":0,"conc":16,"op":"read","p50_us":1,"p99_us":2,"size":100}`, "no sense"},
		{"quantiles the wrong way round", `{"calls":1,"calls_per_s":1,"conc":16,"op":"read","p50_us":2,"p99_us":1,"size":100}`, "no sense"},
		{"nothing", "", "line of a client"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := parseSample([]byte(test.line), c)
			switch {
			case test.wrong != "":
				if err == nil || !strings.Contains(err.Error(), test.wrong) {
					t.Errorf("error %v, want %s", err, test.wrong)
				}
			case err != nil || s != Sample{Calls: 59, Seconds: 0.5, P50: 102_500, P99: 227_000}:
				t.Errorf("%v, %v", s, err)
			}
		})
	}
}
