package wsserver_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/simd-drive/go/muxio"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	"github.com/simd-drive/go/muxio/wsconn"
)

// intruder is a connection that sends what it likes.
type intruder struct {
	t     *testing.T
	ws    *websocket.Conn
	carry []byte
	next  uint32 // the next stream
}

const connectionID = 1<<32 - 1

// intrude connects and says the settings.
func intrude(t *testing.T, url string) *intruder {
	t.Helper()
	p := &intruder{t: t, ws: rawDial(t, url, wsconn.Subprotocol)}
	p.send(frame(connectionID, 0, muxio.Settings, nil))
	return p
}

// intrudeOriginal connects as a client of the original protocol does.
func intrudeOriginal(t *testing.T, url string) *intruder {
	t.Helper()
	return &intruder{t: t, ws: rawDial(t, url)}
}

// frame returns one frame.
func frame(stream, seq uint32, kind muxio.Kind, payload []byte) []byte {
	return muxio.Layout13.Append(nil, muxio.Frame{Stream: stream, Seq: seq, Kind: kind, Payload: payload})
}

// send sends bytes as one message; ok is false when the server takes no more.
func (p *intruder) send(b ...[]byte) (ok bool) {
	return p.ws.WriteMessage(websocket.BinaryMessage, bytes.Join(b, nil)) == nil
}

// call returns the message that calls a method.
func callMessage(request uint32, method rpc.MethodID, fields, payload []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte{0}, request)
	b = binary.LittleEndian.AppendUint64(b, uint64(method))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(fields)))
	return append(append(b, fields...), payload...)
}

// call returns the frames of a whole call on a stream of its own.
func (p *intruder) call(method rpc.MethodID, payload []byte) []byte {
	id := p.next
	p.next++
	return append(frame(id, 0, muxio.Open, callMessage(id, method, nil, payload)), frame(id, 1, muxio.End, nil)...)
}

// closed reads until the server closes the connection and says how: the code, or what
// the network reports.
func (p *intruder) closed() string {
	p.t.Helper()
	_ = p.ws.SetReadDeadline(time.Now().Add(10 * time.Second)) // its own timeouts are far below
	for {
		_, _, err := p.ws.ReadMessage()
		var closed *websocket.CloseError
		var netErr net.Error
		switch {
		case err == nil:
			continue
		case errors.As(err, &netErr) && netErr.Timeout():
			return "left open"
		case errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure:
			return "closed with " + strconv.Itoa(closed.Code)
		}
		return "cut off"
	}
}

// wantEcho wants a call to be answered on this connection, perhaps after some that are
// refused because too many run.
func (p *intruder) wantEcho() string {
	p.t.Helper()
	const text = "still there"
	const tries = 1000
	for range tries {
		id := p.next
		p.send(p.call(victimEcho.ID(), []byte(text)))
		answer, err := p.answer(id)
		if err != nil {
			p.t.Errorf("the connection does not go on: %v", err)
			return "not answered"
		}
		if bytes.HasSuffix(answer, []byte(text)) {
			return "goes on"
		}
	}
	return "refused"
}

// answer reads until the response to a request is complete, and returns it.
func (p *intruder) answer(request uint32) (response []byte, err error) {
	got := map[uint32][]byte{}
	err = p.read(func(f muxio.Frame) bool {
		if f.Kind == muxio.Open || f.Kind == muxio.Data {
			got[f.Stream] = append(got[f.Stream], f.Payload...)
		}
		response = got[f.Stream]
		return f.Kind != muxio.End || len(response) <= 5 || binary.LittleEndian.Uint32(response[1:]) != request
	})
	return response, err
}

// answered reads until n responses are complete and returns how many are in the end.
func (p *intruder) answered(n int) (responses int) {
	_ = p.read(func(f muxio.Frame) bool { // if it fails there are fewer
		if f.Kind == muxio.End {
			responses++
		}
		return responses < n
	})
	return responses
}

// read passes frames to next until that returns false.
func (p *intruder) read(next func(muxio.Frame) bool) error {
	_ = p.ws.SetReadDeadline(time.Now().Add(30 * time.Second))
	for {
		f, rest, ok, err := muxio.Layout13.Parse(p.carry, 1<<20)
		if err != nil {
			return err
		}
		if ok {
			p.carry = rest
			if !next(f) {
				return nil
			}
			continue
		}
		_, b, err := p.ws.ReadMessage()
		if err != nil {
			return err
		}
		p.carry = append(p.carry, b...)
	}
}
