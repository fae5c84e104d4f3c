package muxio

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// -update writes the file that TestVectors compares with.
var update = flag.Bool("update", false, "write testdata/vectors.json anew")

const vectorsFile = "testdata/vectors.json"

// vectors is the content of the file: an example of every element of WIRE.md. Bytes
// are in hex, numbers that may exceed 2^53 are strings.
type vectors struct {
	Frames        []frameVector        `json:"frames"`
	Settings      []settingsVector     `json:"settings"`
	GoAways       []goAwayVector       `json:"goaways"`
	Headers       []headerVector       `json:"headers"`
	Errors        []errorVector        `json:"errors"`
	Messages      []messageVector      `json:"messages"`
	Conversations []conversationVector `json:"conversations"`
	Violations    []violationVector    `json:"violations"`
}

type hexBytes []byte

func (b hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, b), nil }

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

type frameVector struct {
	Name    string   `json:"name"`
	Bytes   hexBytes `json:"bytes"`
	Stream  uint32   `json:"stream"`
	Seq     uint32   `json:"seq"`
	Kind    Kind     `json:"kind"`
	Payload hexBytes `json:"payload"`
}

type settingsVector struct {
	Name  string          `json:"name"`
	Bytes hexBytes        `json:"bytes"`
	Pairs []settingVector `json:"pairs,omitempty"`
	// Error is the close code of settings that are refused.
	Error CloseCode `json:"error,omitempty"`
}

type settingVector struct {
	ID    uint16 `json:"id"`
	Value uint64 `json:"value,string"`
}

type goAwayVector struct {
	Name  string    `json:"name"`
	Bytes hexBytes  `json:"bytes"`
	Code  CloseCode `json:"code"`
	Text  string    `json:"text"`
}

func TestVectors(t *testing.T) {
	want, err := json.MarshalIndent(makeVectors(), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(vectorsFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not what the code makes (-update writes it anew):\n%s", vectorsFile, diff)
	}
}

// readVectors returns what the file says.
func readVectors(t *testing.T) (v vectors) {
	t.Helper()
	b, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVectorsOfFramesAreParsed(t *testing.T) {
	kinds := map[Kind]bool{}
	for _, v := range readVectors(t).Frames {
		f, rest, ok, err := Layout13.Parse(v.Bytes, DefaultMaxFrameBytes)
		want := Frame{Stream: v.Stream, Seq: v.Seq, Kind: v.Kind, Payload: v.Payload}
		if err != nil || !ok || len(rest) != 0 || f.Stream != want.Stream || f.Seq != want.Seq || f.Kind != want.Kind ||
			!bytes.Equal(f.Payload, want.Payload) {
			t.Errorf("%s: %+v, %d bytes left, ok %v, %v", v.Name, f, len(rest), ok, err)
		}
		kinds[v.Kind] = true
	}
	for _, k := range []Kind{Open, Data, End, Cancel, Credit, Settings, Ping, Pong, GoAway} {
		if !kinds[k] {
			t.Errorf("no example of kind %d", k)
		}
	}
}

func TestVectorsOfSettingsAreParsed(t *testing.T) {
	for _, v := range readVectors(t).Settings {
		got, err := parseSettings(v.Bytes)
		var broken *CloseError
		if v.Error != 0 {
			if !errors.As(err, &broken) || broken.Code != v.Error {
				t.Errorf("%s: %v, want code %d", v.Name, err, v.Error)
			}
			continue
		}
		want := defaultSettings
		for _, p := range v.Pairs {
			if err := want.set(p.ID, p.Value); err != nil {
				t.Errorf("%s: %v", v.Name, err)
			}
		}
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", v.Name, got, err)
		}
	}
}

// The bytes of each end of a conversation are whole frames, in an order that a
// session accepts, settings first.
func TestVectorsOfConversationsAreFrames(t *testing.T) {
	for _, v := range readVectors(t).Conversations {
		for _, role := range []Role{Initiator, Responder} {
			p, feed := Pipe()
			s := newEnd(t, p, 1-role, Limits{}, true)
			frames := 0
			for _, step := range v.Steps {
				if step.From != roleNames[role] {
					continue
				}
				for _, f := range parseAll(t, step.Bytes) {
					if f.Kind == Credit {
						continue // for a stream that this session has not opened
					}
					frames++
					writeFrames(t, feed, f)
				}
			}
			await(t, readyPing(t, feed))
			if err := s.Err(); err != nil || frames == 0 {
				t.Errorf("%s: %d frames, %v", v.Name, frames, err)
			}
			_ = feed.Close(CloseReason{Code: CloseNormal})
		}
	}
}

// readyPing tells when everything that was fed has been taken, or the transport has
// ended.
func readyPing(t *testing.T, feed Transport) <-chan struct{} {
	t.Helper()
	const token = "are you "
	writeFrames(t, feed, pingFrame([]byte(token)))
	done := make(chan struct{}, 2)
	go func() { // ends with the transport
		_ = readFrames(feed, func(f Frame) {
			if f.Kind == Pong && string(f.Payload) == token {
				done <- struct{}{}
			}
		})
		done <- struct{}{}
	}()
	return done
}

var roleNames = map[Role]string{Initiator: "initiator", Responder: "responder"}

// makeVectors makes all of the file. What part one of WIRE.md describes is made by
// the code under test; what part two does is made by hand here, and read by the
// module that implements it.
func makeVectors() vectors {
	return vectors{
		Frames: frameVectors(), Settings: settingsVectors(), GoAways: goAwayVectors(),
		Headers: headerVectors(), Errors: errorVectors(), Messages: messageVectors(), Conversations: conversationVectors(),
		Violations: violationVectors(),
	}
}

func frameVectors() (list []frameVector) {
	const responder = responderBit | 5
	for _, f := range []struct {
		name string
		Frame
	}{
		{"first bytes of a stream of the initiator", Frame{Stream: 5, Kind: Open, Payload: []byte("hello")}},
		{"first bytes of a stream of the responder", Frame{Stream: responder, Kind: Open, Payload: []byte("hello")}},
		{"a stream that begins without bytes", Frame{Stream: 6, Kind: Open}},
		{"further bytes", Frame{Stream: 5, Seq: 1, Kind: Data, Payload: []byte(" world")}},
		{"end of a stream", Frame{Stream: 5, Seq: 2, Kind: End}},
		{"cancel without a code", Frame{Stream: 5, Kind: Cancel}},
		{"cancel with the code deadline exceeded", Frame{Stream: 5, Kind: Cancel, Payload: binary.LittleEndian.AppendUint32(nil, 4)}},
		{"credit for a stream of the responder", creditFrame(responder, 131072)},
		{"credit for the connection", creditFrame(connectionID, 4194304)},
		{"the default settings", Frame{Stream: connectionID, Kind: Settings, Payload: appendSettings(nil, defaultSettings)}},
		{"settings that leave all at its default", Frame{Stream: connectionID, Kind: Settings}},
		{"ping", pingFrame([]byte{1, 2, 3, 4, 5, 6, 7, 8})},
		{"pong", Frame{Stream: connectionID, Kind: Pong, Payload: []byte{1, 2, 3, 4, 5, 6, 7, 8}}},
		{"going away", goAwayFrame(CloseReason{Code: CloseGoingAway, Text: "server is shutting down"})},
	} {
		list = append(list, frameVector{
			Name: f.name, Bytes: Layout13.Append(nil, f.Frame), Stream: f.Stream, Seq: f.Seq, Kind: f.Kind, Payload: f.Payload,
		})
	}
	return list
}

func settingsVectors() (list []settingsVector) {
	for _, v := range []struct {
		name  string
		pairs []setting
		err   CloseCode
	}{
		{"defaults, said in full", []setting{{1, 1}, {2, InitialCredit}, {3, InitialConnCredit}, {4, ChunkBytes}, {5, MinStreams}}, 0},
		{"larger windows and frames", []setting{{2, 4 << 20}, {3, 64 << 20}, {4, 1 << 20}, {5, 4096}}, 0},
		{"nothing", nil, 0},
		{"unknown, to be skipped", []setting{{6, 1 << 63}, {0x7fff, 0}}, 0},
		{"unknown, must be understood", []setting{{0x8006, 0}}, CloseProtocolError},
		{"twice", []setting{{5, 200}, {5, 200}}, CloseProtocolError},
		{"window below the default", []setting{{2, InitialCredit - 1}}, CloseProtocolError},
		{"streams below the default", []setting{{5, MinStreams - 1}}, CloseProtocolError},
		{"version 0", []setting{{1, 0}}, CloseProtocolError},
	} {
		s := settingsVector{Name: v.name, Bytes: encodeSettings(v.pairs...), Error: v.err}
		for _, p := range v.pairs {
			s.Pairs = append(s.Pairs, settingVector{p.id, p.value})
		}
		list = append(list, s)
	}
	return list
}

func goAwayVectors() (list []goAwayVector) {
	for _, v := range []goAwayVector{
		{Name: "done", Code: CloseNormal},
		{Name: "shutting down", Code: CloseGoingAway, Text: "server is shutting down"},
		{Name: "violation", Code: CloseProtocolError, Text: "stream 7: cancelled twice"},
		{Name: "limit", Code: ClosePolicy, Text: "more than 4096 unfinished streams, limit MaxStreams"},
		{Name: "too big", Code: CloseTooBig},
		{Name: "failure", Code: CloseInternal, Text: "é"},
	} {
		v.Bytes = appendGoAway(nil, CloseReason{Code: v.Code, Text: v.Text})
		list = append(list, v)
	}
	return list
}
