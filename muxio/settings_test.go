package muxio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"
	"testing/synctest"
)

// setting is one pair of a Settings frame.
type setting struct {
	id    uint16
	value uint64
}

func encodeSettings(list ...setting) []byte {
	var b []byte
	for _, s := range list {
		b = binary.LittleEndian.AppendUint16(b, s.id)
		b = binary.LittleEndian.AppendUint64(b, s.value)
	}
	return b
}

func TestSettingsAreParsed(t *testing.T) {
	with := func(change func(*settings)) settings {
		s := defaultSettings
		change(&s)
		return s
	}
	for _, tt := range []struct {
		name string
		give []byte
		want settings
	}{
		{"none", nil, defaultSettings},
		{"own, sent and parsed", appendSettings(nil, mustLimits(t, Limits{}).settings()), mustLimits(t, Limits{}).settings()},
		{"a newer version", encodeSettings(setting{settingVersion, 7}), defaultSettings},
		{"stream window", encodeSettings(setting{settingStreamWindow, 1 << 20}), with(func(s *settings) { s.streamWindow = 1 << 20 })},
		{"connection window", encodeSettings(setting{settingConnWindow, 1 << 30}), with(func(s *settings) { s.connWindow = 1 << 30 })},
		{"frame", encodeSettings(setting{settingFrame, 1 << 24}), with(func(s *settings) { s.frameBytes = 1 << 24 })},
		{"streams", encodeSettings(setting{settingStreams, 101}), with(func(s *settings) { s.streams = 101 })},
		{"the defaults themselves", encodeSettings(setting{settingVersion, 1}, setting{settingStreamWindow, InitialCredit},
			setting{settingConnWindow, InitialConnCredit}, setting{settingFrame, ChunkBytes}, setting{settingStreams, MinStreams}), defaultSettings},
		{
			"beyond what is counted", encodeSettings(setting{settingStreamWindow, math.MaxUint64}),
			with(func(s *settings) { s.streamWindow = maxWindow }),
		},
		{"unknown", encodeSettings(setting{6, 0}, setting{0, 1}, setting{0x7fff, math.MaxUint64}), defaultSettings},
		{"as many as may be", encodeSettings(manySettings(maxSettings)...), defaultSettings},
	} {
		got, err := parseSettings(tt.give)
		if err != nil || got != tt.want {
			t.Errorf("%s: %v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
}

// manySettings returns n settings that nobody knows.
func manySettings(n int) []setting {
	list := make([]setting, n)
	for i := range list {
		list[i].id = uint16(1000 + i)
	}
	return list
}

func mustLimits(t *testing.T, l Limits) Limits {
	t.Helper()
	l, err := l.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var badSettings = map[string][]byte{
	"half a pair":                       {1, 0, 1},
	"one byte too many":                 append(encodeSettings(setting{settingVersion, 1}), 0),
	"twice":                             encodeSettings(setting{settingStreams, 200}, setting{settingStreams, 200}),
	"an unknown one twice":              encodeSettings(setting{77, 1}, setting{77, 1}),
	"unknown and critical":              encodeSettings(setting{settingCritical | 9, 0}),
	"version 0":                         encodeSettings(setting{settingVersion, 0}),
	"stream window below default":       encodeSettings(setting{settingStreamWindow, InitialCredit - 1}),
	"connection window below default":   encodeSettings(setting{settingConnWindow, InitialConnCredit - 1}),
	"frame below default":               encodeSettings(setting{settingFrame, ChunkBytes - 1}),
	"streams below default":             encodeSettings(setting{settingStreams, MinStreams - 1}),
	"more than any end needs to accept": encodeSettings(manySettings(maxSettings + 1)...),
}

func TestBadSettingsCloseTheConnection(t *testing.T) {
	for name, payload := range badSettings {
		t.Run(name, func(t *testing.T) {
			p := dialRaw(t, Limits{})
			p.send(Frame{Stream: connectionID, Kind: Settings, Payload: payload})
			p.wantClose(CloseProtocolError)
		})
	}
}

func TestSettingsComeFirstAndOnce(t *testing.T) {
	for name, frames := range map[string][]Frame{
		"a stream before":    {{Stream: 1, Kind: Open, Payload: []byte("x")}},
		"a ping before":      {{Stream: connectionID, Kind: Ping, Payload: make([]byte, 8)}},
		"a goodbye before":   {{Stream: connectionID, Kind: GoAway, Payload: []byte{0xe8, 3}}},
		"a credit before":    {{Stream: connectionID, Kind: Credit, Payload: make([]byte, 4)}},
		"a cancel before":    {{Stream: 1, Kind: Cancel}},
		"twice":              {settingsFrame(), settingsFrame()},
		"for a stream":       {settingsFrame(), {Stream: 1, Kind: Settings}},
		"for no stream":      {{Stream: 0, Kind: Settings}},
		"twice, far between": {settingsFrame(), {Stream: 1, Kind: Open, Payload: []byte("x")}, settingsFrame()},
	} {
		t.Run(name, func(t *testing.T) {
			p := dialRaw(t, Limits{})
			p.send(frames...)
			p.wantClose(CloseProtocolError)
		})
	}
}

func TestOwnSettingsAreTheFirstFrame(t *testing.T) {
	limits := Limits{
		MaxFrameBytes: 1 << 21, MaxStreams: 177, StreamWindow: 1 << 19, ConnWindow: 1 << 25,
	}
	ta, tb := Pipe()
	t.Cleanup(func() { _ = ta.Close(CloseReason{Code: CloseNormal}) })
	newEnd(t, tb, Responder, limits, true)
	message, err := ta.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	f, _, ok, err := Layout13.Parse(message, 1000)
	if err != nil || !ok || f.Kind != Settings || f.Stream != connectionID || f.Seq != 0 {
		t.Fatalf("first frame is %+v, %v", f, err)
	}
	want := encodeSettings(setting{settingVersion, 1}, setting{settingStreamWindow, 1 << 19}, setting{settingConnWindow, 1 << 25},
		setting{settingFrame, 1 << 21}, setting{settingStreams, 177})
	if !bytes.Equal(f.Payload, want) {
		t.Errorf("settings are %x, want %x", f.Payload, want)
	}
}

// A stream that is open when the peer's settings arrive gets the difference, and so
// does one that was made but has not begun; no stream gets it twice.
func TestLargerWindowReachesStreamsThatAreThere(t *testing.T) {
	const window = 2 << 20
	synctest.Test(t, func(t *testing.T) {
		ta, tb := Pipe()
		a := newEnd(t, tb, Initiator, Limits{}, true)
		unused, begun, waiting := a.OpenStream(Normal), a.OpenStream(Normal), a.OpenStream(Normal)
		if err := begun.Send(t.Context(), Body{Bytes: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		sendInBackground(t, waiting, make([]byte, 4<<20))
		counts := countBytes(t, ta)
		if n := counts.of(waiting.ID()); n != InitialCredit {
			t.Errorf("%d bytes without settings, want %d", n, InitialCredit)
		}
		payload := encodeSettings(setting{settingStreamWindow, window})
		writeFrames(t, ta, Frame{Stream: connectionID, Kind: Settings, Payload: payload})
		sendInBackground(t, unused, make([]byte, 4<<20))
		sendInBackground(t, begun, make([]byte, 4<<20))
		sendInBackground(t, a.OpenStream(Normal), make([]byte, 4<<20))
		for id, n := range counts.all() {
			if n != window {
				t.Errorf("stream %d: %d bytes, want %d", id, n, window)
			}
		}
		_ = ta.Close(CloseReason{Code: CloseNormal})
	})
}

func FuzzParseSettings(f *testing.F) {
	f.Add(appendSettings(nil, defaultSettings))
	for _, b := range badSettings {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSettings(b)
		if err != nil {
			var broken *CloseError
			if !errors.As(err, &broken) || broken.Code != CloseProtocolError || broken.Text == "" {
				t.Errorf("error %v", err)
			}
			return
		}
		if s.version != 1 || s.streamWindow < InitialCredit || s.streamWindow > maxWindow ||
			s.connWindow < InitialConnCredit || s.frameBytes < ChunkBytes || s.streams < MinStreams {
			t.Errorf("%x gives %v", b, s)
		}
		if again, err := parseSettings(appendSettings(b[:0:0], s)); err != nil || again != s {
			t.Errorf("%v came back as %v, %v", s, again, err)
		}
	})
}
