//go:build mutant_nobounds

package mutant

// NoBounds accepts entries that reach beyond where they can lie.
const NoBounds = true
