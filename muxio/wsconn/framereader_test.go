package wsconn

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/simd-drive/go/muxio"
)

// found is what a frameReader makes of bytes: messages and control frames one after the
// other, the beginning of a message behind them, and the code with which it stops.
type found struct {
	whole []string
	begun string
	code  muxio.CloseCode
}

// entry is one of found.whole.
func entry(opcode byte, payload string) string { return strconv.Itoa(int(opcode)) + " " + payload }

// readPieces gives pieces to a reader.
func readPieces(r *frameReader, pieces ...[]byte) (all found) {
	for _, b := range pieces {
		for b = bytes.Clone(b); len(b) > 0; {
			p, rest, err := r.next(b)
			if err != nil {
				all.code = codeOf(err)
				return all
			}
			switch b = rest; {
			case p.opcode == 0 && len(b) > 0:
				panic("bytes left, and nothing found")
			case p.opcode != 0 && p.isControl():
				all.whole = append(all.whole, entry(p.opcode, string(p.payload)))
			default:
				all.begun += string(p.payload)
			}
			if p.last && !p.isControl() {
				all.whole = append(all.whole, entry(p.opcode, all.begun))
				all.begun = ""
			}
		}
	}
	return all
}

func codeOf(err error) muxio.CloseCode {
	var closed *muxio.CloseError
	if errors.As(err, &closed) && !closed.Remote {
		return closed.Code
	}
	return 0
}

// inBytes cuts b into single bytes.
func inBytes(b []byte) [][]byte { return slices.Collect(slices.Chunk(b, 1)) }

func (f found) equal(g found) bool {
	return slices.Equal(f.whole, g.whole) && f.begun == g.begun && f.code == g.code
}

func testReader(masked bool) *frameReader { return &frameReader{masked: masked, maxBytes: 1000} }

func TestViolations(t *testing.T) {
	long := func(first, length byte, n uint64) []byte {
		b := []byte{first, maskBit | length}
		if length == 126 {
			b = binary.BigEndian.AppendUint16(b, uint16(n))
		} else {
			b = binary.BigEndian.AppendUint64(b, n)
		}
		return append(b, 1, 2, 3, 4)
	}
	join := func(frames ...[]byte) []byte { return bytes.Join(frames, nil) }
	begun := fromClient(binaryMessage, "x")
	tests := []struct {
		name string
		wire []byte
		code muxio.CloseCode
	}{
		{"reserved bit 1", fromClient(finalBinary|1<<6, ""), 1002},
		{"reserved bit 2", fromClient(finalBinary|1<<5, ""), 1002},
		{"reserved bit 3", fromClient(finalBinary|1<<4, ""), 1002},
		{"reserved bit of a continuation", join(begun, fromClient(finalBit|1<<6, "")), 1002},
		{"opcode 3", fromClient(finalBit|3, ""), 1002},
		{"opcode 7", fromClient(finalBit|7, ""), 1002},
		{"opcode 11", fromClient(finalBit|11, ""), 1002},
		{"opcode 15", fromClient(finalBit|15, ""), 1002},
		{"no mask", []byte{finalBinary, 0}, 1002},
		{"fragmented ping", fromClient(pingMessage, ""), 1002},
		{"fragmented close", fromClient(closeMessage, ""), 1002},
		{"ping of 126 bytes", fromClient(finalPing, strings.Repeat("x", 126)), 1002},
		{"continuation of nothing", fromClient(continuation, "x"), 1002},
		{"continuation of a message that ended", join(begun, fromClient(finalBit, ""), fromClient(finalBit, "")), 1002},
		{"message within a message", join(begun, begun), 1002},
		{"text within a message", join(begun, fromClient(finalPing, ""), fromClient(finalBit|textMessage, "")), 1002},
		{"125 in 2 bytes", long(finalBinary, 126, 125), 1002},
		{"65535 in 8 bytes", long(finalBinary, 127, 65535), 1002},
		{"1<<63", long(finalBinary, 127, 1<<63), 1002},
		{"one byte too many", long(finalBinary, 126, 1001), 1009},
		{"1<<63 - 1", long(finalBinary, 127, 1<<63-1), 1009},
		{"one byte too many in all", join(begun, fromClient(continuation, strings.Repeat("x", 990)), fromClient(finalBit, strings.Repeat("x", 10))), 1009},
		{"much too many after some", join(begun, long(finalBit, 127, 1<<63-1)), 1009},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := readPieces(testReader(true), tt.wire); got.code != tt.code {
				t.Errorf("%+v, want %d", got, tt.code)
			}
			if got := readPieces(testReader(true), inBytes(tt.wire)...); got.code != tt.code {
				t.Errorf("byte by byte: %+v, want %d", got, tt.code)
			}
		})
	}
	if got := readPieces(testReader(false), fromClient(finalBinary, "x")); got.code != 1002 {
		t.Errorf("masked by a server: %+v", got)
	}
	// What two bytes tell need not wait for the rest of the header.
	if got := readPieces(testReader(true), []byte{finalBit | 3, maskBit | 127}); got.code != 1002 {
		t.Errorf("two bytes: %+v", got)
	}
}

func TestCloseFrames(t *testing.T) {
	ok := []muxio.CloseCode{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999}
	bad := []muxio.CloseCode{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}
	for i, code := range append(ok, bad...) {
		payload := append(binary.BigEndian.AppendUint16(nil, uint16(code)), "tschüß"...)
		got, err := parseClose(payload)
		if i < len(ok) && (err != nil || got != muxio.CloseReason{Code: code, Text: "tschüß"}) {
			t.Errorf("%d: %v, %v", code, got, err)
		}
		if i >= len(ok) && codeOf(err) != muxio.CloseProtocolError {
			t.Errorf("%d: %v, %v", code, got, err)
		}
	}
	for payload, want := range map[string]muxio.CloseCode{"": 0, "\x03": 1002, "\x03\xe8": 0, "\x03\xe8\xff": 1002, "\x03\xe8\xc3": 1002} {
		if _, err := parseClose([]byte(payload)); codeOf(err) != want {
			t.Errorf("%q: %v", payload, err)
		}
	}
	if got, err := parseClose(nil); err != nil || got.Code != closeNoStatus {
		t.Errorf("empty: %v, %v", got, err)
	}
}

// Bytes mean the same however they are cut.
func TestFramesInPieces(t *testing.T) {
	clientFrames := bytes.Join([][]byte{
		fromClient(finalBinary, ""),
		fromClient(finalBinary, "one"),
		fromClient(textMessage, ""),
		fromClient(finalPing, "in between"),
		fromClient(continuation, strings.Repeat("0123456789", 20)),
		fromClient(finalClose, ""),
		fromClient(continuation, "7 bytes"),
		fromClient(finalPong, strings.Repeat("p", maxControlBytes)),
		fromClient(finalBit, ""),
		fromClient(finalBinary, strings.Repeat("b", 126)),
		fromClient(binaryMessage, "begun"),
		fromClient(continuation, "cut off")[:11],
	}, nil)
	want := found{[]string{
		entry(2, ""), entry(2, "one"), entry(9, "in between"), entry(8, ""), entry(10, strings.Repeat("p", maxControlBytes)),
		entry(1, strings.Repeat("0123456789", 20)+"7 bytes"), entry(2, strings.Repeat("b", 126)),
	}, "beguncut o", 0}
	if got := readPieces(testReader(true), clientFrames); !got.equal(want) {
		t.Fatalf("got %+v,\nwant %+v", got, want)
	}
	if got := readPieces(testReader(true), inBytes(clientFrames)...); !got.equal(want) {
		t.Errorf("byte by byte: %+v", got)
	}
	for i := range clientFrames {
		for j := i; j <= min(len(clientFrames), i+20); j++ {
			if got := readPieces(testReader(true), clientFrames[:i], clientFrames[i:j], clientFrames[j:]); !got.equal(want) {
				t.Fatalf("cut at %d and %d: %+v", i, j, got)
			}
		}
	}
}

func TestLengths(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 127, 255, 256, 65535, 65536, 70_000} {
		payload := strings.Repeat("x", n)
		server := append(appendHeader(nil, binaryMessage, true, false, n), payload...)
		want := found{whole: []string{entry(2, payload)}}
		for cut := range 20 {
			r := &frameReader{maxBytes: n}
			if got := readPieces(r, server[:min(cut, len(server))], server[min(cut, len(server)):]); !got.equal(want) {
				t.Errorf("%d bytes of a server, cut at %d", n, cut)
			}
			r = &frameReader{masked: true, maxBytes: n}
			client := fromClient(finalBinary, payload)
			if got := readPieces(r, client[:min(cut, len(client))], client[min(cut, len(client)):]); !got.equal(want) {
				t.Errorf("%d bytes of a client, cut at %d", n, cut)
			}
		}
	}
}

func TestMask(t *testing.T) {
	const key = 0x04030201
	for n := range 1100 {
		for _, cut := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 511, 512, 513, 1024, n} {
			if cut > n {
				continue
			}
			got := make([]byte, n+1) // the last one must stay as it is
			mask(got[:cut], key)
			mask(got[cut:n], turnedKey(key, cut))
			for i, b := range got[:n] {
				if b != byte(i%4)+1 {
					t.Fatalf("%d bytes, cut at %d: byte %d is %d", n, cut, i, b)
				}
			}
			if got[n] != 0 {
				t.Fatalf("%d bytes: what follows was changed", n)
			}
		}
	}
}

// FuzzFrames holds a reader that gets pieces to what parse makes of the whole.
func FuzzFrames(f *testing.F) {
	f.Add(true, bytes.Join([][]byte{
		fromClient(binaryMessage, "hello"), fromClient(finalPing, "p"), fromClient(finalBit, strings.Repeat("x", 200)), fromClient(finalClose, "\x03\xe8"),
	}, nil), []byte{1, 7, 30})
	f.Add(false, []byte{finalBinary, 3, 1, 2, 3, textMessage, 0, finalPong, 0, finalBit, 1, 9}, []byte{2})
	f.Add(true, append([]byte{finalBinary, maskBit | 126, 3, 233}, make([]byte, 50)...), []byte{})
	f.Add(true, append([]byte{finalBinary, maskBit | 127, 0, 0, 0, 0, 0, 1, 0, 0}, make([]byte, 50)...), []byte{5})
	f.Fuzz(func(t *testing.T, masked bool, wire, cuts []byte) {
		want := parse(wire, masked, 1000)
		var pieces [][]byte
		for rest := wire; len(rest) > 0; {
			n := len(rest)
			if len(cuts) > 0 {
				n, cuts = min(n, int(cuts[0])+1), cuts[1:]
			}
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		for _, pieces := range [][][]byte{pieces, {wire}, inBytes(wire)} {
			if got := readPieces(testReader(masked), pieces...); !got.equal(want) {
				t.Errorf("got %+v,\nwant %+v", got, want)
			}
		}
	})
}

// parse is RFC 6455, sections 5.2 to 5.5, step by step over bytes that are all there.
func parse(wire []byte, masked bool, limit uint64) (all found) {
	message, size := byte(0), uint64(0) // opcode 0: none
	for len(wire) >= 2 {
		fin, opcode, length := wire[0]>>7 == 1, wire[0]&15, uint64(wire[1]&127)
		control := opcode >= 8
		switch {
		case wire[0]>>4&7 != 0, !slices.Contains([]byte{0, 1, 2, 8, 9, 10}, opcode), wire[1]>>7 == 1 != masked,
			control && !fin, control && length > 125, opcode == 0 && message == 0, (opcode == 1 || opcode == 2) && message != 0:
			all.code = 1002
			return all
		}
		more := map[uint64]int{126: 2, 127: 8}[length]
		header := 2 + more
		if masked {
			header += 4
		}
		if len(wire) < header {
			return all
		}
		if more > 0 {
			length = 0
			for _, b := range wire[2 : 2+more] {
				length = length<<8 | uint64(b)
			}
			if length>>63 == 1 || length < 126 || (more == 8 && length < 65536) {
				all.code = 1002
				return all
			}
		}
		if opcode == 1 || opcode == 2 {
			message, size = opcode, 0
		}
		if !control {
			if size += length; size > limit {
				all.code = 1009
				return all
			}
		}
		there := min(length, uint64(len(wire)-header))
		payload := bytes.Clone(wire[header:][:there])
		for i := range payload {
			if masked {
				payload[i] ^= wire[header-4+i%4]
			}
		}
		wire = wire[header+int(there):]
		if !control {
			all.begun += string(payload)
		}
		switch {
		case there < length:
			return all
		case control:
			all.whole = append(all.whole, entry(opcode, string(payload)))
		case fin:
			all.whole = append(all.whole, entry(message, all.begun))
			message, all.begun = 0, ""
		}
	}
	return all
}

// Bytes that hold many frames cost no allocation.
func TestReadingAllocatesNothing(t *testing.T) {
	wire := bytes.Repeat(append(fromClient(finalBinary, "a small message"), fromClient(finalPing, "1234")...), 100)
	r, scratch := testReader(true), make([]byte, len(wire))
	got := testing.AllocsPerRun(10, func() {
		copy(scratch, wire)
		for b := scratch; len(b) > 0; {
			var err error
			if _, b, err = r.next(b); err != nil {
				t.Error(err)
			}
		}
	})
	if got > 0 {
		t.Errorf("%v allocations", got)
	}
}
