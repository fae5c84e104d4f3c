package rpc

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
)

// byteSource makes what is random follow from bytes, so that a fuzzer decides.
type byteSource struct {
	bytes []byte
	rest  *rand.PCG // the low bits, and all when the bytes are used up
}

// Uint64 implements [rand.Source]. The high bits are what counts most.
func (s *byteSource) Uint64() uint64 {
	v := s.rest.Uint64()
	for shift := 56; shift >= 48 && len(s.bytes) > 0; shift -= 8 {
		v = v&^(0xff<<shift) | uint64(s.bytes[0])<<shift
		s.bytes = s.bytes[1:]
	}
	return v
}

// FuzzConnection lets bytes decide what a client and a server do on a connection: the
// calls, their sizes, what is given up and when, how the link cuts and delays, what
// ends it. The rules are those of TestSimulation.
func FuzzConnection(f *testing.F) {
	for i := range 8 {
		program := make([]byte, 40*i)
		for k := range program {
			program[k] = byte(k*k*(i+3) + 31*i)
		}
		f.Add(program)
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(&byteSource{bytes: program, rest: rand.NewPCG(uint64(len(program)), 0)})
			w := newSimWorld(t, r)
			w.connection(r)
			w.wantAllEnded()
		})
	})
}
