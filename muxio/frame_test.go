package muxio

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// captured reads the messages of testdata/captured-13.jsonl.
func captured(t testing.TB) (messages []struct{ From, Message string }) {
	t.Helper()
	f, err := os.Open("testdata/captured-13.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var m struct{ From, Message string }
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		messages = append(messages, m)
	}
	if err := lines.Err(); err != nil || len(messages) == 0 {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	return messages
}

func TestCapturedFramesSurviveParseAndAppend(t *testing.T) {
	for i, m := range captured(t) {
		raw, err := hex.DecodeString(m.Message)
		if err != nil {
			t.Fatal(err)
		}
		f, rest, ok, err := Layout13.Parse(raw, DefaultMaxFrameBytes)
		if err != nil || !ok || len(rest) != 0 {
			t.Fatalf("message %d: ok %v, %d bytes left, %v", i, ok, len(rest), err)
		}
		if got := Layout13.Append(nil, f); !bytes.Equal(got, raw) {
			t.Errorf("message %d: appended as %x, captured %x", i, got, raw)
		}
		if fromResponder := f.Stream&responderBit != 0; fromResponder != (m.From == "responder") {
			t.Errorf("message %d: stream %#x from the %s", i, f.Stream, m.From)
		}
	}
}

func TestParseNeedsTheWholeFrame(t *testing.T) {
	whole := Layout13.Append(nil, Frame{Stream: 7, Seq: 3, Kind: Data, Payload: []byte("payload")})
	for n := range len(whole) {
		if _, rest, ok, err := Layout13.Parse(whole[:n], 100); ok || err != nil || len(rest) != n {
			t.Fatalf("%d of %d bytes: ok %v, %d left, %v", n, len(whole), ok, len(rest), err)
		}
	}
	f, rest, ok, err := Layout13.Parse(append(whole, 1, 2), 100)
	want := Frame{Stream: 7, Seq: 3, Kind: Data, Payload: []byte("payload")}
	if err != nil || !ok || !cmp.Equal(f, want) || !bytes.Equal(rest, []byte{1, 2}) {
		t.Fatalf("got %+v, rest %x, ok %v, %v", f, rest, ok, err)
	}
}

func TestParseRefusesAtOnce(t *testing.T) {
	header := func(n uint32, kind Kind) []byte { return Layout13.AppendHeader(nil, 1, 0, kind, int(n)) }
	for name, tt := range map[string]struct {
		b    []byte
		code CloseCode
	}{
		"one byte over the limit":  {header(101, Data), CloseTooBig},
		"four gibibytes":           {header(1<<32-1, Data), CloseTooBig},
		"a reserved kind":          {header(0, 4), CloseProtocolError},
		"another reserved kind":    {header(0, 5), CloseProtocolError},
		"a kind beyond all others": {header(0, 11), CloseProtocolError},
	} {
		_, _, ok, err := Layout13.Parse(tt.b, 100)
		var broken *CloseError
		if ok || !errors.As(err, &broken) || broken.Code != tt.code {
			t.Errorf("%s: ok %v, %v", name, ok, err)
		}
	}
	if _, _, ok, err := Layout13.Parse(header(100, Data), 100); ok || err != nil {
		t.Errorf("at the limit: ok %v, %v", ok, err)
	}
}

func FuzzParseFrame(f *testing.F) {
	for _, m := range captured(f)[:20] {
		raw, _ := hex.DecodeString(m.Message)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for {
			frame, rest, ok, err := Layout13.Parse(b, 1<<16)
			if err != nil || !ok {
				if len(rest) != len(b) {
					t.Fatalf("took %d bytes without a frame", len(b)-len(rest))
				}
				return
			}
			again := Layout13.Append(nil, frame)
			if taken := b[:len(b)-len(rest)]; !bytes.Equal(again, taken) {
				t.Fatalf("parsed %x, appended %x", taken, again)
			}
			b = rest
		}
	})
}
