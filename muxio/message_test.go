package muxio

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
)

// wholeEnd is a session that takes whole messages.
func wholeEnd(t *testing.T, transport Transport, role Role, got chan<- string) *Session {
	t.Helper()
	s, err := NewSession(transport, Config{
		Role: role, Accept: func(r *RecvStream) Receiver {
			return &collector{stream: r, ended: make(chan error, 4)}
		},
		Message: func(_ uint32, p []byte) { got <- string(p) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(CloseReason{Code: CloseNormal}) })
	return s
}

// Three ways to send a message: by size and by function.
func TestMessagesArriveInTheOrderInWhichTheyWereSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ta, tb := Pipe()
		got := make(chan string, 1000)
		a, b := newEnd(t, ta, Initiator, Limits{}, true), wholeEnd(t, tb, Responder, got)
		var want []string
		for i := range 300 {
			text := string(bytes.Repeat([]byte{byte('a' + i%26)}, i*i%2000))
			want = append(want, text)
			body := Body{Prefix: []byte(text[:len(text)/2]), More: [][]byte{[]byte(text[len(text)/2:])}}
			if i%2 == 0 {
				if err := a.SendMessage(t.Context(), a.NextID(), Priority(i%3), body); err != nil {
					t.Fatal(err)
				}
			} else if err := a.SendMessageNow(a.NextID(), body); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		for i := range want {
			if text := <-got; text != want[i] {
				t.Fatalf("message %d has %d bytes, want %d", i, len(text), len(want[i]))
			}
		}
		_ = b.Close(CloseReason{Code: CloseNormal})
	})
}

// What is sent later leaves by priority, and in order within one.
func TestMessagesSentLaterLeaveByPriority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, g, _ := gatedSession(t, Limits{})
		var told []int
		for i, p := range []Priority{Low, Normal, High, Low, Normal, High} {
			a.SendMessageLater(a.NextID(), p, Body{Bytes: make([]byte, ChunkBytes)}, func(err error) {
				if err != nil {
					t.Error(err)
				}
				told = append(told, i)
			})
		}
		first := sequence(g.pass())
		if len(told) > 0 {
			t.Errorf("told %v before anything was written", told)
		}
		second := sequence(g.pass())
		if want := []int{2, 5, 1, 4}; !slices.Equal(first, want) || !slices.Equal(told, want) {
			t.Errorf("%v left, %v were told", first, told)
		}
		if want := []int{0, 3}; !slices.Equal(second, want) {
			t.Errorf("%v left", second)
		}
		g.leave <- nil
		synctest.Wait()
		if want := []int{2, 5, 1, 4, 0, 3}; !slices.Equal(told, want) {
			t.Errorf("%v were told", told)
		}
	})
}

func TestSendMessageNowIsBounded(t *testing.T) {
	t.Run("size", func(t *testing.T) {
		a, b := pair(t, Limits{})
		if err := a.SendMessageNow(a.NextID(), Body{Bytes: make([]byte, MaxImmediateBytes)}); err != nil {
			t.Error("at the limit:", err)
		}
		if err := a.SendMessageNow(a.NextID(), Body{Bytes: make([]byte, MaxImmediateBytes), Prefix: []byte("x")}); err == nil {
			t.Error("one byte beyond the limit was accepted")
		}
		if c := b.next(t); await(t, c.ended) != nil || len(c.bytes()) != MaxImmediateBytes {
			t.Errorf("%d bytes arrived", len(c.bytes()))
		}
	})
	const limit, each = 64 << 10, 1000
	send := func(s *Session) error { return s.SendMessageNow(s.NextID(), Body{Bytes: make([]byte, each)}) }
	t.Run("queue", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, _, _ := gatedSession(t, Limits{MaxControlBytes: limit})
			wantBounded(t, a.Session, limit/(each+2*Layout13.HeaderBytes()), send)
		})
	})
	t.Run("without credit", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ta, tb := Pipe()
			a := newEnd(t, tb, Initiator, Limits{MaxControlBytes: limit}, true)
			counts := countBytes(t, ta)
			writeFrames(t, ta, Frame{Stream: connectionID, Kind: Settings, Payload: encodeSettings(setting{settingStreamWindow, maxWindow})})
			w := a.OpenStream(Normal)
			sendInBackground(t, w, make([]byte, 2*InitialConnCredit))
			if n := counts.of(w.ID()); n != InitialConnCredit {
				t.Fatalf("%d bytes are under way", n)
			}
			wantBounded(t, a.Session, limit/(each+2*Layout13.HeaderBytes()), send)
			_ = ta.Close(CloseReason{Code: CloseNormal})
		})
	})
}

// wantBounded sends up to n messages with success, and wants the next one to end the
// session.
func wantBounded(t *testing.T, s *Session, n int, send func(*Session) error) {
	t.Helper()
	for i := range n {
		if err := send(s); err != nil {
			t.Fatalf("message %d of %d: %v", i, n, err)
		}
	}
	wantCloseCode(t, send(s), ClosePolicy)
	wantCloseCode(t, s.Err(), ClosePolicy)
	wantCloseCode(t, send(s), ClosePolicy)
}

// A message that has to wait for credit must not need its memory any more.
func TestSendMessageNowKeepsNoMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ta, tb := Pipe()
		a := newEnd(t, tb, Initiator, Limits{}, true)
		got := map[uint32]string{}
		done := make(chan struct{})
		go func() { // ends with the transport
			defer close(done)
			_ = readFrames(ta, func(f Frame) {
				if f.Stream == 1 {
					got[f.Stream] += string(f.Payload)
				}
			})
		}()
		writeFrames(t, ta, Frame{Stream: connectionID, Kind: Settings, Payload: encodeSettings(setting{settingStreamWindow, maxWindow})})
		sendInBackground(t, a.OpenStream(Normal), make([]byte, 2*InitialConnCredit))
		synctest.Wait()
		prefix, middle, more := []byte("pre"), []byte("mid"), []byte("more")
		if err := a.SendMessageNow(a.NextID(), Body{Prefix: prefix, Bytes: middle, More: [][]byte{more, more}}); err != nil {
			t.Fatal(err)
		}
		for _, p := range [][]byte{prefix, middle, more} {
			copy(p, "XXXX")
		}
		writeFrames(t, ta, creditFrame(connectionID, 1), creditFrame(connectionID, 1000))
		synctest.Wait()
		_ = ta.Close(CloseReason{Code: CloseNormal})
		<-done
		if got[1] != "premidmoremore" {
			t.Errorf("%q arrived", got[1])
		}
	})
}

func TestSendingOnAnEndedSession(t *testing.T) {
	for _, exhausted := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ta, tb := Pipe()
			a := newEnd(t, ta, Initiator, Limits{}, true)
			b := newEnd(t, tb, Responder, Limits{}, true)
			if exhausted {
				for range InitialConnCredit / InitialCredit {
					if err := a.OpenStream(Normal).Send(t.Context(), Body{Bytes: make([]byte, InitialCredit)}); err != nil {
						t.Fatal(err)
					}
				}
			}
			_ = a.Close(CloseReason{Code: CloseNormal})
			small, large := Body{Bytes: []byte("x")}, Body{Bytes: make([]byte, 1<<20)}
			told := make(chan error, 2)
			a.SendMessageLater(a.NextID(), Normal, small, func(err error) { told <- err })
			a.SendMessageLater(a.NextID(), Normal, large, func(err error) { told <- err })
			for name, err := range map[string]error{
				"SendMessage, small": a.SendMessage(t.Context(), a.NextID(), Normal, small),
				"SendMessage, large": a.SendMessage(t.Context(), a.NextID(), Normal, large),
				"SendMessageNow":     a.SendMessageNow(a.NextID(), small),
				"SendMessageLater":   <-told,
				"SendMessageLater 2": <-told,
				"Send":               a.OpenStream(Normal).Send(t.Context(), small),
				"GoAway":             a.GoAway(CloseReason{Code: CloseNormal}),
			} {
				if !errors.Is(err, ErrClosed) {
					t.Errorf("%s: %v", name, err)
				}
			}
			a.CancelMessage(5, 1)
			a.StopMessage(5)
			a.out.mu.Lock()
			for id, w := range a.out.senders {
				if w.job.active {
					t.Errorf("message %d waits for ever", id)
				}
			}
			a.out.mu.Unlock()
			_ = b.Close(CloseReason{Code: CloseNormal})
		})
	}
}

func TestStopMessageTellsThePeerNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, g, _ := gatedSession(t, Limits{})
		id := a.NextID()
		result := make(chan error, 1)
		go func() { result <- a.SendMessage(context.Background(), id, Normal, Body{Bytes: make([]byte, 1<<20)}) }()
		synctest.Wait()
		g.pass()
		a.StopMessage(id)
		g.leave <- nil
		if err := <-result; !errors.Is(err, ErrStopped) {
			t.Errorf("SendMessage: %v", err)
		}
		a.StopMessage(id)
		a.CancelMessage(id, 7)
		frames := g.next()
		if len(frames) != 1 || frames[0].Kind != Cancel || frames[0].Stream != id || !bytes.Equal(frames[0].Payload, []byte{7, 0, 0, 0}) {
			t.Errorf("left: %+v", frames)
		}
	})
}
