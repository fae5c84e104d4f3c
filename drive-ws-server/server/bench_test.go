package server_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// BenchmarkCalls makes small calls over one connection, both ends in one
// process, with 1, 16 and 256 in flight per processor.
func BenchmarkCalls(b *testing.B) {
	_, c := connect(b)
	value := []byte(strings.Repeat("v", 100))
	keys := make([][]byte, 1000)
	for i := range keys {
		keys[i] = fmt.Append(nil, "key-", i)
		mustWrite(b, c, string(keys[i]), string(value))
	}
	for _, op := range []struct {
		name string
		call func(key []byte) error
	}{
		{"get", func(key []byte) error { _, err := c.Get(b.Context(), key); return err }},
		{"write", func(key []byte) error { _, err := c.Write(b.Context(), key, value); return err }},
		{"exists", func(key []byte) error { _, err := c.Exists(b.Context(), key); return err }},
	} {
		for _, inFlight := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("%s/inflight=%d", op.name, inFlight), func(b *testing.B) {
				b.ReportAllocs()
				b.SetParallelism(inFlight)
				b.RunParallel(func(p *testing.PB) {
					for i := rand.IntN(len(keys)); p.Next(); i++ {
						if err := op.call(keys[i%len(keys)]); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		}
	}
}

// BenchmarkStreams moves a value of 64 MiB.
func BenchmarkStreams(b *testing.B) {
	_, c := connect(b)
	const size = 64 << 20
	key, pattern := []byte("k"), rand.NewChaCha8([32]byte{3})
	if _, err := c.WriteFrom(b.Context(), key, io.LimitReader(pattern, size)); err != nil {
		b.Fatal(err)
	}
	b.Run("read", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			if _, err := c.ReadTo(b.Context(), key, discard{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("write", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			if _, err := c.WriteFrom(b.Context(), key, io.LimitReader(pattern, size)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
