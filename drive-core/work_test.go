package drive

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/simd-drive/go/drive-core/internal/golden"
	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// The work of opening, checking and recovering a file is linear in its size, whatever
// it holds. It is counted, not timed.

const (
	// maxLooks is how often every byte of a file is looked at, at most: a few passes, and in a broken region
	// half of sampleStride for each place that could be the end of an entry, which is every eighth byte at most.
	maxLooks = 10 + sampleStride/8
	// scanAllocates and scanAllocatesPerByte bound what opening, checking and repairing allocate: for a file of
	// nothing but the shortest entries, in a region where the chain is broken, a hundred bytes an entry and what
	// lists waste while they grow.
	scanAllocates        = 512 << 10
	scanAllocatesPerByte = 32
)

// allocated returns how many bytes fn has allocated, in all goroutines.
func allocated(fn func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// looked returns how many bytes fn looks at.
func looked(fn func()) int64 {
	var total int64
	countLooked = func(bytes int64) { total += bytes }
	defer func() { countLooked = nil }()
	fn()
	return total
}

// hostileFile is a kind of file that is slow to search for who does it naively.
type hostileFile struct {
	name  string
	build func(size int) []byte // of about so many bytes
}

// grow returns a drive of about size bytes.
func grow(size int, add func(m *image, i int)) *image {
	m := new(image)
	for i := 0; len(m.data) < size; i++ {
		add(m, i)
	}
	return m
}

// small adds a value of 44 bytes, after which the next one needs no padding.
func small(m *image, i int) {
	m.value(string(binary.LittleEndian.AppendUint64(nil, uint64(i))), golden.SplitMix(44, uint64(i)))
}

// numbers returns size bytes of 8-byte numbers.
func numbers(size int, number func(i int) uint64) []byte {
	out := make([]byte, 0, size+8)
	for i := 0; len(out) < size; i++ {
		out = binary.LittleEndian.AppendUint64(out, number(i))
	}
	return out
}

// hostileFiles lists the kinds.
func hostileFiles() []hostileFile {
	return []hostileFile{
		{"offset of the first entry damaged", func(size int) []byte {
			m := grow(size, small)
			setPrev(m.data, m.tails[0], 1<<40)
			return m.data
		}},
		{"every offset damaged", func(size int) []byte {
			m := grow(size, small)
			for _, tail := range m.tails {
				setPrev(m.data, tail, 1<<40)
			}
			return m.data
		}},
		{"every value damaged", func(size int) []byte {
			m := grow(size, small)
			for _, tail := range m.tails {
				m.data[tail-metadataSize-1] ^= 1
			}
			return m.data
		}},
		{"every second value damaged", func(size int) []byte {
			m := grow(size, small)
			for i := 0; i < len(m.tails); i += 2 {
				m.data[m.tails[i]-metadataSize-1] ^= 1
			}
			return m.data
		}},
		{"every second offset damaged, torn", func(size int) []byte {
			m := grow(size, small)
			for i := 0; i < len(m.tails); i += 2 {
				setPrev(m.data, m.tails[i], 1<<40)
			}
			return m.data[:len(m.data)-1]
		}},
		{"every offset is that of the first", func(size int) []byte {
			m := grow(size, small)
			for _, tail := range m.tails {
				setPrev(m.data, tail, 0)
			}
			return m.data
		}},
		{"numbers that point into the file", func(size int) []byte {
			m := grow(size/8, small)
			begin := uint64(len(m.data))
			return append(m.data, numbers(size*7/8, func(i int) uint64 { return begin + uint64(i)*0x9E3779B97F4A7C15%uint64(8*i+1) })...)
		}},
		{"numbers that point to the tail", func(size int) []byte {
			m := grow(size/2, small)
			tail := uint64(len(m.data))
			return append(m.data, numbers(size/2, func(int) uint64 { return tail })...)
		}},
		{"numbers that point to tails", func(size int) []byte {
			m := grow(size/2, small)
			return append(m.data, numbers(size/2, func(i int) uint64 { return uint64(m.tails[i%len(m.tails)]) })...)
		}},
		{"numbers that point right before themselves", func(size int) []byte {
			m := grow(size/2, small)
			begin := len(m.data)
			return append(m.data, numbers(size/2, func(i int) uint64 { return uint64(max(0, begin+8*i-29)) })...)
		}},
		{"numbers that point to 0", func(size int) []byte { return numbers(size, func(int) uint64 { return 0 }) }},
		{"ones", func(size int) []byte { return bytes.Repeat([]byte{0xFF}, size) }},
		{"small numbers at every byte", func(size int) []byte {
			return bytes.Repeat([]byte{40, 0, 0, 0, 0, 0, 0, 0, 41, 0, 0, 0, 0, 0, 0}, size/15)
		}},
		{"tombstones, torn", func(size int) []byte {
			m := grow(size, func(m *image, _ int) { m.delete("k") })
			return m.data[:len(m.data)-1]
		}},
		{"tombstones of another file", func(size int) []byte {
			m := new(image).value("a", []byte("first"))
			for len(m.data) < size {
				m.data = appendTombstone(m.data, int64(len(m.data))+1, 1)
			}
			return m.data
		}},
		{"drives in drives", func(size int) []byte {
			data := golden.SplitMix(100, 1)
			for len(data) < size {
				data = new(image).value("inner", data).value("more", data[:len(data)/8]).data
			}
			return data[:len(data)-1]
		}},
		{"many drives in the first value", func(size int) []byte {
			var all []byte
			for len(all) < size {
				all = append(all, new(image).value("inner", golden.SplitMix(100, uint64(len(all)))).data...)
			}
			return new(image).value("all", all).data[:len(all)+10]
		}},
		{"foreign", func(size int) []byte { return golden.SplitMix(size, 3) }},
	}
}

// judged lets a file be opened, as far as its bytes are concerned.
func judged(data []byte, k knowledge, verify int64) {
	s := &Store{path: "a.drive", opts: Options{VerifyBytes: verify, ReadOnly: true, Checkpoint: Checkpoint{Off: true}}.withDefaults()}
	s.log = s.opts.Logger
	_, _, _ = s.read(newGeneration(nil, vfs.OS, s.path, 0), data, 0, k) // whatever comes of it
}

// TestWorkIsLinear counts the bytes that are looked at in files of two sizes.
func TestWorkIsLinear(t *testing.T) {
	const size, times = 64 << 10, 4
	mark := func(synced, base int64, exact bool) knowledge {
		return knowledge{known: true, exact: exact, synced: synced, base: base}
	}
	for _, file := range hostileFiles() {
		t.Run(file.name, func(t *testing.T) {
			small, large := file.build(size), file.build(times*size)
			for name, work := range map[string]func(data []byte, size int64){
				"open":        func(data []byte, _ int64) { judged(data, knowledge{}, 0) },
				"verify":      func(data []byte, _ int64) { judged(data, knowledge{}, -1) },
				"new drive":   func(data []byte, _ int64) { judged(data, mark(0, 0, true), 0) },
				"half synced": func(data []byte, size int64) { judged(data, mark(size/2, size/2, true), 0) },
				"cut":         func(data []byte, size int64) { judged(data, mark(2*size, 64, false), 0) },
				"all synced":  func(data []byte, size int64) { judged(data, mark(size, size, true), 0) },
				"check":       func(data []byte, _ int64) { _ = newChecker(data, CheckOptions{}).run(t.Context()) },
				"recover":     func(data []byte, _ int64) { _ = newSalvage(t.Context(), data, RecoverOptions{}).find() },
			} {
				a := looked(func() { work(small, int64(len(small))) })
				b := looked(func() { work(large, int64(len(large))) })
				if limit := times*2*a + size; b > limit || b > maxLooks*int64(len(large)) {
					t.Errorf("%s looks at %d bytes of %d, and at %d of %d: more than %d, or %d times the file",
						name, a, len(small), b, len(large), limit, maxLooks)
				}
				bound := scanAllocates + scanAllocatesPerByte*int64(len(large))
				if n := allocated(func() { work(large, int64(len(large))) }); n > bound {
					t.Errorf("%s allocates %d bytes for %d, more than %d", name, n, len(large), bound)
				}
			}
		})
	}
}
