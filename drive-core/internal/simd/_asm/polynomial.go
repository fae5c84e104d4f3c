package main

import "math/bits"

// ieee is the polynomial of CRC-32, highest power first, without x^32.
const ieee = 0x04C11DB7

// power returns x^n modulo the polynomial, lowest power in the highest of 33 bits,
// as carry-less multiplication of reflected bits wants it.
func power(n int) uint64 {
	r := uint32(1)
	for range n {
		carry := r >> 31
		r = r<<1 ^ ieee*carry
	}
	return uint64(bits.Reverse32(r)) << 1
}

// fold returns the two constants that move 128 bits by distance bits: for the low and
// for the high half.
func fold(distance int) [2]uint64 { return [2]uint64{power(distance + 32), power(distance - 32)} }

// quotient returns x^64 divided by the polynomial, reflected.
func quotient() uint64 {
	const divisor = 1<<32 | ieee
	var q, r uint64 = 0, 1 // r is the remainder of x^0
	for range 64 {
		r <<= 1
		q <<= 1
		if r>>32 != 0 {
			r ^= divisor
			q |= 1
		}
	}
	return bits.Reverse64(q) >> 31
}

// reflected returns the polynomial itself, reflected, with x^32.
func reflected() uint64 { return uint64(bits.Reverse32(ieee))<<1 | 1 }
