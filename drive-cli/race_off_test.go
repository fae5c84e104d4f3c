//go:build !race

package main

// raceDetector tells that the tests run under the race detector, which takes
// memory of its own.
const raceDetector = false
