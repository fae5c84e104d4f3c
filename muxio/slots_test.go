package muxio

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// slotPeer is the receiving end of a session whose streams it watches.
type slotPeer struct {
	t         *testing.T
	transport Transport
	end       *end

	mu    sync.Mutex
	begun []uint32 // in order
	ended map[uint32]bool
}

// noEmptyMessages is a transport on which every message says something.
type noEmptyMessages struct {
	Transport
	t *testing.T
}

func (n *noEmptyMessages) WriteMessage(pieces [][]byte) error {
	if len(slices.Concat(pieces...)) == 0 {
		n.t.Error("an empty message")
	}
	return n.Transport.WriteMessage(pieces)
}

// newSlotPeer starts a session and its peer, which sends settings if there are any. It
// is for a bubble of synctest; close ends both.
func newSlotPeer(t *testing.T, list ...setting) *slotPeer {
	t.Helper()
	ta, tb := Pipe()
	p := &slotPeer{t: t, transport: ta, ended: make(map[uint32]bool)}
	p.end = newEnd(t, &noEmptyMessages{tb, t}, Initiator, Limits{}, true)
	go func() { // ends with the transport
		_ = readFrames(ta, func(f Frame) {
			p.mu.Lock()
			defer p.mu.Unlock()
			switch f.Kind {
			case Open:
				p.begun = append(p.begun, f.Stream)
			case End, Cancel:
				p.ended[f.Stream] = true
			default: // the others say nothing of streams
			}
		})
	}()
	if len(list) > 0 {
		p.settings(list...)
	}
	return p
}

func (p *slotPeer) settings(list ...setting) {
	p.t.Helper()
	writeFrames(p.t, p.transport, Frame{Stream: connectionID, Kind: Settings, Payload: encodeSettings(list...)})
}

func (p *slotPeer) close() { _ = p.transport.Close(CloseReason{Code: CloseNormal}) }

// fill opens n streams that stay unfinished.
func (p *slotPeer) fill(n int) []*SendStream {
	p.t.Helper()
	list := make([]*SendStream, n)
	for i := range list {
		list[i] = p.end.OpenStream(Normal)
		if err := list[i].Send(p.t.Context(), Body{Bytes: []byte("x")}); err != nil {
			p.t.Fatal(err)
		}
	}
	p.wantNew(idsOf(list)...)
	return list
}

func idsOf(list []*SendStream) (ids []uint32) {
	for _, w := range list {
		ids = append(ids, w.ID())
	}
	return ids
}

// wantNew compares the streams that have begun since the last look, when nothing moves
// any more.
func (p *slotPeer) wantNew(want ...uint32) {
	p.t.Helper()
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Equal(p.begun, want) {
		p.t.Errorf("streams %d have begun, want %d", p.begun, want)
	}
	p.begun = nil
}

// wantEnded tells of a stream that has not ended.
func (p *slotPeer) wantEnded(id uint32) {
	p.t.Helper()
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended[id] {
		p.t.Errorf("stream %d has not ended", id)
	}
}

// send starts a Send, and waits until it waits or has returned.
func (p *slotPeer) send(ctx context.Context, w *SendStream, body Body) <-chan error {
	result := make(chan error, 1)
	go func() { result <- w.Send(ctx, body) }()
	synctest.Wait()
	return result
}

// wantWaiting tells of a Send that has returned.
func wantWaiting(t *testing.T, result <-chan error) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-result:
		t.Error("a Send beyond the limit returned:", err)
	default:
	}
}

// The ways in which a slot becomes free let the first go on that waits, also when a
// later one is more urgent or smaller.
func TestStreamsWaitForASlotInOrder(t *testing.T) {
	for name, free := range map[string]func(t *testing.T, w *SendStream){
		"end": func(t *testing.T, w *SendStream) {
			t.Helper()
			if err := w.Send(t.Context(), Body{End: true}); err != nil {
				t.Error(err)
			}
		},
		"large end": func(t *testing.T, w *SendStream) {
			t.Helper()
			if err := w.Send(t.Context(), Body{Bytes: make([]byte, ChunkBytes+1), End: true}); err != nil {
				t.Error(err)
			}
		},
		"cancel": func(_ *testing.T, w *SendStream) { w.Cancel(0) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newSlotPeer(t, setting{settingStreams, MinStreams})
				defer p.close()
				full := p.fill(MinStreams)
				large, small, urgent := p.end.OpenStream(Low), p.end.OpenStream(Normal), p.end.OpenStream(High)
				waiting := []<-chan error{
					p.send(t.Context(), large, Body{Bytes: make([]byte, ChunkBytes+1)}),
					p.send(t.Context(), small, Body{Bytes: []byte("x")}),
					p.send(t.Context(), urgent, Body{}),
				}
				p.wantNew()
				for i, w := range []*SendStream{large, small, urgent} {
					wantWaiting(t, waiting[i])
					free(t, full[i])
					p.wantNew(w.ID())
					if err := <-waiting[i]; err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
}

// What goes out at once is never unfinished and needs no slot.
func TestWholeMessagesNeedNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newSlotPeer(t, setting{settingStreams, MinStreams})
		defer p.close()
		full := p.fill(MinStreams)
		s := p.end.Session
		var ids []uint32
		for _, n := range []int{0, 1, smallBytes, smallBytes + 1, ChunkBytes} {
			w := s.OpenStream(Normal)
			ids = append(ids, w.ID())
			if err := w.Send(t.Context(), Body{Bytes: make([]byte, n), End: true}); err != nil {
				t.Error(err)
			}
			p.wantEnded(w.ID())
		}
		id := s.NextID()
		if err := s.SendMessage(t.Context(), id, Normal, Body{Bytes: make([]byte, ChunkBytes)}); err != nil {
			t.Error(err)
		}
		p.wantEnded(id)
		now := s.NextID()
		if err := s.SendMessageNow(now, Body{Bytes: make([]byte, smallBytes)}); err != nil {
			t.Error(err)
		}
		p.wantEnded(now)
		later := s.NextID()
		s.SendMessageLater(later, Normal, Body{Bytes: make([]byte, ChunkBytes)}, nil)
		p.wantEnded(later)
		p.wantNew(append(ids, id, now, later)...)

		long := s.NextID()
		s.SendMessageLater(long, Normal, Body{Bytes: make([]byte, ChunkBytes+1)}, nil)
		p.wantNew()
		full[0].Cancel(0)
		p.wantNew(long)
		p.wantEnded(long)
	})
}

// A stream that waits is given up without a word to the peer, and leaves its turn to
// the next.
func TestWaitForASlotEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newSlotPeer(t, setting{settingStreams, MinStreams})
		defer p.close()
		full := p.fill(MinStreams)
		ctx, cancel := context.WithCancel(t.Context())
		open := func() *SendStream { return p.end.OpenStream(Normal) }
		byContext, stopped, cancelled, long, last := open(), open(), open(), p.end.NextID(), open()
		results := []<-chan error{
			p.send(ctx, byContext, Body{Bytes: []byte("x")}),
			p.send(t.Context(), stopped, Body{Bytes: make([]byte, ChunkBytes+1), End: true}),
			p.send(t.Context(), cancelled, Body{Bytes: []byte("x")}),
		}
		told := make(chan error, 1)
		p.end.SendMessageLater(long, High, Body{Bytes: make([]byte, ChunkBytes+1)}, func(err error) { told <- err })
		end := p.send(t.Context(), last, Body{Bytes: []byte("x")})
		cancel()
		stopped.Stop()
		cancelled.Cancel(1)
		p.end.CancelMessage(long, 1)
		for i, want := range []error{context.Canceled, ErrStopped, ErrStopped} {
			if err := <-results[i]; !errors.Is(err, want) {
				t.Errorf("Send %d returned %v, want %v", i, err, want)
			}
		}
		if err := <-told; !errors.Is(err, ErrStopped) {
			t.Errorf("the message ended with %v", err)
		}
		byContext.Cancel(0)
		p.wantNew()
		wantWaiting(t, end)
		full[0].Cancel(0)
		p.wantNew(last.ID())
		if err := <-end; err != nil {
			t.Error(err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.ended) != 1 {
			t.Errorf("the peer was told of the end of %d streams, want that of the one it knew", len(p.ended))
		}
	})
}

// A stream that has a slot and is given up before its first bytes left gives the slot to
// the next.
func TestSlotOfAStreamThatNeverBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newSlotPeer(t, setting{settingStreams, MinStreams})
		defer p.close()
		p.fill(MinStreams - 1)
		p.end.out.mu.Lock()
		p.end.out.credit = 0
		p.end.out.mu.Unlock()
		first, second := p.end.OpenStream(Normal), p.end.OpenStream(Normal)
		noCredit := p.send(t.Context(), first, Body{Bytes: []byte("x")})
		noSlot := p.send(t.Context(), second, Body{})
		wantWaiting(t, noCredit)
		wantWaiting(t, noSlot)
		first.Stop()
		if err := <-noCredit; !errors.Is(err, ErrStopped) {
			t.Error(err)
		}
		p.wantNew(second.ID())
	})
}

func TestEndOfTheSessionEndsWaitsForASlot(t *testing.T) {
	for name, end := range map[string]func(p *slotPeer){
		"closed by the peer": func(p *slotPeer) { p.close() },
		"closed here":        func(p *slotPeer) { _ = p.end.Close(CloseReason{Code: CloseNormal}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newSlotPeer(t, setting{settingStreams, MinStreams})
				p.fill(MinStreams)
				told := make(chan error, 1)
				p.end.SendMessageLater(p.end.NextID(), Normal, Body{Bytes: make([]byte, ChunkBytes+1)}, func(err error) { told <- err })
				result := p.send(t.Context(), p.end.OpenStream(Normal), Body{})
				end(p)
				<-p.end.Done()
				for _, got := range []<-chan error{result, told} {
					if err := <-got; err == nil || !errors.Is(err, p.end.Err()) {
						t.Errorf("the wait ended with %v, the session with %v", err, p.end.Err())
					}
				}
				p.close()
			})
		})
	}
}

// Before the settings of the peer have arrived, the least number holds.
func TestSlotsBeforeAndAfterTheSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newSlotPeer(t)
		defer p.close()
		p.fill(MinStreams)
		var ids []uint32
		var waiting []<-chan error
		for range 3 {
			w := p.end.OpenStream(Normal)
			ids = append(ids, w.ID())
			waiting = append(waiting, p.send(t.Context(), w, Body{Bytes: []byte("x")}))
		}
		p.wantNew()
		p.settings(setting{settingStreams, MinStreams + 2})
		p.wantNew(ids[:2]...)
		wantWaiting(t, waiting[2])
		p.fill(0)
	})
}

// A body that fits one frame is not begun without a slot when the connection has credit
// for a part of it: it goes as a whole when there is enough.
func TestBodyThatLacksCreditAndASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newSlotPeer(t, setting{settingStreams, MinStreams})
		defer p.close()
		full := p.fill(MinStreams)
		p.end.out.mu.Lock()
		p.end.out.credit = 10
		p.end.out.mu.Unlock()
		now, other := p.end.NextID(), p.end.OpenStream(Normal)
		if err := p.end.SendMessageNow(now, Body{Bytes: make([]byte, 100)}); err != nil {
			t.Fatal(err)
		}
		result := p.send(t.Context(), other, Body{Bytes: make([]byte, 1000), End: true})
		p.wantNew()
		writeFrames(t, p.transport, creditFrame(connectionID, 89))
		p.wantNew()
		writeFrames(t, p.transport, creditFrame(connectionID, 1))
		p.wantNew(now)
		p.wantEnded(now)
		wantWaiting(t, result)
		writeFrames(t, p.transport, creditFrame(connectionID, 5))
		p.wantNew()
		if err := full[0].Send(t.Context(), Body{End: true}); err != nil { // does not help: the body waits for credit
			t.Error(err)
		}
		p.wantNew()
		writeFrames(t, p.transport, creditFrame(connectionID, 995))
		p.wantNew(other.ID())
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
}
