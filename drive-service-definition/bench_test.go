package driveservice

import (
	"bytes"
	"fmt"
	"testing"

	kelindar "github.com/kelindar/binary"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// benchmarkMessage measures both directions of one message three ways: the
// hand-written codec, the guarded reflective one, and kelindar/binary alone.
func benchmarkMessage[T any](b *testing.B, c rpc.Codec[T], v T) {
	b.Helper()
	encoded, err := c.Append(nil, v)
	if err != nil {
		b.Fatal(err)
	}
	dst := make([]byte, 0, 2*len(encoded)+64)
	run := func(name string, f func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(encoded)))
			b.ReportAllocs()
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	guarded := rpc.Binary[T]()
	run("append/handwritten", func() error { _, err := c.Append(dst, v); return err })
	run("append/guarded", func() error { _, err := guarded.Append(dst, v); return err })
	run("append/kelindar", func() error { _, err := kelindar.Marshal(&v); return err })
	run("parse/handwritten", func() error { _, err := c.Parse(encoded); return err })
	run("parse/guarded", func() error { _, err := guarded.Parse(encoded); return err })
	run("parse/kelindar", func() error { var out T; return kelindar.Unmarshal(encoded, &out) })
	run("message/handwritten", func() error { _, err := rpc.AppendMessage(c, dst, v); return err })
}

func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{100, 1 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			v := WriteRequest{Key: Key([]byte("a key of 16 byte")), Value: bytes.Repeat([]byte{'v'}, size)}
			benchmarkMessage(b, Write.Request(), v)
		})
	}
}

func BenchmarkBatchRead(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprintf("%dx100B", n), func(b *testing.B) {
			results := make([]ReadResult, n)
			for i := range results {
				results[i] = ReadResult{Found: true, Checksum: 0xcafebabe, Value: make([]byte, 100)}
			}
			benchmarkMessage(b, BatchRead.Response(), BatchReadResponse{Results: results})
		})
	}
}
