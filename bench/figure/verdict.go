package figure

import (
	"fmt"
	"strings"
)

// A Verdict is one target and what was reached.
type Verdict struct {
	Impl   string  `json:"impl"`
	Case   string  `json:"case"`
	Target string  `json:"target"`
	Ours   string  `json:"ours"`   // with its unit
	Theirs string  `json:"theirs"` // with its unit: of a peer, or a limit
	Ratio  float64 `json:"ratio"`  // one divided by the other
	// Result is one of the constants below.
	Result string `json:"result"`
}

// The results of a verdict.
const (
	Met         = "met"
	Missed      = "missed"
	NotMeasured = "not measured"
	Orientation = "for orientation" // nothing is asked for
)

// VerdictTable is a table in Markdown with a row for each verdict.
func VerdictTable(verdicts []Verdict) string {
	var b strings.Builder
	b.WriteString("| implementation | case | target | result | against | ratio | verdict |\n|---|---|---|---:|---:|---:|---|\n")
	for _, v := range verdicts {
		ratio := ""
		if v.Ratio > 0 {
			ratio = Number(v.Ratio)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", v.Impl, v.Case, v.Target, v.Ours, v.Theirs, ratio, v.Result)
	}
	return b.String()
}
