package report

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/simd-drive/go/bench/engine/driver"
	"github.com/simd-drive/go/bench/engine/limits"
	"github.com/simd-drive/go/bench/engine/stores"
	"github.com/simd-drive/go/bench/engine/workload"
	"github.com/simd-drive/go/bench/rounds"
)

const (
	// storePrefix stands before the names of the cases of the stores.
	storePrefix = "s_"
	// limitsCase is the name under which the limits are chosen.
	limitsCase = "limits"
)

// What our program is asked for besides the driver's cases.
const (
	StoreCommand  = "store"  // a case on a store
	LimitsCommand = "limits" // the limits of the machine
)

// storeCase is the name of a case of the stores in the report.
func storeCase(c workload.Case) string { return storePrefix + c.Name }

// runStores runs all cases of the stores.
func (r *Results) runStores(ctx context.Context, p Plan) {
	for _, c := range workload.Cases() {
		if !p.has(storeCase(c)) || ctx.Err() != nil {
			continue
		}
		var list []contestant
		for _, k := range stores.Kinds() {
			if c.Fits(k) {
				list = append(list, contestant{k.Name, func(ctx context.Context) (driver.Result, error) {
					return p.runStore(ctx, k, c)
				}})
			}
		}
		r.Stores = append(r.Stores, contest(ctx, p, storeCase(c), list, c.Rate.Of)...)
	}
	for _, k := range stores.Kinds() {
		_ = os.RemoveAll(p.filledDir(k)) // the folder goes anyhow
	}
}

// runStore runs a case on one store.
func (p Plan) runStore(ctx context.Context, k stores.Kind, c workload.Case) (r driver.Result, err error) {
	if c.Filled && !k.InMemory() {
		if err := p.fill(ctx, k); err != nil {
			return r, err
		}
	}
	dir := p.filledDir(k)
	if !c.Filled || c.Changes || k.InMemory() {
		if dir, err = p.cleared("run.store"); err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		if c.Filled && !k.InMemory() {
			if err := os.CopyFS(dir, os.DirFS(p.filledDir(k))); err != nil {
				return r, err
			}
		}
	}
	err = ask(ctx, &r, p.Ours, p.Shrink, StoreCommand, k.Name, c.Name, dir)
	return r, err
}

// filledDir is where the filled store of a kind is.
func (p Plan) filledDir(k stores.Kind) string { return filepath.Join(p.Dir, k.Name+".store") }

// fill fills the store of a kind, unless it is there.
func (p Plan) fill(ctx context.Context, k stores.Kind) error {
	dir := p.filledDir(k)
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	var r driver.Result
	if err := ask(ctx, &r, p.Ours, p.Shrink, StoreCommand, k.Name, workload.Fill, dir); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	return settle(p.Dir)
}

// machineLimits is what the limits run as.
type machineLimits struct{}

// String names it.
func (machineLimits) String() string { return "this machine" }

// runLimits measures the limits.
func (r *Results) runLimits(ctx context.Context, p Plan) {
	path := filepath.Join(p.Dir, "limits")
	runs, errs := rounds.Interleave(ctx, p.Plan, limitsCase, []machineLimits{{}},
		func(ctx context.Context, _ machineLimits) (f limits.Figures, err error) {
			if err := settle(p.Dir); err != nil {
				return f, err
			}
			err = ask(ctx, &f, p.Ours, p.Shrink, LimitsCommand, path)
			return f, err
		})
	if errs[0] != nil {
		r.Failures = append(r.Failures, errs[0].Error())
		return
	}
	r.Limits = limits.Median(runs[0])
}
