//go:build !unix

package main

import "github.com/rogpeppe/go-internal/testscript"

// makeFIFO ends the script: there are no named pipes here.
func makeFIFO(ts *testscript.TestScript, neg bool, args []string) {
	ts.Fatalf("no named pipes on this system")
}
