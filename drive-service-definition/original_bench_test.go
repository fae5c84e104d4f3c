package driveservice

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// BenchmarkOriginalWrite measures both forms of a request with a value of random
// bytes, of text, of digits (which the canonical form packs two to a byte), and
// of zeros (eight to a byte).
func BenchmarkOriginalWrite(b *testing.B) {
	const text = "The quick brown fox jumps over the lazy dog. "
	random := make([]byte, 1<<20)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	contents := []struct {
		name  string
		bytes []byte
	}{
		{"random", random},
		{"text", bytes.Repeat([]byte(text), 1<<20/len(text)+1)},
		{"digits", bytes.Repeat([]byte("0123456789"), 1<<20/10+1)},
		{"zeros", make([]byte, 1<<20)},
	}
	canonical := OriginalWrite.Request()
	for _, content := range contents {
		for _, size := range []int{8, 100, 1 << 10, 64 << 10, 1 << 20} {
			v := OriginalWriteRequest{[]byte("user:1234:profile"), content.bytes[:size]}
			b.Run(fmt.Sprintf("%s/%dB", content.name, size), func(b *testing.B) {
				benchmarkForm(b, "canonical", canonical, v, size)
				benchmarkForm(b, "raw", OriginalRaw(OriginalWrite).Request(), v, size)
			})
		}
	}
}

func BenchmarkOriginalReadRequest(b *testing.B) {
	benchmarkForm(b, "canonical", OriginalRead.Request(), OriginalKeyRequest{[]byte("user:1234:profile")}, 0)
}

func BenchmarkOriginalBatchRead(b *testing.B) {
	results := make([]OriginalReadResponse, 100)
	for i := range results {
		results[i] = OriginalReadResponse{Found: true, Value: bytes.Repeat([]byte("text "), 20)}
	}
	benchmarkForm(b, "canonical", OriginalBatchRead.Response(), OriginalBatchReadResponse{results}, 100*100)
	benchmarkForm(b, "raw", OriginalRaw(OriginalBatchRead).Response(), OriginalBatchReadResponse{results}, 100*100)
}

// benchmarkForm measures both directions of v, which carries so many bytes.
func benchmarkForm[T any](b *testing.B, name string, c rpc.Codec[T], v T, size int) {
	b.Helper()
	encoded, err := c.Append(nil, v)
	if err != nil {
		b.Fatal(err)
	}
	dst := make([]byte, 0, 2*len(encoded)+64)
	run := func(direction string, f func() error) {
		b.Run(direction+"/"+name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("append", func() error { _, err := c.Append(dst, v); return err })
	run("message", func() error { _, err := rpc.AppendMessage(c, dst, v); return err })
	run("parse", func() error { _, err := c.Parse(encoded); return err })
}
