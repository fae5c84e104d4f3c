package wsserver_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/simd-drive/go/muxio"
)

// frameAttacks break the protocol of frames, or its limits.
var frameAttacks = []attack{
	{"frame of 4 GiB announced, then 300 messages of 1 MiB", 0, func(t *testing.T, v *victim) string {
		return flood(intrude(t, v.url), 301, func(i int) []byte {
			if i == 0 {
				return muxio.Layout13.AppendHeader(nil, 1, 0, muxio.Open, 1<<32-1)
			}
			return make([]byte, 1<<20)
		})
	}, "closed with 1009", 16},
	{"frame one byte over the limit", 0, func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		p.send(frame(1, 0, muxio.Open, make([]byte, muxio.DefaultMaxFrameBytes+1)))
		return p.closed()
	}, "closed with 1009", 16},
	{"3 stray bytes, then good frames", 0, func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		p.send([]byte{1, 2, 3})
		return flood(p, 1000, func(int) []byte { return p.call(victimEcho.ID(), []byte("hello")) })
	}, "closed", 16},
	{"gap, then 3,000 frames of 60 kB", 0, func(t *testing.T, v *victim) string {
		return flood(intrude(t, v.url), 3000, func(i int) []byte { return frame(1, uint32(i+1), muxio.Data, make([]byte, 60_000)) })
	}, "closed with 1008", 16},
	{"gap in each of 4,000 streams, 1 kB behind it", 0, func(t *testing.T, v *victim) string {
		return flood(intrude(t, v.url), 4000, func(i int) []byte { return frame(uint32(i), 1, muxio.Data, make([]byte, 1000)) })
	}, "closed with 1008", 16},
	{"1,000,000 streams opened, never ended", 0, func(t *testing.T, v *victim) string {
		return flood(intrude(t, v.url), 1000, func(i int) []byte {
			return several(1000, func(k int) []byte { return frame(uint32(1000*i+k), 0, muxio.Open, []byte("x")) })
		})
	}, "closed with 1008", 16},
	{"4,000 streams opened within a call, never ended", 0, func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		p.next = 4000
		for i := range uint32(4000) {
			p.send(frame(i, 0, muxio.Open, callMessage(i, victimEcho.ID(), nil, make([]byte, 1000))))
		}
		return p.wantEcho()
	}, "goes on", 32},
	{"End of a stream that is not there", 0, violate(frame(1, 0, muxio.End, nil)), "closed with 1002", 16},
	{"Cancel of 10,000 streams that are not there", 0, func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		p.send(several(10_000, func(i int) []byte { return frame(uint32(i), 0, muxio.Cancel, nil) }))
		p.next = 1 << 20
		return p.wantEcho()
	}, "goes on", 16},
	{"number repeated", 0, violate(frame(1, 0, muxio.Open, []byte("x")), frame(1, 0, muxio.Open, []byte("x"))), "closed with 1002", 16},
	{"stream of the other half", 0, violate(frame(1<<31, 0, muxio.Open, []byte("x"))), "closed with 1002", 16},
	{"unknown kind", 0, violate(frame(1, 0, 99, nil)), "closed with 1002", 16},
	{"data after the end", 0, violate(frame(1, 0, muxio.Open, callMessage(1, victimBlock.ID(), nil, nil)),
		frame(2, 0, muxio.Open, []byte("x")), frame(1, 1, muxio.End, nil), frame(1, 2, muxio.Data, []byte("x"))), "closed with 1002", 16},
	{"more bytes than were granted", 0, violate(several(5, func(i int) []byte {
		kind := muxio.Data
		if i == 0 {
			kind = muxio.Open
		}
		return frame(1, uint32(i), kind, make([]byte, muxio.ChunkBytes))
	})), "closed with 1002", 16},
	{"WebSocket frame of 17 MiB", 0, func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		ended := make(chan string, 1)
		go func() { ended <- p.closed() }()
		header := binary.BigEndian.AppendUint64([]byte{0x82, 0x80 | 127}, 17<<20)
		if _, err := p.ws.NetConn().Write(append(header, 0, 0, 0, 0)); err != nil {
			t.Error(err)
		}
		return <-ended
	}, "closed with 1009", 16},
	{"compressed WebSocket frame", 0, func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		if _, err := p.ws.NetConn().Write(maskedFrame(0x82|0x40, "bomb")); err != nil {
			t.Error(err)
		}
		return p.closed()
	}, "closed with 1002", 16},
	{"frames cut at every byte", 0, func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		for range 100 {
			for _, b := range p.call(victimEcho.ID(), []byte("hello")) {
				p.send([]byte{b})
			}
		}
		return p.wantEcho()
	}, "goes on", 16},
	{"2,000 calls in one message", 2048, func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		p.send(several(2000, func(int) []byte { return p.call(victimEcho.ID(), []byte("hello")) }))
		return p.wantEcho()
	}, "goes on", 32},
	{"100,000 pings of muxio, not read", 0, func(t *testing.T, v *victim) string {
		return flood(intrude(t, v.url), 100, func(int) []byte {
			return several(1000, func(i int) []byte {
				return frame(connectionID, 0, muxio.Ping, binary.LittleEndian.AppendUint64(nil, uint64(i)))
			})
		})
	}, "closed with 1008", 16},
	{"1,000 pings of WebSocket", 0, func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		ended := make(chan string, 1)
		go func() { ended <- p.closed() }()
		for range 1000 {
			if _, err := p.ws.NetConn().Write(maskedFrame(0x89, "ping")); err != nil {
				break
			}
		}
		return <-ended
	}, "closed with 1008", 16},
	{"100,000 pongs that nobody asked for", 0, func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		for range 100 {
			p.send(several(1000, func(i int) []byte {
				return frame(connectionID, 0, muxio.Pong, binary.LittleEndian.AppendUint64(nil, uint64(i)))
			}))
		}
		return p.wantEcho()
	}, "goes on", 16},
	{"half an upgrade", 0, func(t *testing.T, v *victim) string {
		c, err := dialTCP(t.Context(), "tcp", v.url[len("ws://"):])
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: ")); err != nil {
			t.Error(err)
		}
		begin := time.Now()
		for b := make([]byte, 1000); err == nil; {
			_, err = c.Read(b)
		}
		if d := time.Since(begin); d > 10*time.Second {
			t.Errorf("closed after %v", d)
		}
		return "closed by its ReadHeaderTimeout"
	}, "closed by its ReadHeaderTimeout", 16},
}

// violate returns an attack that sends frames which break the protocol.
func violate(frames ...[]byte) func(*testing.T, *victim) string {
	return func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		_ = p.ws.WriteMessage(websocket.BinaryMessage, several(len(frames), func(i int) []byte { return frames[i] }))
		return p.closed()
	}
}
