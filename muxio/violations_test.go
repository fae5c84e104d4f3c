package muxio

import "testing"

// violationVector is what a peer that opened the connection says and must not say: the
// other end, whose limits are the defaults, closes with the code.
type violationVector struct {
	Name  string    `json:"name"`
	Bytes hexBytes  `json:"bytes"`
	Error CloseCode `json:"error"`
}

func TestVectorsOfViolationsCloseTheConnection(t *testing.T) {
	for _, v := range readVectors(t).Violations {
		t.Run(v.Name, func(t *testing.T) {
			p := dialRaw(t, Limits{})
			if err := p.transport.WriteMessage([][]byte{v.Bytes}); err != nil {
				t.Fatal(err)
			}
			p.wantClose(v.Error)
		})
	}
}

// numbered returns f with another number.
func numbered(seq uint32, f Frame) Frame {
	f.Seq = seq
	return f
}

// violationVectors are those that a receiver sees whatever it does with streams: a frame
// after the end of one is a violation only for who still knows the stream.
func violationVectors() (list []violationVector) {
	const theirs = responderBit
	settings := Frame{Stream: connectionID, Kind: Settings}
	open, end, cancel := piece(1, 0, []byte("x")), Frame{Stream: 1, Seq: 1, Kind: End}, Frame{Stream: 1, Kind: Cancel}
	ofConnection := func(k Kind, n int) Frame { return Frame{Stream: connectionID, Kind: k, Payload: make([]byte, n)} }
	for _, v := range []struct {
		name   string
		frames []Frame // behind the settings
	}{
		{"settings twice", []Frame{settings}},
		{"settings of half a pair", nil},
		{"reserved kind 4", []Frame{{Stream: 1, Kind: 4}}},
		{"unknown kind 11", []Frame{{Stream: 1, Kind: 11}}},
		{"stream of the other half", []Frame{piece(theirs, 0, nil)}},
		{"stream 0x7fffffff", []Frame{piece(connectionID&^responderBit, 0, nil)}},
		{"open for the connection", []Frame{piece(connectionID, 0, nil)}},
		{"open that is not the first", []Frame{{Stream: 1, Seq: 1, Kind: Open}}},
		{"data that is the first", []Frame{{Stream: 1, Kind: Data}}},
		{"end that is the first", []Frame{{Stream: 1, Kind: End}}},
		{"numbered cancel", []Frame{open, numbered(1, cancel)}},
		{"numbered credit", []Frame{numbered(1, creditFrame(connectionID, 1))}},
		{"numbered ping", []Frame{numbered(1, ofConnection(Ping, 8))}},
		{"number twice", []Frame{open, open}},
		{"number twice, ahead", []Frame{piece(1, 2, nil), piece(1, 2, nil)}},
		{"data beyond an end", []Frame{open, piece(1, 2, nil), end}},
		{"end with bytes", []Frame{open, {Stream: 1, Seq: 1, Kind: End, Payload: []byte("x")}}},
		{"cancel of 3 bytes", []Frame{open, {Stream: 1, Kind: Cancel, Payload: make([]byte, 3)}}},
		{"credit from the wrong end", []Frame{open, creditFrame(1, 1)}},
		{"credit of 3 bytes", []Frame{ofConnection(Credit, 3)}},
		{"credit for a stream that has not begun, of 5 bytes", []Frame{{Stream: theirs, Kind: Credit, Payload: make([]byte, 5)}}},
		{"credit of the connection beyond 2^31-1", []Frame{creditFrame(connectionID, maxWindow-InitialConnCredit+1)}},
		{"ping of 7 bytes", []Frame{ofConnection(Ping, 7)}},
		{"pong of 9 bytes", []Frame{ofConnection(Pong, 9)}},
		{"ping for a stream", []Frame{{Stream: 1, Kind: Ping, Payload: make([]byte, 8)}}},
		{"going away without a code", []Frame{ofConnection(GoAway, 1)}},
		{"going away with 124 bytes of text", []Frame{ofConnection(GoAway, 2+MaxCloseText+1)}},
	} {
		b := Layout13.Append(nil, settings)
		if v.frames == nil {
			b = Layout13.Append(nil, ofConnection(Settings, 5))
		}
		for _, f := range v.frames {
			b = Layout13.Append(b, f)
		}
		list = append(list, violationVector{Name: v.name, Bytes: b, Error: CloseProtocolError})
	}
	return append(list,
		violationVector{Name: "first frame that is not the settings", Bytes: Layout13.Append(nil, open), Error: CloseProtocolError},
		violationVector{
			Name:  "frame of 2^31-1 bytes",
			Bytes: Layout13.AppendHeader(Layout13.Append(nil, settings), 1, 0, Open, maxWindow), Error: CloseTooBig,
		},
	)
}
