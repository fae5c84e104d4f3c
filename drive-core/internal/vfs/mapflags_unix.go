//go:build unix && !linux

package vfs

// mapNoReserve: other systems do not count a read-only mapping of a file.
const mapNoReserve = 0
