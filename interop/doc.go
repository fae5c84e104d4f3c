// Package interop holds the tests that carry calls between this repository and
// the original programs, unmodified: their clients against our server, and the
// same scenarios against their servers. The build tag interop enables them;
// `make interop` installs the originals and runs them.
package interop
