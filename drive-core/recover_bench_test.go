package drive

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/simd-drive/go/drive-core/internal/golden"
)

// benchBytes is the size of the files that the scans are measured on.
const benchBytes = 64 << 20

// benchFile builds a file to scan; one at a time, for they are large.
type benchFile struct {
	name  string
	build func() []byte
}

// fillValues returns a drive of benchBytes made of the payloads.
func fillValues(payload func(i int) []byte) []byte {
	m := &image{data: make([]byte, 0, benchBytes+2<<20)}
	for i := 0; len(m.data) < benchBytes; i++ {
		m.value(string(binary.LittleEndian.AppendUint64(nil, uint64(i))), payload(i))
	}
	return m.data
}

// fillRandom returns a drive of benchBytes with values of size random bytes.
func fillRandom(size int) []byte {
	random := golden.SplitMix(size+1024, 1)
	return fillValues(func(i int) []byte { return random[i%1024:][:size] })
}

// benchFiles are ordinary files, and files made to be slow to search.
func benchFiles() []benchFile {
	first := new(image).value("a", []byte("first"))
	return []benchFile{
		{"8B", func() []byte { return fillRandom(8) }},
		{"100B", func() []byte { return fillRandom(100) }},
		{"1MiB", func() []byte { return fillRandom(1 << 20) }},
		{"1MiBZeros", func() []byte {
			zeros := make([]byte, 1<<20)
			return fillValues(func(int) []byte { return zeros })
		}},
		{"Ints", func() []byte {
			ints := make([]byte, 0, benchBytes)
			for i := range uint64(benchBytes / 8) {
				ints = binary.LittleEndian.AppendUint64(ints, i)
			}
			return new(image).value("a", []byte("first")).value("b", ints).data
		}},
		{"Tombstones", func() []byte {
			data := first.bytes()
			for len(data) < benchBytes {
				data = appendTombstone(data, int64(len(data)), 1)
			}
			return data
		}},
		{"ZerosOnly", func() []byte { return make([]byte, benchBytes) }},
		{"ZeroTail", func() []byte { return append(first.bytes(), make([]byte, benchBytes)...) }},
		{"PreviousTail", func() []byte { // every eighth byte could be the next entry's offset
			prev := binary.LittleEndian.AppendUint64(nil, uint64(len(first.data)))
			return append(first.bytes(), bytes.Repeat(prev, benchBytes/8)...)
		}},
	}
}

// BenchmarkScanForward measures files with a torn tail, whole of which is searched.
func BenchmarkScanForward(b *testing.B) {
	for _, file := range benchFiles() {
		data := file.build()
		data = data[:len(data)-1]
		b.Run(file.name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				scanForward(data, 0)
			}
		})
	}
}

func BenchmarkScanBackward(b *testing.B) {
	for _, file := range benchFiles() {
		data := file.build()
		data = data[:scanForward(data, 0)]
		if len(data) < benchBytes/2 {
			continue // not a drive
		}
		for _, verify := range []struct {
			name  string
			bytes int64
		}{{"Verify4MiB", 4 << 20}, {"VerifyAll", -1}} {
			b.Run(file.name+"/"+verify.name, func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					if err := scanBackward(data, verifyNewest(data, verify.bytes), func(located) {}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkCheck measures Check on whole files, and on files whose last byte is
// gone and which have a bit flipped in front, so that nothing is left of the chain.
func BenchmarkCheck(b *testing.B) {
	for _, file := range benchFiles() {
		data := file.build()
		for _, state := range []string{"Whole", "Broken"} {
			if state == "Broken" {
				data = data[:len(data)-1]
				data[0] ^= 1
			}
			b.Run(file.name+"/"+state, func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					if err := newChecker(data, CheckOptions{}).run(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
