package figure

import (
	"fmt"
	"strings"
)

// A Target is one demand on a figure.
type Target struct {
	Need float64 // 0 asks for nothing: the figure stands there for orientation
	// AtMost says that Need must not be exceeded, else it must be reached.
	AtMost bool
	// Absolute says that Need has the unit of the figure and nothing is compared.
	Absolute bool
	Unit     string
	// Against names what the figure is divided by, unless Absolute is set.
	Against string
}

// Demand is the text of what is asked for.
func (t Target) Demand() string {
	sign := "≥"
	if t.AtMost {
		sign = "≤"
	}
	switch {
	case t.Need == 0:
		return "beside " + t.Against
	case t.Absolute:
		return strings.TrimSpace(fmt.Sprintf("%s %g %s", sign, t.Need, t.Unit))
	}
	return fmt.Sprintf("%s %g × %s", sign, t.Need, t.Against)
}

// Value prints a figure with its unit.
func (t Target) Value(v float64) string { return strings.TrimSpace(Number(v) + " " + t.Unit) }

// Judge returns a verdict on a figure. theirs is what it is divided by; Absolute
// targets do not look at it. What was not measured is so said by measured.
func (t Target) Judge(impl, name string, ours, theirs float64, measured bool) Verdict {
	v := Verdict{Impl: impl, Case: name, Target: t.Demand(), Result: NotMeasured}
	bound := t.Need
	if t.Absolute {
		theirs, bound = t.Need, 1
	}
	if !measured || theirs <= 0 {
		return v
	}
	v.Ours, v.Theirs, v.Ratio = t.Value(ours), t.Value(theirs), ours/theirs
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

// JudgeBest is [Target.Judge] beside the best of peers, which is the smallest one
// when Need must not be exceeded. of returns the figure of any implementation, and
// false for what was not measured.
func (t Target) JudgeBest(impl, name string, peers []string, of func(impl string) (float64, bool)) Verdict {
	t.Against = strings.Join(peers, " or ")
	best := 0.0
	for _, peer := range peers {
		v, measured := of(peer)
		better := v > best
		if t.AtMost {
			better = v < best
		}
		if measured && (best == 0 || better) {
			best = v
		}
	}
	ours, measured := of(impl)
	return t.Judge(impl, name, ours, best, measured)
}
