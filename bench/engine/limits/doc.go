// Package limits measures what the machine itself can do: the bounds beside
// which the engine's figures stand.
package limits

import "github.com/simd-drive/go/bench/rounds"

// Figures are the limits. What a system does not let be measured is 0.
type Figures struct {
	CopyLarge   float64 `json:"copy_256mib_gb_per_s"` // memory to memory
	CopySmall   float64 `json:"copy_1mib_gb_per_s"`   // within the processor's cache
	CopyTwo     float64 `json:"copy_two_goroutines_gb_per_s"`
	WriteLarge  float64 `json:"write_1mib_mb_per_s"` // write(2) into the system's cache, new file
	WriteSmall  float64 `json:"write_192b_ns"`       // write(2) of what an entry of 128 B takes
	Sync        float64 `json:"append_fdatasync_us"` // an append of as much, on stable storage
	FileFault   float64 `json:"first_touch_file_page_ns"`
	MemoryFault float64 `json:"first_touch_memory_page_ns"`
	Dependent   float64 `json:"dependent_read_ns"`   // each address comes from the read before
	Independent float64 `json:"independent_read_ns"` // many reads are under way at a time
}

// A Limit is one of them, for people.
type Limit struct {
	Name, Unit string
	Of         func(Figures) float64
}

// All lists the limits.
var All = []Limit{
	{"copy of 256 MiB, 1 goroutine", "GB/s", func(f Figures) float64 { return f.CopyLarge }},
	{"copy of 256 MiB, 2 goroutines", "GB/s", func(f Figures) float64 { return f.CopyTwo }},
	{"copy of 1 MiB, in the cache", "GB/s", func(f Figures) float64 { return f.CopySmall }},
	{"write(2) of 1 GiB in calls of 1 MiB, new file", "MB/s", func(f Figures) float64 { return f.WriteLarge }},
	{"write(2) of 192 B", "ns", func(f Figures) float64 { return f.WriteSmall }},
	{"append of 192 B and fdatasync, median", "µs", func(f Figures) float64 { return f.Sync }},
	{"first touch of a mapped page of a file that is cached", "ns", func(f Figures) float64 { return f.FileFault }},
	{"first touch of a page of memory", "ns", func(f Figures) float64 { return f.MemoryFault }},
	{"read of memory that depends on the read before, 256 MiB", "ns", func(f Figures) float64 { return f.Dependent }},
	{"read of memory, many at a time, 256 MiB", "ns", func(f Figures) float64 { return f.Independent }},
}

// Median returns the medians of runs, each figure by itself.
func Median(runs []Figures) Figures {
	of := func(figure func(Figures) float64) float64 { return rounds.Median(runs, figure) }
	return Figures{
		CopyLarge:   of(func(f Figures) float64 { return f.CopyLarge }),
		CopySmall:   of(func(f Figures) float64 { return f.CopySmall }),
		CopyTwo:     of(func(f Figures) float64 { return f.CopyTwo }),
		WriteLarge:  of(func(f Figures) float64 { return f.WriteLarge }),
		WriteSmall:  of(func(f Figures) float64 { return f.WriteSmall }),
		Sync:        of(func(f Figures) float64 { return f.Sync }),
		FileFault:   of(func(f Figures) float64 { return f.FileFault }),
		MemoryFault: of(func(f Figures) float64 { return f.MemoryFault }),
		Dependent:   of(func(f Figures) float64 { return f.Dependent }),
		Independent: of(func(f Figures) float64 { return f.Independent }),
	}
}
