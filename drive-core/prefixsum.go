package drive

import (
	"hash/crc32"
	"sync"
)

// A checksum of any stretch of bytes in bounded time. CRC-32 is linear: from the
// checksums of data[base:a] and data[base:b] that of data[a:b] follows without
// reading a byte between. Salvage needs it, because a damaged region may hold many
// places that look like an entry, each with another beginning.
const (
	// sampleStride is how far apart checksums are remembered, and therefore the most
	// bytes that one question has to read.
	sampleStride = 1 << 10
	// maxSamples bounds what is remembered, 4 bytes each; for larger regions the
	// stride grows.
	maxSamples = 1 << 22
)

// prefixSums answers questions about data from base on. Ends must be asked for in
// rising order.
type prefixSums struct {
	data    []byte
	base    int64
	stride  int64
	whole   runningSum // of data[base:whole.at]
	samples []uint32   // samples[i] is the checksum of data[base:base+i*stride]
}

// reset begins with the region data[base:limit].
func (p *prefixSums) reset(data []byte, base, limit int64) {
	p.data, p.base, p.stride = data, base, sampleStride
	for (limit-base)/p.stride > maxSamples {
		p.stride *= 2
	}
	p.whole = runningSum{at: base}
	p.samples = append(p.samples[:0], 0)
}

// between returns the checksum of data[start:end], base <= start <= end.
func (p *prefixSums) between(start, end int64) uint32 {
	for {
		next := p.base + int64(len(p.samples))*p.stride
		if next > end {
			break
		}
		p.samples = append(p.samples, p.whole.extend(p.data, next))
	}
	i := (start - p.base) / p.stride
	front := runningSum{at: p.base + i*p.stride, sum: p.samples[i]}
	return p.whole.extend(p.data, end) ^ shiftChecksum(front.extend(p.data, start), end-start)
}

// shiftChecksum returns what sum contributes to the checksum of a longer stretch:
// the checksum of A followed by n bytes B is shiftChecksum(of A, n) xor that of B.
func shiftChecksum(sum uint32, n int64) uint32 {
	powers := checksumPowers()
	for digit := 0; n > 0; digit++ {
		if d := n & 0xFF; d != 0 {
			sum = multiplyChecksums(powers[digit][d], sum)
		}
		n >>= 8
	}
	return sum
}

// checksumPowers returns x to the power of 8*d*256^i, modulo the polynomial of the
// checksum, at [i][d]: what each digit of a length in bytes multiplies by.
var checksumPowers = sync.OnceValue(func() *[8][256]uint32 {
	const one, byteShift = 1 << 31, 1 << 23 // x^0 and x^8; the highest bit is the lowest power
	p := new([8][256]uint32)
	step := uint32(byteShift)
	for i := range p {
		p[i][0] = one
		for d := 1; d < 256; d++ {
			p[i][d] = multiplyChecksums(p[i][d-1], step)
		}
		step = multiplyChecksums(p[i][255], step)
	}
	return p
})

// multiplyChecksums multiplies two polynomials modulo that of the checksum, all
// with the highest bit as the lowest power.
func multiplyChecksums(a, b uint32) uint32 {
	var product uint32
	for bit := uint32(1) << 31; bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		b = b>>1 ^ crc32.IEEE&-(b&1)
	}
	return product
}
