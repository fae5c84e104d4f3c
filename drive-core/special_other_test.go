//go:build !unix

package drive

import "testing"

// specialFiles returns nothing: such files have no paths here.
func specialFiles(*testing.T, string) []string { return nil }
