package figure

import "testing"

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
