package muxio

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// transfer is one stream over a link in virtual time.
type transfer struct {
	size  int
	pause time.Duration // of the reader, for each part
	part  int           // what the reader takes at a time
	limit int           // MaxStreamWindow, 0 for the default

	window   int64 // of the stream, at its end
	duration time.Duration
	most     int // bytes that were sent and not taken, at most
}

// run sends over a link with the given round trip and bandwidth.
func (tr *transfer) run(t *testing.T, roundTrip time.Duration, bytesPerSecond int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ta, tb := newDelayedLink(roundTrip, bytesPerSecond)
		a := newEnd(t, ta, Initiator, Limits{}, true)
		r := &pacedReader{arrived: make(chan int, 1<<16)}
		b, err := NewSession(tb, Config{
			Role: Responder, Limits: Limits{MaxStreamWindow: tr.limit},
			Accept: func(s *RecvStream) Receiver {
				r.stream = s
				return r
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		go func() { // ends with the stream
			err := a.OpenStream(Normal).Send(context.Background(), Body{Bytes: make([]byte, tr.size), End: true})
			if err != nil {
				t.Error(err)
			}
		}()
		tr.most = r.take(tr.part, tr.pause)
		tr.duration = time.Since(start)
		r.stream.mu.Lock()
		tr.window = r.stream.size
		r.stream.mu.Unlock()
		r.stream.Release()
		_ = a.Close(CloseReason{Code: CloseNormal})
		_ = b.Close(CloseReason{Code: CloseNormal})
	})
}

// pacedReader takes what arrives at a pace of its own.
type pacedReader struct {
	stream  *RecvStream
	arrived chan int // sizes; closed at the end
}

func (r *pacedReader) Data(p []byte)      { r.arrived <- len(p) }
func (r *pacedReader) End()               { close(r.arrived) }
func (r *pacedReader) Cancel(cause error) { panic(errors.Join(errors.New("cancelled"), cause)) }

// take takes part bytes at a time, then pauses, until the end. It returns how many
// bytes waited at most.
func (r *pacedReader) take(part int, pause time.Duration) (most int) {
	waiting := 0
	for n := range r.arrived {
		waiting += n
		for len(r.arrived) > 0 {
			waiting += <-r.arrived
		}
		most = max(most, waiting)
		for waiting > 0 {
			n := min(part, waiting)
			waiting -= n
			r.stream.Grant(n)
			if pause > 0 {
				<-time.After(pause)
			}
		}
	}
	return most
}

const (
	mib  = 1 << 20
	gbps = 1 << 30 // bytes a second, of a link that is not what limits
)

func TestWindowGrowsOverALongRoundTrip(t *testing.T) {
	const roundTrip = 100 * time.Millisecond
	for _, tt := range []struct {
		name  string
		limit int
		want  int64
	}{
		{"default", 0, DefaultMaxStreamWindow},
		{"one", mib, mib},
		{"no power of two", 3*mib + 5, 3*mib + 5},
		{"none", InitialCredit, InitialCredit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := transfer{size: 64 * mib, part: 64 << 10, limit: tt.limit}
			tr.run(t, roundTrip, gbps)
			if tr.window != tt.want {
				t.Errorf("window is %d, want %d", tr.window, tt.want)
			}
			// With a window of w, no more than w bytes a round trip can go: allow
			// twice that time, and some round trips to grow.
			least := time.Duration(float64(roundTrip) * float64(tr.size) / float64(tt.want))
			if tr.duration > 2*least+10*roundTrip {
				t.Errorf("took %v, want about %v", tr.duration, least)
			}
			t.Logf("%.1f MB/s with a window of at most %d KiB", float64(tr.size)/1e6/tr.duration.Seconds(), tt.want>>10)
		})
	}
}

// The round trip that a ping measures includes the message that its answer waits
// behind. So the window grows a little on a fast link, up to some messages, but no
// further: half of it lasts longer than that then.
func TestWindowStaysSmallOnAFastLink(t *testing.T) {
	tr := transfer{size: 256 * mib, part: 64 << 10}
	tr.run(t, 50*time.Microsecond, gbps)
	if tr.window > 4*messageBytes {
		t.Errorf("window has grown to %d", tr.window)
	}
}

func TestWindowDoesNotGrowForASlowReader(t *testing.T) {
	tr := transfer{size: 8 * mib, part: InitialCredit / 4, pause: 60 * time.Millisecond}
	tr.run(t, 100*time.Millisecond, gbps)
	if tr.window != InitialCredit {
		t.Errorf("window has grown to %d", tr.window)
	}
	if tr.most > InitialCredit {
		t.Errorf("%d bytes waited", tr.most)
	}
}

// While small messages come beside it, a stream has no more under way than its first
// window; without them, the window that it has grown to.
func TestGrownWindowIsNotUsedBesideMessages(t *testing.T) {
	for name, shared := range map[string]bool{"alone": false, "beside messages": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				limits, _ := Limits{}.withDefaults() // they can work
				s := &Session{limits: limits, out: newOutbound(Layout13, limits)}
				r := s.newReceiver(1)
				r.size, r.window = 4*InitialCredit, 4*InitialCredit
				if shared {
					s.shared.Store(time.Now().UnixNano())
				}
				const part = 16 << 10
				granted := int64(0)
				for range 64 * InitialCredit / part { // as fast as it may
					if r.window < part {
						t.Fatal("the sender is not allowed to go on")
					}
					r.window -= part
					r.pending += part
					granted += r.grantLocked()
				}
				want := int64(4 * InitialCredit)
				if shared {
					want = InitialCredit
				}
				if r.window < want-grantBytes || r.window > want {
					t.Errorf("%d bytes may be under way, want about %d", r.window, want)
				}
				<-time.After(2 * sharedFor)
				for range 8 { // what was held back comes again
					r.window -= part
					r.pending += part
					granted += r.grantLocked()
				}
				if r.window < 4*InitialCredit-grantBytes || r.window > 4*InitialCredit {
					t.Errorf("%d bytes may be under way afterwards, after grants of %d", r.window, granted)
				}
			})
		})
	}
}
