//go:build race

package drive

// raceDetector tells that the tests run under the race detector, which makes them
// ten times slower.
const raceDetector = true
