package figure

import "testing"

func TestTarget(t *testing.T) {
	figures := func(impl string) (float64, bool) {
		v, measured := map[string]float64{"ours": 30, "slow": 10, "fast": 20}[impl]
		return v, measured
	}
	for _, test := range []struct {
		name   string
		target Target
		demand string
		result string
		ratio  float64
	}{
		{"the better peer counts", Target{Need: 1.5, Versus: []string{"slow", "fast"}}, "≥ 1.5 × slow or fast", Met, 1.5},
		{"just missed", Target{Need: 1.6, Versus: []string{"fast"}}, "≥ 1.6 × fast", Missed, 1.5},
		{"the lower one is the better", Target{Need: 2, AtMost: true, Versus: []string{"fast", "slow"}}, "≤ 2 × fast or slow", Missed, 3},
		{"low enough", Target{Need: 1.5, AtMost: true, Versus: []string{"fast"}}, "≤ 1.5 × fast", Met, 1.5},
		{"a limit", Target{Need: 60, AtMost: true, Absolute: true, Unit: "µs"}, "≤ 60 µs", Met, 0.5},
		{"above a limit", Target{Need: 29, AtMost: true, Absolute: true}, "≤ 29", Missed, 30.0 / 29},
		{"below a least", Target{Need: 40, Absolute: true}, "≥ 40", Missed, 0.75},
		{"none asked for", Target{Versus: []string{"slow"}}, "beside slow", Orientation, 3},
		{"nobody to compare with", Target{Need: 1, Versus: []string{"nobody"}}, "≥ 1 × nobody", NotMeasured, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := test.target.Judge("ours", figures)
			if v.Target != test.demand || v.Result != test.result || v.Ratio != test.ratio {
				t.Errorf("%+v, want %s, %s, %g", v, test.demand, test.result, test.ratio)
			}
		})
	}
	if v := (Target{Need: 1, Versus: []string{"slow"}}).Judge("nobody", figures); v.Result != NotMeasured {
		t.Errorf("what was not measured is %+v", v)
	}
}
