//go:build unix && !linux

package crashfs

// mapNoReserve: other systems do not count pages that were never touched.
const mapNoReserve = 0
