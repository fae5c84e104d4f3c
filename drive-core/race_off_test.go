//go:build !race

package drive

// raceDetector tells that the tests run under the race detector.
const raceDetector = false
