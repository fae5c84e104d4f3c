package figure

import "testing"

// TestJudgeBest holds which of several peers counts, and that one that was not
// measured does not.
func TestJudgeBest(t *testing.T) {
	figures := map[string]float64{"ours": 200, "weak": 50, "strong": 100}
	of := func(impl string) (float64, bool) {
		v, measured := figures[impl]
		return v, measured
	}
	both := []string{"weak", "strong", "nobody"}
	for _, c := range []struct {
		target Target
		impl   string
		peers  []string
		theirs string
		want   string
	}{
		{Target{Need: 2}, "ours", both, "100", Met},
		{Target{Need: 2, AtMost: true}, "ours", both, "50", Missed},
		{Target{Need: 300, Absolute: true}, "ours", nil, "300", Missed},
		{Target{}, "ours", both, "100", Orientation},
		{Target{Need: 2}, "ours", []string{"nobody"}, "", NotMeasured},
		{Target{Need: 2}, "nobody", both, "", NotMeasured},
	} {
		v := c.target.JudgeBest(c.impl, "case", c.peers, of)
		if v.Result != c.want || v.Theirs != c.theirs {
			t.Errorf("%+v of %s beside %q: %+v, want %s beside %s", c.target, c.impl, c.peers, v, c.want, c.theirs)
		}
	}
	if v := (Target{Need: 2}).JudgeBest("ours", "case", []string{"weak", "strong"}, of); v.Target != "≥ 2 × weak or strong" {
		t.Errorf("demand %q", v.Target)
	}
}

func TestTarget(t *testing.T) {
	for _, c := range []struct {
		target       Target
		ours, theirs float64
		measured     bool
		demand, want string
	}{
		{Target{Need: 2, Against: "x"}, 200, 100, true, "≥ 2 × x", Met},
		{Target{Need: 2, Against: "x"}, 199, 100, true, "≥ 2 × x", Missed},
		{Target{Need: 2, AtMost: true, Against: "x"}, 200, 100, true, "≤ 2 × x", Met},
		{Target{Need: 2, AtMost: true, Against: "x"}, 201, 100, true, "≤ 2 × x", Missed},
		{Target{Need: 50, Absolute: true, Unit: "B"}, 50, 0, true, "≥ 50 B", Met},
		{Target{Need: 50, Absolute: true, AtMost: true, Unit: "B"}, 51, 0, true, "≤ 50 B", Missed},
		{Target{Need: 50, Absolute: true, AtMost: true, Unit: "B"}, 0, 0, true, "≤ 50 B", Met},
		{Target{Against: "x"}, 1, 100, true, "beside x", Orientation},
		{Target{Need: 2, Against: "x"}, 200, 0, true, "≥ 2 × x", NotMeasured},
		{Target{Need: 2, Against: "x"}, 200, 100, false, "≥ 2 × x", NotMeasured},
	} {
		v := c.target.Judge("impl", "case", c.ours, c.theirs, c.measured)
		if v.Result != c.want || v.Target != c.demand || v.Impl != "impl" || v.Case != "case" {
			t.Errorf("%+v with %g, %g: %+v, want %s", c.target, c.ours, c.theirs, v, c.want)
		}
	}
}
