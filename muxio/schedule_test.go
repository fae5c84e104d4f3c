package muxio

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
)

// sequence writes frames as stream numbers, in order: "0 0 4" and so on.
func sequence(frames []Frame) (s []int) {
	for _, f := range frames {
		if f.Kind == Open || f.Kind == Data {
			s = append(s, int(f.Stream))
		}
	}
	return s
}

func TestBulkTakesTurnsAChunkEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, g, _ := gatedSession(t, Limits{})
		for range 3 {
			sendInBackground(t, a.OpenStream(Normal), make([]byte, 2*InitialCredit))
			synctest.Wait()
		}
		var all []int
		for range 3 * InitialCredit / messageBytes {
			frames := g.pass()
			for _, f := range frames {
				if len(f.Payload) > ChunkBytes {
					t.Errorf("a frame of %d bytes", len(f.Payload))
				}
			}
			all = append(all, sequence(frames)...)
		}
		if want := []int{0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2}; !slices.Equal(all, want) {
			t.Errorf("chunks of the streams left in the order %v", all)
		}
	})
}

func TestSmallBodiesGoBeforeBulk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, g, _ := gatedSession(t, Limits{})
		sendInBackground(t, a.OpenStream(High), make([]byte, 4*InitialCredit))
		synctest.Wait()
		first := g.pass()
		if got := sequence(first); !slices.Equal(got, []int{0, 0, 0, 0}) {
			t.Errorf("chunks %v", got)
		}
		for range 3 { // with room: copied
			sendInBackground(t, a.OpenStream(Low), []byte("small"))
		}
		sendInBackground(t, a.OpenStream(Normal), make([]byte, ChunkBytes))
		synctest.Wait()
		if got := sequence(g.pass()); len(got) != 4 || got[3] != 4 {
			t.Errorf("chunks %v", got)
		}
	})
}

// Small bodies that find no room wait, and go before all bulk, however many there
// are.
func TestSmallBodiesWithoutRoomGoBeforeBulk(t *testing.T) {
	const small = 100
	synctest.Test(t, func(t *testing.T) {
		a, g, _ := gatedSession(t, Limits{})
		sendInBackground(t, a.OpenStream(High), make([]byte, ChunkBytes))
		synctest.Wait()
		for range small {
			sendInBackground(t, a.OpenStream(Low), make([]byte, smallBytes))
			synctest.Wait()
		}
		var all []int
		for len(all) <= small {
			all = append(all, sequence(g.pass())...)
		}
		for i, stream := range all[:small] {
			if stream != i+1 {
				t.Fatalf("chunks left in the order %v", all)
			}
		}
		if all[small] != 0 {
			t.Errorf("chunks left in the order %v", all)
		}
	})
}

func TestPrioritiesGoInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, g, feed := gatedSession(t, Limits{})
		for _, p := range []Priority{Low, Normal, High, Low, Normal, High} { // streams 0 to 5
			sendInBackground(t, a.OpenStream(p), make([]byte, 2*InitialCredit))
			synctest.Wait()
		}
		var all []int
		for range 2 * InitialCredit / messageBytes {
			all = append(all, sequence(g.pass())...)
		}
		if want := []int{2, 5, 2, 5, 2, 5, 2, 5}; !slices.Equal(all, want) {
			t.Errorf("chunks of high priority left in the order %v", all)
		}
		// Their credit is used up: the next ones may go, until there is more.
		if got := sequence(g.pass()); !slices.Equal(got, []int{1, 4, 1, 4}) {
			t.Errorf("chunks of normal priority left in the order %v", got)
		}
		writeFrames(t, feed, creditFrame(5, ChunkBytes), creditFrame(2, ChunkBytes))
		synctest.Wait()
		if got := sequence(g.pass()); !slices.Equal(got, []int{5, 2, 1, 4}) {
			t.Errorf("chunks left in the order %v", got)
		}
		if got := sequence(g.pass()); !slices.Equal(got, []int{1, 4, 0, 3}) {
			t.Errorf("chunks left in the order %v", got)
		}
	})
}

// A frame that is queued waits for one message that is being written, and that is
// not long.
func TestMessagesAreNotLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, g, _ := gatedSession(t, Limits{})
		for i := range 40 {
			sendInBackground(t, a.OpenStream(Priority(i%3)), make([]byte, 1<<(i%19)))
		}
		synctest.Wait()
		total := 0
		for len(a.out.senders) > 0 {
			n := 0
			for _, f := range g.pass() {
				n += len(f.Payload) + Layout13.HeaderBytes()
			}
			if n > messageBytes+ChunkBytes+2*Layout13.HeaderBytes() {
				t.Errorf("a message of %d bytes", n)
			}
			total += n
			synctest.Wait()
		}
		if total < 40 {
			t.Error("nothing left")
		}
	})
}

// The parts of a stream keep their order, whichever way they take.
func TestPartsOfAStreamKeepTheirOrder(t *testing.T) {
	a, b := pair(t, Limits{})
	w := a.OpenStream(Low)
	var want []byte
	for i, n := range []int{5, ChunkBytes, 0, 1, smallBytes, smallBytes + 1, 300_000, 7} {
		part := fmt.Append(nil, i, ":")
		part = append(part, make([]byte, n)...)
		want = append(want, part...)
		if err := w.Send(t.Context(), Body{Prefix: part[:2], Bytes: part[2:]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Send(t.Context(), Body{End: true}); err != nil {
		t.Fatal(err)
	}
	c := b.next(t)
	if err := await(t, c.ended); err != nil || string(c.bytes()) != string(want) {
		t.Errorf("%d bytes arrived of %d, %v", len(c.bytes()), len(want), err)
	}
}
