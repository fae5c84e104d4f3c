//go:build !mutant_nosync

package mutant

// NoSync leaves out every sync of a drive.
const NoSync = false
