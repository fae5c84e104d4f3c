// Package driver runs one case of the engine's comparison on drive-core, as the
// program in bench/rust-engine runs it on the original engine: a process of its
// own for each run, one line of JSON at the end.
//
// # Contract
//
// Key number i is "bench-key-" and i in decimal, put into memory that is used
// again, inside the time that counts. A value is filled with 0xAB and begins
// with its number, 8 bytes, little-endian; values of 8 bytes are the number.
// The keys to read are chosen by SplitMix64, modulo the number of keys; the
// state begins at a seed, and the first number comes after one step. Readers
// warm up with one seed and are timed with the next.
//
// Opening and closing do not count but where they are what is measured. The
// check of a case that writes is the tail of the drive, which tells of every
// byte before it; of one that reads, the wrapping sum of the bytes looked at.
// Two runs with one check did the same work.
//
// Nothing is synced while the time runs, because the original never does, but
// in the cases named o_.
package driver
