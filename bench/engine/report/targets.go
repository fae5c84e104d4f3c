package report

import (
	"slices"

	"github.com/simd-drive/go/bench/engine/driver"
	"github.com/simd-drive/go/bench/engine/stores"
	"github.com/simd-drive/go/bench/engine/workload"
	"github.com/simd-drive/go/bench/figure"
)

// A pick is one figure of one implementation in one row.
type pick struct {
	impl, row string
	of        func(driver.Result) float64
}

// value returns the figure, if it was measured.
func (k pick) value(r *Results) (float64, bool) {
	i := slices.IndexFunc(r.Engines, func(one Result) bool {
		return one.Impl == k.impl && one.Case == k.row && one.Error == "" && one.Rounds > 0
	})
	if i < 0 {
		return 0, false
	}
	return k.of(r.Engines[i].Result), true
}

// A target is one demand on the engine.
type target struct {
	figure.Target

	name   string
	ours   pick
	theirs pick // what ours is divided by, unless the target is absolute
}

// The values of targets that the table below explains.
const (
	// noAllocation is how many allocations a read may have: those of the run
	// itself, spread over its reads.
	noAllocation = 0.001
	// sameTime is how much longer it may take to open five times as many keys
	// where the time should not depend on their number.
	sameTime = 1.5
	// readersKeep is what is left to readers beside a writer.
	readersKeep = 0.85
)

// targets is the whole table.
var targets = []target{
	ratio("a_append_8b_batch1024", 1.5),
	ratio("b_append_128b_single", 4),
	ratio("c_append_1k_batch100", 1.5),
	ratio("d_append_1m_single", 3.5),
	ratio("e1_read_touch", 4),
	ratio("e1_read_touch_2", 8),
	absolute("random read, allocations of each", "e1_read_touch", noAllocation, "", allocations),
	ratio("e2_read_sum_8b", 0),
	ratio("e3_read_sum_1k", 1.5),
	ratio("e4_read_touch_5m", 0),
	ratio("f_batch_read_100", 1.8),
	ratio("g_iterate", 2),
	ratio("g2_iterate_sum_1k", 0),
	ratio("h_open", 2),
	ratio("h_open_5m", 2),
	ratio("h_open_cold", 0),
	ratio("h_open_cold_5m", 0),
	overRow("h_open_checkpoint", 20, original, "h_open", perSecond, "ops/s", "the original"),
	overRow("h_open_checkpoint_5m", 20, original, "h_open_5m", perSecond, "ops/s", "the original"),
	{
		Target: figure.Target{Need: sameTime, AtMost: true, Unit: "ms", Against: "that of 1 M"},
		name:   "open after a clean close, time of 5 M entries",
		ours:   pick{ours, "h_open_checkpoint_5m", millis}, theirs: pick{ours, "h_open_checkpoint", millis},
	},
	ratio("h_open_2g", 50),
	ratio("h_open_cold_2g", 0),
	ratio("i_mixed_4r_1w", 3),
	{
		Target: figure.Target{Need: 8, Unit: "writes/s", Against: "the original"},
		name:   "the writer beside 4 readers",
		ours:   pick{ours, "i_mixed_4r_1w", writes}, theirs: pick{original, "i_mixed_4r_1w", writes},
	},
	overRow("i_mixed_4r_1w", readersKeep, ours, "i2_readers_only_4", reads, "reads/s", "those readers alone"),
	ratio("i2_readers_only_4", 0),
	ratio("i3_readers_only_1", 0),
	absolute("memory of 1 M keys", "j_mem", 27, "B a key", bytesPerKey),
	absolute("memory of 5 M keys", "j_mem_5m", 27, "B a key", bytesPerKey),
	absolute("memory in a mode for little of it, which is not there yet", "j_mem_low", 17, "B a key", bytesPerKey),
	absolute("peak of memory while growing, of that at rest", "j_grow", 1.6, "", growth),
	ratio("k_stream_1g", 1),
	ratio("l_compact", 6),
	ratio("m_delete_batch1024", 1.5),
	ratio("n_contend_128", 3),
	ratio("n_contend_4k", 0),
	ratio("n_contend_64k", 0),
	overRow("o_synced_1", 0.9, ours, "o_synced_bare", perSecond, "ops/s", "append and fdatasync"),
	overRow("o_synced_16", 8, ours, "o_synced_1", perSecond, "ops/s", "1 writer"),
}

func writes(r driver.Result) float64 { return r.Writes }
func millis(r driver.Result) float64 { return r.Seconds * 1e3 }

func allocations(r driver.Result) float64 {
	if r.Allocations == nil {
		return 0
	}
	return *r.Allocations
}

// rowNamed returns a row; all that targets name are there, but for those of
// modes that do not exist yet.
func rowNamed(name string) row {
	i := slices.IndexFunc(rows, func(w row) bool { return w.name == name })
	if i < 0 {
		return row{name: name, title: name}
	}
	return rows[i]
}

// ratio is a demand on a row beside the original, or for orientation when need
// is 0.
func ratio(name string, need float64) target {
	w := rowNamed(name)
	return overRow(name, need, original, name, w.figure, w.unitName(), "the original")
}

// overRow is a demand on a row beside another one.
func overRow(name string, need float64, impl, other string, of func(driver.Result) float64, unit, against string) target {
	return target{
		Target: figure.Target{Need: need, Unit: unit, Against: against},
		name:   rowNamed(name).title, ours: pick{ours, name, of}, theirs: pick{impl, other, of},
	}
}

// absolute is a bound that must not be exceeded, and that nothing is compared with.
func absolute(name, row string, need float64, unit string, of func(driver.Result) float64) target {
	return target{
		Target: figure.Target{Need: need, AtMost: true, Absolute: true, Unit: unit},
		name:   name, ours: pick{ours, row, of},
	}
}

// judge holds everything against its target.
func judge(r *Results) []figure.Verdict {
	var verdicts []figure.Verdict
	for _, t := range targets {
		value, measured := t.ours.value(r)
		theirs := t.Need
		if !t.Absolute {
			var there bool
			theirs, there = t.theirs.value(r)
			measured = measured && there
		}
		verdicts = append(verdicts, t.Judge(ours, t.name, value, theirs, measured))
	}
	for _, c := range workload.Cases() {
		if c.Durability != stores.PerSecond { // which no other store does by itself
			verdicts = append(verdicts, judgeStores(r, c))
		}
	}
	return verdicts
}

// judgeStores holds our store against the best of the others in a case: it is to
// be first in what all can do. Memory and disk are judged nowhere.
func judgeStores(r *Results, c workload.Case) figure.Verdict {
	t := figure.Target{Need: 1, AtMost: c.Rate.Less(), Unit: string(c.Rate), Against: "the best other store"}
	own, best := 0.0, 0.0
	for _, one := range r.Stores {
		if one.Case != storeCase(c) || one.Error != "" || one.Rounds == 0 {
			continue
		}
		v := c.Rate.Of(one.Result)
		kind, err := stores.Find(one.Impl)
		switch {
		case err != nil || kind.InMemory(): // stands there for orientation
		case one.Impl == stores.Kinds()[0].Name:
			own = v
		case best == 0 || t.AtMost == (v < best):
			best, t.Against = v, one.Impl
		}
	}
	return t.Judge(ours, storeTitle(c), own, best, own > 0)
}

// storeTitle is the name of a case of the stores for people.
func storeTitle(c workload.Case) string { return c.Title + ", synced: " + string(c.Durability) }
