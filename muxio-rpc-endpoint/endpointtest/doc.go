// Package endpointtest is the conformance suite of the answering end: it serves
// an [endpoint.Endpoint] and sends it what callers send, well-formed or not.
// Whoever carries connections runs it over what it carries:
//
//	func TestAnswers(t *testing.T) { endpointtest.Run(t, connect, serve) }
//
// The checks do not sleep: they wait for events, and a time bound only tells a
// hang from a slow machine.
package endpointtest
