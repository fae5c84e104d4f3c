// Package muxiotest has the transports over which tests run what speaks muxio:
// whoever has a suite runs it over each of [Links].
//
//	func TestMain(m *testing.M) {
//		muxiotest.RelayIfChild()
//		os.Exit(m.Run())
//	}
//
// The first line makes the test binary serve as the child process of one of the
// links.
package muxiotest
