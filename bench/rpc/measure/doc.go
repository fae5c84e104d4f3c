// Package measure measures the peers of package peers, and programs that
// speak as they do, side by side.
//
// Each run has a serving and a calling process of its own, joined by one
// loopback connection. Both are children of this program: they take commands
// as lines on standard input, answer each by one line of JSON on standard
// output, and end when their input does. That is also how the serving process
// tells what it has used, without a second connection that would disturb it.
//
// Runs of one case are interleaved: every implementation once, then every one
// again, so that what disturbs the machine for a while disturbs all of them.
// Of each figure the median over the rounds counts.
//
// A calling process knows the commands usage, collect, echo, stream, mixed,
// stall and open; a serving one usage and collect. The arguments are words,
// see [Child].
package measure
