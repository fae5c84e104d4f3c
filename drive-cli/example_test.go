package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The program is one function of its arguments and streams.
func Example() {
	dir, err := os.MkdirTemp("", "drive-example-*")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	drive := func(stdin string, args ...string) int {
		args = append([]string{filepath.Join(dir, "s.drive")}, args...)
		return run(context.Background(), args, strings.NewReader(stdin), os.Stdout, os.Stderr)
	}

	drive("", "write", "greeting", "hello, world")
	drive("any bytes, streamed", "write", "stream")
	drive("", "rename", "stream", "kept")
	drive("", "read", "kept")
	fmt.Println()
	fmt.Println("exit status", drive("", "exists", "stream"))
	drive("", "entries", "--live", "-o", "json")

	// Output:
	// Stored 'greeting'
	// Stored 'stream'
	// Renamed key 'stream' to kept
	// any bytes, streamed
	// false
	// exit status 1
	// {"offset":0,"size":12,"key_hash":"1fc809e0902f8741","prev_offset":0,"checksum":"ffab723a","tombstone":false,"live":true}
	// {"offset":128,"size":19,"key_hash":"2fbef8c1952e19fd","prev_offset":103,"checksum":"e2d01c79","tombstone":false,"live":true}
}
