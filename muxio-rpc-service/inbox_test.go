package rpc

import (
	"bytes"
	"errors"
	"testing"
)

// TestInboxOfALaggingReader takes messages behind a peer of which there is always one
// more: memory is that of what has not been taken, however long the stream.
func TestInboxOfALaggingReader(t *testing.T) {
	const size, rounds = 1000, 5000
	var b inbox
	b.init(size)
	message := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, size) }
	b.push(message(0))
	for i := range rounds {
		b.push(message(i + 1))
		if got := b.arrived[b.taken : b.taken+size]; !bytes.Equal(got, message(i)) {
			t.Fatalf("message %d is changed", i)
		}
		b.taken += size
		if held := cap(b.arrived); held > 16*size {
			t.Fatalf("%d bytes are held for one message, after %d", held, i)
		}
	}
}

func TestMalformedSizesFail(t *testing.T) {
	for name, b := range map[string][]byte{
		"not the shortest form": {0x82, 0, 'a'},
		"more than 64 bits":     {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2},
	} {
		var in inbox
		in.init(DefaultMaxMessageBytes)
		in.push(b)
		if _, _, err := in.next(); !errors.Is(err, Internal) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
