package scale

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/simd-drive/go/bench/child"
	"github.com/simd-drive/go/bench/document"
	"github.com/simd-drive/go/bench/machine"
)

// Plan says what is measured.
type Plan struct {
	// Keys is how many there are in the drive of many keys.
	Keys int64
	// Sparse is the size of the large file in bytes.
	Sparse int64
	// Program runs a phase when it is called as "Program PHASE PATH N".
	Program string
	// Dir is the folder for the drives.
	Dir string
	// Log receives a line for each phase.
	Log io.Writer
}

// Report is everything that was measured.
type Report struct {
	Machine machine.Info      `json:"machine"`
	Plan    Sizes             `json:"plan"`
	Results map[string]Result `json:"results"` // by phase
}

// Sizes are those of a Plan.
type Sizes struct {
	Keys   int64 `json:"keys"`
	Sparse int64 `json:"sparse_bytes"`
}

// Write measures all phases and writes the document, which also goes to out.
func Write(ctx context.Context, p Plan, file string, out io.Writer) error {
	stem, err := document.Stem(file)
	if err != nil {
		return err
	}
	r, err := measure(ctx, p)
	if err != nil {
		return err
	}
	text := r.markdown(document.Name(stem))
	if err := document.Write(stem, r, text); err != nil {
		return err
	}
	_, err = io.WriteString(out, text)
	return err
}

// measure runs the phases in their order.
func measure(ctx context.Context, p Plan) (Report, error) {
	r := Report{Machine: machine.This(), Plan: Sizes{p.Keys, p.Sparse}, Results: map[string]Result{}}
	for _, ph := range phases {
		path, n := filepath.Join(p.Dir, "keys.drive"), p.Keys
		if strings.HasPrefix(ph.name, Sparse) {
			path, n = filepath.Join(p.Dir, "sparse.drive"), p.Sparse
		}
		var line json.RawMessage // as the program prints it, for the log
		if _, err := child.Run(ctx, &line, p.Program, ph.name, path, strconv.FormatInt(n, 10)); err != nil {
			return r, fmt.Errorf("scale: phase %s: %w", ph.name, err)
		}
		var result Result
		if err := json.Unmarshal(line, &result); err != nil {
			return r, fmt.Errorf("scale: phase %s: %w", ph.name, err)
		}
		r.Results[ph.name] = result
		fmt.Fprintf(p.Log, "%s\n", line)
	}
	return r, nil
}
