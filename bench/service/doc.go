// Package service measures the service of a drive beside others that keep values by
// key: the original in Rust, and Redis. It writes a document, the figures as JSON, and
// plots.
//
// Each run has a server of its own with nothing in it, and a client of its own, which
// fills it, makes calls for a moment that does not count, and then calls that do. Both
// are processes on this machine, joined by one loopback connection. Runs of a case are
// interleaved, see package rounds.
package service
