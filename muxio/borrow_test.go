package muxio

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
)

// scribble is what a sender writes over its memory as soon as it may.
const scribble = 0xee

// lending is one body that is lent to a session, in some way.
type lending struct {
	ctx    context.Context
	giveUp context.CancelFunc
	body   []byte
	stream *SendStream
	id     uint32
	back   chan struct{} // closed when the memory has come back, and was written over
}

// The ways to lend a body. They call returned when it has come back.
var lendings = map[string]func(a *end, l *lending, returned func(error)){
	"Send": func(_ *end, l *lending, returned func(error)) {
		go func() { returned(l.stream.Send(l.ctx, Body{Bytes: l.body, End: true})) }()
	},
	"SendMessage": func(a *end, l *lending, returned func(error)) {
		go func() { returned(a.SendMessage(l.ctx, l.id, Normal, Body{Bytes: l.body})) }()
	},
	"SendMessageLater": func(a *end, l *lending, returned func(error)) {
		a.SendMessageLater(l.id, Normal, Body{Bytes: l.body}, returned)
	},
}

// The ends that a lending may have before all is sent.
var lendingEnds = map[string]func(t *testing.T, a *end, g *gate, feed Transport, l *lending){
	"context": func(_ *testing.T, _ *end, _ *gate, _ Transport, l *lending) { l.giveUp() },
	"Stop": func(_ *testing.T, a *end, _ *gate, _ Transport, l *lending) {
		l.stream.Stop()
		a.StopMessage(l.id)
	},
	"Cancel": func(_ *testing.T, a *end, _ *gate, _ Transport, l *lending) {
		l.stream.Cancel(1)
		a.CancelMessage(l.id, 1)
	},
	"Close": func(_ *testing.T, a *end, _ *gate, _ Transport, _ *lending) {
		go func() { _ = a.Close(CloseReason{Code: CloseNormal}) }()
	},
	"violation of the peer": func(t *testing.T, _ *end, _ *gate, feed Transport, _ *lending) {
		writeFrames(t, feed, Frame{Kind: 77})
	},
	"end of the peer": func(_ *testing.T, _ *end, _ *gate, feed Transport, _ *lending) {
		_ = feed.Close(CloseReason{Code: CloseGoingAway, Text: "tired"})
	},
	"failed write": func(_ *testing.T, _ *end, g *gate, _ Transport, _ *lending) {
		select {
		case g.leave <- errGate:
		case <-g.offers: // nothing was being written: a later message fails
			g.leave <- errGate
		}
	},
}

// How far a lending is when it ends.
var lendingPhases = map[string]func(g *gate){
	"waiting for its turn": func(*gate) {},
	"being written":        func(g *gate) { g.pass() },
	"waiting for credit": func(g *gate) {
		g.pass()
		g.leave <- nil
	},
}

// Memory that was lent is not read any more once it has come back, and it does
// come back, however far it was and whatever ends it.
func TestBorrowedMemoryIsNotTouchedAfterwards(t *testing.T) {
	for how, lend := range lendings {
		for phase, reach := range lendingPhases {
			for name, finish := range lendingEnds {
				if phase == "waiting for credit" && name == "failed write" ||
					how == "SendMessageLater" && name == "context" {
					continue // there is none
				}
				t.Run(how+"/"+phase+"/"+name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { tryLending(t, lend, reach, finish) })
				})
			}
		}
	}
}

func tryLending(t *testing.T, lend func(*end, *lending, func(error)), reach func(*gate), finish func(*testing.T, *end, *gate, Transport, *lending)) {
	t.Helper()
	a, g, feed := gatedSession(t, Limits{})
	l := &lending{body: bytes.Repeat([]byte{1}, 2*InitialCredit), stream: a.OpenStream(Normal), back: make(chan struct{})}
	l.ctx, l.giveUp = context.WithCancel(t.Context())
	defer l.giveUp()
	l.id = a.NextID()
	lend(a, l, func(err error) {
		if err == nil {
			t.Error("all was sent")
		}
		for i := range l.body {
			l.body[i] = scribble
		}
		close(l.back)
	})
	synctest.Wait()
	reach(g)
	synctest.Wait()
	finish(t, a, g, feed, l)
	synctest.Wait()
	flow(t, g)
	synctest.Wait()
	select {
	case <-l.back:
	default:
		t.Error("the memory has not come back")
	}
	_ = a.Close(CloseReason{Code: CloseNormal})
}

// flow lets everything leave, until the end of the gate, and looks for memory that
// was written over.
func flow(t *testing.T, g *gate) {
	t.Helper()
	go func() {
		for {
			select {
			case m := <-g.offers:
				if bytes.IndexByte(m, scribble) >= 0 {
					t.Error("memory that was given back was sent")
				}
			case g.leave <- nil:
			case <-g.closed:
				return
			}
		}
	}()
}

// What is small is copied at once, so that its sender goes on.
func TestSmallBodiesAreCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, g, _ := gatedSession(t, Limits{})
		body := bytes.Repeat([]byte{1}, smallBytes)
		for range 3 {
			if err := a.OpenStream(Normal).Send(t.Context(), Body{Bytes: body}); err != nil {
				t.Fatal(err)
			}
		}
		clear(body)
		for i, f := range g.pass() {
			if !bytes.Equal(f.Payload, bytes.Repeat([]byte{1}, smallBytes)) {
				t.Errorf("frame %d has other bytes", i)
			}
		}
	})
}

// What is large is passed on by reference, from [Limits.ReferenceFromBytes] on.
func TestLargeBodiesAreNotCopied(t *testing.T) {
	const from = 5000
	synctest.Test(t, func(t *testing.T) {
		a, g, _ := gatedSession(t, Limits{ReferenceFromBytes: from})
		whole, least, less := make([]byte, 20_000), make([]byte, from), make([]byte, from-1)
		found := map[string]bool{}
		g.pieces = func(pieces [][]byte) {
			for _, p := range pieces {
				for name, b := range map[string][]byte{"whole": whole, "least": least, "less": less} {
					if len(p) == len(b) && &p[0] == &b[0] {
						found[name] = true
					}
				}
			}
		}
		sendInBackground(t, a.OpenStream(Normal), whole)
		go func() {
			_ = a.OpenStream(Normal).Send(t.Context(), Body{Prefix: less, Bytes: least, More: [][]byte{make([]byte, 20_000)}})
		}()
		synctest.Wait()
		g.pass()
		if !found["whole"] || !found["least"] || found["less"] {
			t.Errorf("by reference came: %v", found)
		}
	})
}

// A context that ends while the last bytes of a body are being written keeps nothing
// from being sent: the stream goes on.
func TestContextThatEndsTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, g, _ := gatedSession(t, Limits{})
		w := a.OpenStream(Normal)
		ctx, giveUp := context.WithCancel(t.Context())
		sent := make(chan error, 1)
		go func() { sent <- w.Send(ctx, Body{Bytes: make([]byte, 2*smallBytes)}) }()
		synctest.Wait()
		if frames := g.pass(); len(frames) != 1 || frames[0].Kind != Open {
			t.Fatalf("being written: %+v", frames)
		}
		giveUp()
		synctest.Wait()
		g.leave <- nil
		if err := await(t, sent); err != nil {
			t.Error("sent, and then:", err)
		}
		if err := w.Send(t.Context(), Body{Bytes: []byte("more"), End: true}); err != nil {
			t.Error("after it:", err)
		}
		flow(t, g)
		_ = a.Close(CloseReason{Code: CloseNormal})
	})
}
