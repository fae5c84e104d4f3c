// Package mutant spoils the engine on purpose, one safeguard at a time, by build
// tag: with any of these tags some test must fail, or the tests prove nothing. Run
// `make mutants`. Without the tags the compiler removes every trace.
package mutant
