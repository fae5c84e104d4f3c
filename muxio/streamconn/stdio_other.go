//go:build !unix

package streamconn

import "os"

// takeStdio returns the standard streams as they are.
func takeStdio() (in, out *os.File, err error) { return os.Stdin, os.Stdout, nil }
