// Package memory tells what memory processes hold.
package memory

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// Held is what a process holds, in bytes. All are 0 where the system has no
// /proc.
type Held struct {
	Resident  int64 // pages of mapped files included
	Peak      int64 // of Resident, since the process began
	Anonymous int64 // Resident without the pages of files
}

// Now returns what this process holds.
func Now() Held { return read("self") }

// Of returns what another process holds, nothing for one that is not there.
func Of(pid int) Held { return read(strconv.Itoa(pid)) }

// read reads what /proc tells of a process.
func read(process string) Held {
	f, err := os.Open("/proc/" + process + "/status")
	if err != nil {
		return Held{}
	}
	defer func() { _ = f.Close() }() // it was only read
	var h Held
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		switch name {
		case "VmRSS":
			h.Resident = kilobytes(value)
		case "VmHWM":
			h.Peak = kilobytes(value)
		case "RssAnon":
			h.Anonymous = kilobytes(value)
		}
	}
	return h
}

// kilobytes reads a size such as "  123 kB"; it is 0 for anything else.
func kilobytes(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(text), " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}
