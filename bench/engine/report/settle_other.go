//go:build !linux

package report

// settle leaves it to this system when to write what runs have left in its cache.
func settle(string) error { return nil }
