//go:build race

package wsserver_test

// raceDetector tells that the race detector is at work.
const raceDetector = true
