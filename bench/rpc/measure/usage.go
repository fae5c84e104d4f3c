package measure

import "github.com/simd-drive/go/bench/usage"

// Usage is what a process has used since it started, and what it holds.
type Usage struct {
	usage.Usage

	// Fetches is how many fetches have reached the service of a serving
	// process.
	Fetches int64 `json:"fetches"`
}

// ownUsage tells what this process has used.
func ownUsage() Usage { return Usage{Usage: usage.Own()} }

// since returns what was used between two moments.
func (u Usage) since(before Usage) Usage {
	u.Usage = u.Since(before.Usage)
	return u
}
