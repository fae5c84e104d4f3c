//go:build !mutant_nocrc

package mutant

// NoCRC lets every checksum match.
const NoCRC = false
