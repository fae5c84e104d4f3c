package figure

import (
	"fmt"
	"strings"
)

// A Target is one demand on a figure of an implementation of ours.
type Target struct {
	Case string
	Need float64 // 0 is none: the figure stands beside that of the peers for orientation
	// AtMost says that the ratio must not exceed Need, else it must reach it.
	AtMost bool
	// Absolute says that Need has the unit of the figure and no peer is asked.
	Absolute bool
	Unit     string
	Versus   []string // the better of these peers counts
}

// Demand is the text of what is asked for.
func (t Target) Demand() string {
	sign := "≥"
	if t.AtMost {
		sign = "≤"
	}
	peers := strings.Join(t.Versus, " or ")
	switch {
	case t.Need == 0:
		return "beside " + peers
	case t.Absolute:
		return strings.TrimSpace(fmt.Sprintf("%s %g %s", sign, t.Need, t.Unit))
	}
	return fmt.Sprintf("%s %g × %s", sign, t.Need, peers)
}

// Judge holds an implementation against the target. of returns the figure of any
// implementation, and false for what was not measured.
func (t Target) Judge(impl string, of func(impl string) (float64, bool)) Verdict {
	v := Verdict{Impl: impl, Case: t.Case, Target: t.Demand(), Result: NotMeasured}
	ours, measured := of(impl)
	theirs := t.best(of)
	if !measured || theirs <= 0 {
		return v
	}
	v.Ours, v.Theirs, v.Ratio = t.value(ours), t.value(theirs), ours/theirs
	bound := t.Need
	if t.Absolute {
		bound = 1
	}
	switch {
	case t.Need == 0:
		v.Result = Orientation
	case t.AtMost && v.Ratio <= bound, !t.AtMost && v.Ratio >= bound:
		v.Result = Met
	default:
		v.Result = Missed
	}
	return v
}

// best is what ours stands against: the limit, or the best of the peers; 0 when none
// was measured.
func (t Target) best(of func(impl string) (float64, bool)) float64 {
	if t.Absolute {
		return t.Need
	}
	best := 0.0
	for _, name := range t.Versus {
		v, measured := of(name)
		better := v > best
		if t.AtMost {
			better = v < best
		}
		if measured && (best == 0 || better) {
			best = v
		}
	}
	return best
}

func (t Target) value(v float64) string { return strings.TrimSpace(Number(v) + " " + t.Unit) }
