package muxio

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
)

// creditFrame grants n bytes.
func creditFrame(stream uint32, n int) Frame {
	return Frame{Stream: stream, Kind: Credit, Payload: binary.LittleEndian.AppendUint32(nil, uint32(n))}
}

// wantWhole reports windows of the connection that have not come back, and streams
// that are still known, when nothing moves any more. Both ends have the default
// limits.
func wantWhole(t *testing.T, from, to *Session) {
	t.Helper()
	synctest.Wait()
	from.out.mu.Lock()
	credit, senders, slots := from.out.credit, len(from.out.senders), from.out.slots.taken
	from.out.mu.Unlock()
	to.mu.Lock()
	receivers := len(to.receivers)
	to.mu.Unlock()
	window, pending := to.window.Load(), to.pending.Load()
	if credit+pending != DefaultConnWindow || window+pending != DefaultConnWindow {
		t.Errorf("the sender may send %d bytes, the receiver takes %d and owes %d: not the whole window of %d", credit, window, pending, DefaultConnWindow)
	}
	if senders != 0 || receivers != 0 || to.aheadBytes != 0 {
		t.Errorf("%d senders, %d receivers and %d bytes ahead remain", senders, receivers, to.aheadBytes)
	}
	if slots != 0 || to.unfinished != 0 {
		t.Errorf("%d slots are taken, %d streams unfinished", slots, to.unfinished)
	}
}

// bubblePair is pair for a bubble of synctest, with the least number of streams: close
// ends both.
func bubblePair(t *testing.T, hold bool) (a, b *end) {
	t.Helper()
	ta, tb := Pipe()
	limits := Limits{MaxStreams: MinStreams}
	return newEnd(t, ta, Initiator, limits, hold), newEnd(t, tb, Responder, limits, hold)
}

func TestConnectionWindowHoldsAllStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ta, tb := Pipe()
		a := newEnd(t, tb, Initiator, Limits{}, true)
		counts := countBytes(t, ta)
		writeFrames(t, ta, Frame{Stream: connectionID, Kind: Settings, Payload: encodeSettings(setting{settingStreamWindow, maxWindow})})
		first, second, empty := a.OpenStream(Normal), a.OpenStream(High), a.OpenStream(Low)
		sendInBackground(t, first, make([]byte, 2*InitialConnCredit))
		if n := counts.of(first.ID()); n != InitialConnCredit {
			t.Errorf("%d bytes went out, want %d", n, InitialConnCredit)
		}
		sendInBackground(t, second, []byte("small and urgent"))
		if n := counts.of(second.ID()); n != 0 {
			t.Errorf("%d bytes went out beyond the window", n)
		}
		if err := empty.Send(t.Context(), Body{End: true}); err != nil {
			t.Error("a stream without bytes:", err)
		}
		writeFrames(t, ta, creditFrame(connectionID, 10))
		if n := counts.of(second.ID()); n != 10 {
			t.Errorf("%d bytes after a grant of 10, want the small body to go first", n)
		}
		writeFrames(t, ta, creditFrame(connectionID, 100))
		all := counts.all()
		if small, large := all[second.ID()], all[first.ID()]; small != 16 || large != InitialConnCredit+94 {
			t.Errorf("%d and %d bytes after a grant of 110", small, large-InitialConnCredit)
		}
		_ = ta.Close(CloseReason{Code: CloseNormal})
	})
}

func TestConnectionWindowComesBackWithReleasedStreams(t *testing.T) {
	const streams = InitialConnCredit / InitialCredit
	synctest.Test(t, func(t *testing.T) {
		a, b := bubblePair(t, true)
		for range streams {
			if err := a.OpenStream(Normal).Send(t.Context(), Body{Bytes: make([]byte, InitialCredit), End: true}); err != nil {
				t.Fatal(err)
			}
		}
		result := make(chan error, 1)
		go func() { result <- a.OpenStream(Normal).Send(context.Background(), Body{Bytes: []byte("one more")}) }()
		synctest.Wait()
		select {
		case err := <-result:
			t.Fatal("a stream beyond the window of the connection was sent:", err)
		default:
		}
		released := 0
		for ; len(result) == 0; synctest.Wait() {
			(<-b.accepted).stream.Release()
			released++
		}
		if err := <-result; err != nil {
			t.Error(err)
		}
		if released > streams/4 {
			t.Errorf("%d of %d streams had to be released", released, streams)
		}
	})
}

func TestConnectionWindowIsHeldAgainstThePeer(t *testing.T) {
	const streams = InitialConnCredit / InitialCredit
	p := newRawPeer(t, Limits{})
	for i := range uint32(streams) {
		for seq := range uint32(InitialCredit / ChunkBytes) {
			p.send(piece(i, seq, make([]byte, ChunkBytes)))
		}
	}
	for range streams {
		p.end.next(t)
	}
	if err := p.end.Err(); err != nil {
		t.Fatal("closed at the limit:", err)
	}
	p.send(Frame{Stream: streams, Kind: Open, Payload: []byte("x")})
	p.wantClose(CloseProtocolError)
}

func TestCreditIsBounded(t *testing.T) {
	for name, tt := range map[string]struct {
		stream uint32
		has    int
	}{
		"stream":     {responderBit, InitialCredit - 1},
		"connection": {connectionID, InitialConnCredit - 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := newRawPeer(t, Limits{})
			if err := p.end.OpenStream(Normal).Send(context.Background(), Body{Bytes: []byte("x")}); err != nil {
				t.Fatal(err)
			}
			p.send(creditFrame(tt.stream, maxWindow-tt.has))
			p.send(Frame{Stream: 1, Kind: Open, Payload: []byte("x")})
			p.end.next(t)
			if err := p.end.Err(); err != nil {
				t.Fatal("closed at the limit:", err)
			}
			p.send(creditFrame(tt.stream, 1))
			p.wantClose(CloseProtocolError)
		})
	}
}

func TestCreditForStreamsThatAreGoneIsDropped(t *testing.T) {
	p := newRawPeer(t, Limits{})
	if err := p.end.OpenStream(Normal).Send(context.Background(), Body{Bytes: []byte("x"), End: true}); err != nil {
		t.Fatal(err)
	}
	p.send(creditFrame(responderBit, maxWindow), creditFrame(responderBit, maxWindow), creditFrame(responderBit|1234, 5))
	p.send(Frame{Stream: 1, Kind: Open, Payload: []byte("x")})
	p.end.next(t)
	if err := p.end.Err(); err != nil {
		t.Error(err)
	}
}

// Grants come in steps of grantBytes for the stream and of a quarter of the window of the
// connection, so that short streams cost none.
func TestGrantsComeInLargeSteps(t *testing.T) {
	const steps = 5
	synctest.Test(t, func(t *testing.T) {
		ta, tb := Pipe()
		b := newEnd(t, tb, Responder, Limits{}, false)
		grants := map[uint32][]int{}
		done := make(chan struct{})
		go func() { // ends with the transport
			defer close(done)
			_ = readFrames(ta, func(f Frame) {
				if f.Kind == Credit {
					grants[f.Stream] = append(grants[f.Stream], int(binary.LittleEndian.Uint32(f.Payload)))
				}
			})
		}()
		writeFrames(t, ta, settingsFrame())
		const size = 1 << 10
		for i := range uint32(steps * InitialConnCredit / 4 / size) {
			writeFrames(t, ta, piece(1, i, make([]byte, size)))
			writeFrames(t, ta, Frame{Stream: 2 + i, Kind: Open, Payload: []byte("short")}, Frame{Stream: 2 + i, Seq: 1, Kind: End})
			for range min(i, 1) {
				c := <-b.accepted
				<-c.ended
				c.stream.Release()
			}
			if i == 0 {
				<-b.accepted
			}
		}
		synctest.Wait()
		_ = ta.Close(CloseReason{Code: CloseNormal})
		_ = b.Close(CloseReason{Code: CloseNormal})
		<-done
		if len(grants) != 2 || len(grants[1]) != steps*InitialConnCredit/4/grantBytes || len(grants[connectionID]) != steps {
			t.Errorf("grants are %v", grants)
		}
		for stream, least := range map[uint32]int{1: grantBytes, connectionID: InitialConnCredit / 4} {
			for _, n := range grants[stream] {
				if n < least {
					t.Errorf("stream %d: a grant of %d bytes", stream, n)
				}
			}
		}
	})
}

// Bytes that are held ahead of a missing frame and then dropped, because their
// stream was cancelled, count as all others.
func TestBytesDroppedAheadAreGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ta, tb := Pipe()
		b := newEnd(t, tb, Responder, Limits{}, true)
		granted := 0
		done := make(chan struct{})
		go func() { // ends with the transport
			defer close(done)
			_ = readFrames(ta, func(f Frame) {
				if f.Kind == Credit && f.Stream == connectionID {
					granted += int(binary.LittleEndian.Uint32(f.Payload))
				}
			})
		}()
		writeFrames(t, ta, settingsFrame())
		const streams = InitialConnCredit / ChunkBytes
		for i := range uint32(streams) {
			writeFrames(t, ta, Frame{Stream: i, Seq: 1, Kind: Data, Payload: make([]byte, ChunkBytes)}, Frame{Stream: i, Kind: Cancel})
			c := <-b.accepted
			<-c.ended
			c.stream.Release()
		}
		synctest.Wait()
		window, pending := b.window.Load(), b.pending.Load()
		if window+pending != InitialConnCredit || granted+int(pending) != InitialConnCredit {
			t.Errorf("of %d bytes %d were granted anew, %d are owed; the window is %d", InitialConnCredit, granted, pending, window)
		}
		_ = ta.Close(CloseReason{Code: CloseNormal})
		_ = b.Close(CloseReason{Code: CloseNormal})
		<-done
	})
}

// Whatever becomes of streams, the window of the connection is whole in the end.
func TestConnectionWindowNeverLeaks(t *testing.T) {
	const rounds, atATime = 60, MinStreams
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 0))
				a, b := bubblePair(t, true)
				ctx, giveUp := context.WithCancel(t.Context())
				defer giveUp()
				for range rounds {
					for range atATime {
						from := a
						if r.IntN(2) == 0 {
							from = b
						}
						go fateOf(ctx, from.OpenStream(Priority(r.IntN(3))), r.Uint64())
					}
					synctest.Wait()
					dealWith(r, a, b)
				}
				giveUp() // those whose receivers were released and grant nothing
				synctest.Wait()
				dealWith(r, a, b)
				wantWhole(t, a.Session, b.Session)
				wantWhole(t, b.Session, a.Session)
			})
		})
	}
}

// fateOf sends something, and gives the stream up in some way, or does not.
func fateOf(ctx context.Context, w *SendStream, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	switch r.IntN(3) {
	case 0:
		go cancel()
	case 1:
		go w.Cancel(r.Uint32N(20))
	}
	for range r.IntN(4) {
		body := Body{Bytes: make([]byte, r.IntN(1<<r.IntN(20)))}
		if w.Send(ctx, body) != nil {
			break
		}
	}
	if r.IntN(2) == 0 && w.Send(ctx, Body{End: true}) == nil && r.IntN(2) == 0 {
		return
	}
	w.Cancel(0)
}

// dealWith grants some of what arrived and releases the streams in any order.
func dealWith(r *rand.Rand, ends ...*end) {
	var streams []*collector
	for _, e := range ends {
		for len(e.accepted) > 0 {
			streams = append(streams, <-e.accepted)
		}
	}
	r.Shuffle(len(streams), func(i, k int) { streams[i], streams[k] = streams[k], streams[i] })
	for _, c := range streams {
		if n := len(c.bytes()); r.IntN(2) == 0 {
			c.stream.Grant(r.IntN(n + 1))
		}
		c.stream.Release()
	}
}
