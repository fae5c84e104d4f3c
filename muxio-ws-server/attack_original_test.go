package wsserver_test

import (
	"fmt"
	"testing"

	"github.com/simd-drive/go/muxio"
)

// originalAttacks are those of a client that speaks the original protocol, in which no
// credit holds it.
var originalAttacks = []attack{
	{"original: frame of 4 GiB announced, then 300 messages of 1 MiB", 0, func(t *testing.T, v *victim) string {
		return flood(intrudeOriginal(t, v.url), 301, func(i int) []byte {
			if i == 0 {
				return muxio.LayoutOriginal13.AppendHeader(nil, 1, 0, muxio.Open, 1<<32-1)
			}
			return make([]byte, 1<<20)
		})
	}, "closed", 16},
	{"original: 3 stray bytes, then good frames", 0, func(t *testing.T, v *victim) string {
		p := intrudeOriginal(t, v.url)
		p.send([]byte{1, 2, 3})
		return flood(p, 1000, func(int) []byte { return p.call(victimEcho.ID(), []byte("hello")) })
	}, "closed", 16},
	{"original: gap, then 3,000 frames of 60 kB", 0, func(t *testing.T, v *victim) string {
		p := intrudeOriginal(t, v.url)
		p.send(p.call(victimEcho.ID(), nil))
		return flood(p, 3000, func(i int) []byte { return frame(1, uint32(i+1), muxio.Data, make([]byte, 60_000)) })
	}, "closed with 1008", 16},
	{"original: 20,000 streams opened, never ended", 0, func(t *testing.T, v *victim) string {
		return flood(intrudeOriginal(t, v.url), 20_000, func(i int) []byte {
			return frame(uint32(i), 0, muxio.Open, callMessage(uint32(i), victimEcho.ID(), nil, make([]byte, 1000)))
		})
	}, "closed with 1008", 64},
	{"original: a request of 1 GiB", 0, func(t *testing.T, v *victim) string {
		p := intrudeOriginal(t, v.url)
		p.next = 2
		p.send(frame(1, 0, muxio.Open, callMessage(1, victimEcho.ID(), nil, nil)))
		for i := range uint32(1 << 14) {
			p.send(frame(1, i+1, muxio.Data, make([]byte, 1<<16)))
		}
		return p.wantEcho()
	}, "goes on", 256},
	{"original: 64 requests of 16 MiB, unfinished", 0, func(t *testing.T, v *victim) string {
		p := intrudeOriginal(t, v.url)
		p.next = 100
		for i := range uint32(256 * 64) {
			stream, seq, body := i%64, i/64, make([]byte, 1<<16)
			if seq == 0 {
				copy(body, callMessage(stream, victimEcho.ID(), nil, nil))
			}
			p.send(frame(stream, seq, min(muxio.Kind(seq), muxio.Data), body))
		}
		return p.wantEcho()
	}, "refused", 800},
	{"original: 3,000 responses of 1 MiB, not read; memory for each", 0, func(t *testing.T, v *victim) string {
		return unread(intrudeOriginal(t, v.url), func(p *intruder) []byte { return p.call(victimFresh.ID(), nil) }, 3000)
	}, "closed", 320},
	{"original: 1,000,000 small responses, not read", 0, func(t *testing.T, v *victim) string {
		return unread(intrudeOriginal(t, v.url), func(p *intruder) []byte {
			return several(1000, func(int) []byte { return p.call(victimEcho.ID(), nil) })
		}, 1000)
	}, "closed", 64},
	{"original: 10,000 calls at once", 0, func(t *testing.T, v *victim) string {
		p := intrudeOriginal(t, v.url)
		go func() { // ends with the connection
			for range 10 {
				p.send(several(1000, func(int) []byte { return p.call(victimEcho.ID(), make([]byte, 100)) }))
			}
		}()
		if n := p.answered(10_000); n < 10_000 {
			return fmt.Sprintf("%d answered", n)
		}
		return "all answered"
	}, "all answered", 256},
	{"original: End alone", 0, func(t *testing.T, v *victim) string {
		p := intrudeOriginal(t, v.url)
		p.send(frame(1, 0, muxio.End, nil))
		return p.closed()
	}, "closed with 1002", 16},
	{"original: unknown kind", 0, func(t *testing.T, v *victim) string {
		p := intrudeOriginal(t, v.url)
		p.send(frame(1, 0, 99, nil))
		return p.closed()
	}, "closed with 1002", 16},
	{"original: text in place of frames", 0, func(t *testing.T, v *victim) string {
		p := intrudeOriginal(t, v.url)
		p.send([]byte("GET / HTTP/1.1, said a lost client of another kind"))
		return p.closed()
	}, "closed with 1002", 16},
	{"original: a method that streams", 0, func(t *testing.T, v *victim) string {
		p := intrudeOriginal(t, v.url)
		p.send(p.call(victimDown.ID(), []byte{1}))
		if _, err := p.answer(0); err != nil {
			return err.Error()
		}
		return p.wantEcho()
	}, "goes on", 16},
}
