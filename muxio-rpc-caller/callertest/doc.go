// Package callertest is the conformance suite of calls as the calling end sees
// them. Whoever carries connections, in memory or over a network, runs it over
// what it carries:
//
//	func TestCalls(t *testing.T) { callertest.Run(t, connect) }
//
// The checks do not sleep: they wait for events, and a time bound only tells a
// hang from a slow machine.
package callertest
