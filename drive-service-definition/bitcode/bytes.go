package bitcode

import (
	"encoding/binary"
	"fmt"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// Form is a choice among the encodings of one message that all readers accept.
type Form uint8

const (
	// Canonical is the form that the Rust crate writes, byte for byte: columns
	// of small numbers, or of numbers close to each other, are packed.
	Canonical Form = iota
	// Raw packs nothing, so that no byte is looked at. Messages are longer.
	Raw
)

// A bytes column of more than minHeader bytes begins with a header: twice the
// index of its packing, less one when a base byte follows. The base is
// subtracted from all bytes before they are packed.
const minHeader = 3

// minBase is the least number of elements for which a writer uses a base.
const minBase = 6

// packing puts several bytes, the digits, into one as a number with the radix,
// the first digit lowest.
type packing struct {
	radix   int
	perByte int
	// weights are the powers of the radix, the weight of the first digit in the
	// highest byte. The highest byte of their product with eight digits, the
	// first one in the lowest byte, is the number that the first digits make: no
	// sum in a lower byte reaches 256 and carries.
	weights uint64
	// inverse is 1<<16 over the radix, rounded up: for all x below 256, x*inverse
	// is x over the radix, times 1<<16, if the fraction is cut.
	inverse uint32
}

var packings = [...]packing{
	{radix: 256, perByte: 1}, // raw
	{16, 2, 0x01_10_00_00_00_00_00_00, 1<<16/16 + 1},
	{6, 3, 0x01_06_24_00_00_00_00_00, 1<<16/6 + 1},
	{4, 4, 0x01_04_10_40_00_00_00_00, 1<<16/4 + 1},
	{3, 5, 0x01_03_09_1b_51_00_00_00, 1<<16/3 + 1},
	{2, 8, 0x01_02_04_08_10_20_40_80, 1<<16/2 + 1},
}

var errForm = fmt.Errorf("%w: unknown form of a column", rpc.ErrMalformed)

// densest returns the index of the packing that puts most digits up to largest
// into a byte.
func densest(largest byte) int {
	p := len(packings) - 1
	for int(largest) >= packings[p].radix {
		p--
	}
	return p
}

// choose returns the header of n bytes between lo and hi in canonical form.
func choose(n int, lo, hi byte) (header int) {
	plain, based := densest(hi), densest(hi-lo)
	if based > plain && n >= minBase {
		return 2*based - 1
	}
	return 2 * plain
}

// packedLen returns the number of bytes that n digits take; n is not 0.
func (p *packing) packedLen(n int) int { return (n-1)/p.perByte + 1 }

// putBytes appends bytes(n) of the parts one after the other, where n is their
// length together. Large parts go by reference if the column is raw.
func putBytes(w *rpc.Builder, form Form, n, parts int, at func(int) []byte) {
	header, base := 0, byte(0)
	if n >= minHeader {
		if form == Canonical {
			lo, hi := extremes(parts, at)
			if header = choose(n, lo, hi); header%2 == 1 {
				base = lo
			}
		}
		putByte(w, byte(header))
	}
	if header == 0 {
		for i := range parts {
			w.Raw(at(i))
		}
		return
	}
	if header%2 == 1 {
		putByte(w, base)
	}
	p := &packings[(header+1)/2]
	p.pack(w.Extend(p.packedLen(n)), base, parts, at)
}

func putByte(w *rpc.Builder, b byte) { w.Extend(1)[0] = b }

// extremes returns the least and the largest byte of the parts. It may stop
// when they are too far apart for any packing.
func extremes(parts int, at func(int) []byte) (lo, hi byte) {
	const block = 32
	lo = 255
	for i := range parts {
		b := at(i)
		for ; len(b) >= block; b = b[block:] {
			// Two chains of comparisons, of which the processor runs one beside
			// the other.
			oddLo, oddHi := lo, hi
			for j := 0; j < block; j += 2 {
				lo, hi = min(lo, b[j]), max(hi, b[j])
				oddLo, oddHi = min(oddLo, b[j+1]), max(oddHi, b[j+1])
			}
			lo, hi = min(lo, oddLo), max(hi, oddHi)
			if densest(hi-lo) == 0 {
				return lo, hi
			}
		}
		for _, v := range b {
			lo, hi = min(lo, v), max(hi, v)
		}
		if lo <= hi && densest(hi-lo) == 0 {
			return lo, hi
		}
	}
	return lo, hi
}

// pack fills out with the bytes of the parts.
func (p *packing) pack(out []byte, base byte, parts int, at func(int) []byte) {
	bases := uint64(base) * 0x01_01_01_01_01_01_01_01
	sum, weight, digits := 0, 1, 0 // of a byte that is not full yet
	for i := range parts {
		for b := at(i); len(b) > 0; {
			if digits == 0 && len(b) >= 8 {
				out[0] = byte((binary.LittleEndian.Uint64(b) - bases) * p.weights >> 56)
				out, b = out[1:], b[p.perByte:]
				continue
			}
			sum += int(b[0]-base) * weight
			weight *= p.radix
			b = b[1:]
			if digits++; digits == p.perByte {
				out[0] = byte(sum)
				out = out[1:]
				sum, weight, digits = 0, 1, 0
			}
		}
	}
	if digits > 0 {
		out[0] = byte(sum)
	}
}

// takeBytes takes bytes(n). The result aliases the message if the column is raw.
// It is nil for none and after an error.
func takeBytes(c *rpc.Cursor, n int) []byte {
	if n < minHeader {
		return c.Take(n)
	}
	header := int(takeByte(c))
	if header == 0 {
		return c.Take(n)
	}
	index := (header + 1) / 2
	if index >= len(packings) {
		c.Fail(errForm)
		return nil
	}
	var base byte
	if header%2 == 1 {
		base = takeByte(c)
	}
	p := &packings[index]
	packed := c.Take(p.packedLen(n))
	if packed == nil {
		return nil
	}
	out := make([]byte, n)
	p.unpack(out, packed, base)
	return out
}

// takeByte takes one byte; it is 0 after an error.
func takeByte(c *rpc.Cursor) byte {
	if b := c.Take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

// minTable is the least number of packed bytes for which a table of what all
// bytes unpack to pays.
const minTable = 1 << 10

// unpack fills out with the digits of packed and ignores what is beyond.
func (p *packing) unpack(out, packed []byte, base byte) {
	if len(packed) >= minTable {
		var table [256][8]byte
		for b := range table {
			p.digits(table[b][:p.perByte], byte(b), base)
		}
		for len(out) >= 8 {
			*(*[8]byte)(out) = table[packed[0]] // what is too much is overwritten next
			out, packed = out[p.perByte:], packed[1:]
		}
	}
	for _, b := range packed {
		n := min(p.perByte, len(out))
		p.digits(out[:n], b, base)
		out = out[n:]
	}
}

// digits fills out with the first digits of b.
func (p *packing) digits(out []byte, b, base byte) {
	x := uint32(b)
	for i := range out {
		quotient := x * p.inverse >> 16
		out[i] = base + byte(x-quotient*uint32(p.radix))
		x = quotient
	}
}
