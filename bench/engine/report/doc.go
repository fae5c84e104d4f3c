// Package report measures the engine beside the original, beside other stores
// in Go and beside the limits of the machine, judges each target by what was
// reached in the same run, and writes a document, the figures as JSON, and
// plots.
package report

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/simd-drive/go/bench/document"
	"github.com/simd-drive/go/bench/engine/driver"
	"github.com/simd-drive/go/bench/engine/limits"
	"github.com/simd-drive/go/bench/engine/stores"
	"github.com/simd-drive/go/bench/figure"
	"github.com/simd-drive/go/bench/machine"
	"github.com/simd-drive/go/bench/rounds"
)

// The implementations that run the cases of the driver.
const (
	ours     = "drive-core"
	original = "original"
)

// A Plan is what to measure.
type Plan struct {
	rounds.Plan

	Ours     string // the program enginebench
	Original string // the program rust-engine; empty leaves the original out
	Dir      string // where the files are: a folder of its own
	Shrink   driver.Scale
	Match    *regexp.Regexp // chooses cases by their names; nil is all of them
}

// has tells whether a case is to be measured.
func (p Plan) has(name string) bool { return p.Match == nil || p.Match.MatchString(name) }

// Result holds the medians of the runs of one implementation, each figure by
// itself.
type Result struct {
	Impl string `json:"impl"`
	driver.Result
	// Lowest and Highest are the extremes of the figure that counts.
	Lowest  float64 `json:"lowest"`
	Highest float64 `json:"highest"`
	Rounds  int     `json:"rounds"`
	Error   string  `json:"error,omitempty"`
}

// StoreInfo tells what was compared.
type StoreInfo struct {
	Name       string              `json:"name"`
	Version    string              `json:"version,omitempty"`
	Settings   string              `json:"settings"`
	More       string              `json:"more"`
	Durability []stores.Durability `json:"durability"`
}

// Results are all figures of one run.
type Results struct {
	Machine  machine.Info     `json:"machine"`
	Rounds   int              `json:"rounds"`
	Shrink   driver.Scale     `json:"shrink"` // other than 1 the figures are worth nothing
	Match    string           `json:"match,omitempty"`
	Seconds  float64          `json:"seconds"` // that all of it took
	Verdicts []figure.Verdict `json:"verdicts"`
	Engines  []Result         `json:"engines"` // the driver's cases on drive-core and on the original
	Stores   []Result         `json:"stores"`  // the workload's cases on each store
	Limits   limits.Figures   `json:"limits"`
	Infos    []StoreInfo      `json:"stores_compared"`
	Failures []string         `json:"failures,omitempty"`
}

// errFailed reports that something could not be measured; the document tells why.
var errFailed = errors.New("a run failed")

// Write measures and writes the document to path, which ends in .md. The JSON
// file and the plots have names that begin like it. The table of targets goes to
// out as well.
func Write(ctx context.Context, p Plan, path string, out io.Writer) error {
	stem, err := document.Stem(path)
	if err != nil {
		return err
	}
	r := run(ctx, p)
	if err := ctx.Err(); err != nil {
		return err
	}
	plots, err := r.plots(stem)
	if err != nil {
		return err
	}
	if err := document.Write(stem, r, r.document(document.Name(stem), plots)); err != nil {
		return err
	}
	if _, err := io.WriteString(out, r.Machine.String()+"\n\n"+figure.VerdictTable(r.Verdicts)); err != nil {
		return err
	}
	if len(r.Failures) > 0 {
		return errFailed
	}
	return nil
}

// run measures everything.
func run(ctx context.Context, p Plan) *Results {
	begun := time.Now()
	r := &Results{Machine: machine.This(), Rounds: p.Rounds, Shrink: p.Shrink}
	if p.Match != nil {
		r.Match = p.Match.String()
	}
	for _, k := range stores.Kinds() {
		r.Infos = append(r.Infos, StoreInfo{k.Name, k.Version(), k.Settings, k.More, k.Durability})
	}
	r.runEngines(ctx, p)
	r.runStores(ctx, p)
	if p.has(limitsCase) {
		r.runLimits(ctx, p)
	}
	for _, list := range [][]Result{r.Engines, r.Stores} {
		for _, one := range list {
			if one.Error != "" {
				r.Failures = append(r.Failures, one.Error)
			}
		}
	}
	slices.Sort(r.Failures)
	r.Failures = slices.Compact(r.Failures)
	r.Verdicts = judge(r)
	r.Seconds = time.Since(begun).Seconds()
	return r
}

// cleared empties a folder in p.Dir and returns its path.
func (p Plan) cleared(name string) (string, error) {
	path := filepath.Join(p.Dir, name)
	if err := os.RemoveAll(path); err != nil {
		return "", err
	}
	return path, os.MkdirAll(path, 0o755)
}
