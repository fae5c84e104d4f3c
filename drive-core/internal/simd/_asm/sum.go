package main

import (
	. "github.com/mmcloughlin/avo/build" //nolint:revive // instructions read best as they are written in assembly
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// blockBytes is what the accumulators take in together.
const blockBytes = 256

// sum generates a CRC-32 by folding: 256 bytes are held in accumulators, and are moved
// over the next 256 by two carry-less multiplications for each 128 bits. The
// accumulators do not depend on each other, so that the multiplier never waits.
type sum struct {
	copying bool
	width   int // bytes of a register
	acc     []reg.Register
	far     reg.Register // constants to fold by a block
	near    reg.Register // constants to fold by one register
	tmp     []reg.Register

	crc, src, dst, n reg.Register
}

func newSum(wide bool) *sum {
	s := &sum{width: 32, src: reg.RSI, dst: reg.RDI, n: reg.RCX, crc: reg.EAX}
	y := []reg.Register{reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7}
	s.acc, s.far, s.near, s.tmp = y, reg.Y8, reg.Y9, []reg.Register{reg.Y10, reg.Y11, reg.Y12, reg.Y13}
	if wide {
		s.width = 64
		s.acc = []reg.Register{reg.Z0, reg.Z1, reg.Z2, reg.Z3}
		s.far, s.near, s.tmp = reg.Z8, reg.Z9, []reg.Register{reg.Z10, reg.Z11, reg.Z12, reg.Z13}
	}
	return s
}

func newCopySum(wide bool) *sum {
	s := newSum(wide)
	s.copying = true
	return s
}

// wide tells whether registers have 512 bits.
func (s *sum) wide() bool { return s.width == 64 }

// table defines read-only data of 64 bits each and returns a reference.
func table(name string, words ...uint64) operand.Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i, w := range words {
		DATA(8*i, operand.U64(w))
	}
	return m
}

// lanes repeats the constants of a distance for each 128 bits of a register.
func (s *sum) lanes(distance int) []uint64 {
	var words []uint64
	for range s.width / 16 {
		k := fold(distance)
		words = append(words, k[0], k[1])
	}
	return words
}

// load reads a register at an offset of src, and stores it at dst when copying.
func (s *sum) load(offset int, to reg.Register) {
	op := "VMOVDQU"
	if s.wide() {
		op = "VMOVDQU64"
	}
	emit(op, operand.Mem{Base: s.src, Disp: offset}, to)
	if s.copying {
		emit(op, to, operand.Mem{Base: s.dst, Disp: offset})
	}
}

// advance moves on by size bytes.
func (s *sum) advance(size int) {
	ADDQ(operand.I32(size), s.src)
	if s.copying {
		ADDQ(operand.I32(size), s.dst)
	}
	SUBQ(operand.I32(size), s.n)
}

// xor makes to the sum of a and b.
func (s *sum) xor(a, b, to reg.Register) {
	op := "VPXOR"
	if s.wide() {
		op = "VPXORQ"
	}
	emit(op, a, b, to)
}

// foldInto moves acc by the distance of the constants and adds what tmp holds.
func (s *sum) foldInto(constants, acc, high, data reg.Register) {
	emit("VPCLMULQDQ", operand.U8(0x11), constants, acc, high)
	emit("VPCLMULQDQ", operand.U8(0x00), constants, acc, acc)
	if s.wide() {
		emit("VPTERNLOGD", operand.U8(0x96), data, high, acc)
		return
	}
	s.xor(high, acc, acc)
	s.xor(data, acc, acc)
}

// start puts the sum before the first byte.
func (s *sum) start() {
	VMOVD(s.crc, reg.X10)
	s.xor(s.tmp[0], s.acc[0], s.acc[0]) // a move to 128 bits clears the others
}

func (s *sum) generate(name, requires string) {
	signature := "func(crc uint32, p []byte) uint32"
	if s.copying {
		signature = "func(crc uint32, dst, src []byte) uint32"
	}
	TEXT(name, NOSPLIT, signature)
	if s.copying {
		Doc(name+" copies src to dst and continues crc, which is not inverted, with its bytes.", requires)
		Load(Param("dst").Base(), s.dst)
		Load(Param("src").Base(), s.src)
		Load(Param("src").Len(), s.n)
	} else {
		Doc(name+" continues crc, which is not inverted, with the bytes of p.", requires)
		Load(Param("p").Base(), s.src)
		Load(Param("p").Len(), s.n)
	}
	Pragma("noescape")
	Load(Param("crc"), s.crc)
	emit(s.move(), table(name+"Near", s.lanes(8*s.width)...), s.near)
	CMPQ(s.n, operand.I32(blockBytes))
	JL(operand.LabelRef("short"))

	emit(s.move(), table(name+"Far", s.lanes(8*blockBytes)...), s.far)
	for i, a := range s.acc {
		s.load(i*s.width, a)
	}
	s.start()
	s.advance(blockBytes)
	JMP(operand.LabelRef("test"))

	Label("block")
	for i, a := range s.acc {
		data, high := s.tmp[i%2*2], s.tmp[i%2*2+1]
		s.load(i*s.width, data)
		s.foldInto(s.far, a, high, data)
	}
	s.advance(blockBytes)
	Label("test")
	CMPQ(s.n, operand.I32(blockBytes))
	JGE(operand.LabelRef("block"))

	last := s.acc[len(s.acc)-1]
	s.join(name)
	JMP(operand.LabelRef("testOne"))

	Label("short") // one register begins, where the last accumulator would be
	s.load(0, last)
	VMOVD(s.crc, reg.X10)
	s.xor(s.tmp[0], last, last)
	s.advance(s.width)
	JMP(operand.LabelRef("testOne"))

	Label("one")
	s.load(0, s.tmp[2])
	s.foldInto(s.near, last, s.tmp[3], s.tmp[2])
	s.advance(s.width)
	Label("testOne")
	CMPQ(s.n, operand.I32(s.width))
	JGE(operand.LabelRef("one"))

	s.narrow(name, last)
	s.remainder(name)
	VZEROUPPER()
	Store(reg.EAX, ReturnIndex(0))
	RET()
}

func (s *sum) move() string {
	if s.wide() {
		return "VMOVDQU64"
	}
	return "VMOVDQU"
}

// join adds all accumulators into the last, each moved by its own distance.
func (s *sum) join(name string) {
	last := s.acc[len(s.acc)-1]
	for i, a := range s.acc[:len(s.acc)-1] {
		distance := 8 * s.width * (len(s.acc) - 1 - i)
		k := s.near
		if distance != 8*s.width {
			k = s.far // no longer needed
			emit(s.move(), table(name+"Join"+string(rune('0'+i)), s.lanes(distance)...), k)
		}
		s.foldInto(k, a, s.tmp[1], last)
		emit(s.move(), a, last)
	}
}

// narrow adds the 128-bit lanes of a register into X0, each moved by its distance.
func (s *sum) narrow(name string, from reg.Register) {
	count := s.width / 16
	var words []uint64
	for i := range count - 1 {
		k := fold(128 * (count - 1 - i))
		words = append(words, k[0], k[1])
	}
	words = append(words, 0, 0) // the last lane stays where it is
	emit(s.move(), table(name+"Lanes", words...), s.far)
	emit("VPCLMULQDQ", operand.U8(0x11), s.far, from, s.tmp[0])
	emit("VPCLMULQDQ", operand.U8(0x00), s.far, from, s.tmp[1])
	if s.wide() {
		emit("VEXTRACTI32X4", operand.U8(3), from, reg.X0)
		s.xor(s.tmp[0], s.tmp[1], s.tmp[1])
		emit("VEXTRACTI32X4", operand.U8(1), reg.Z11, reg.X12)
		emit("VEXTRACTI32X4", operand.U8(2), reg.Z11, reg.X13)
		VPXOR(reg.X11, reg.X0, reg.X0)
		VPXOR(reg.X12, reg.X13, reg.X13)
		VPXOR(reg.X13, reg.X0, reg.X0)
		return
	}
	emit("VEXTRACTI128", operand.U8(1), from, reg.X0)
	s.xor(s.tmp[0], s.tmp[1], s.tmp[1])
	VPXOR(reg.X11, reg.X0, reg.X0) // the upper half is zero
}

// remainder folds what is left 16 bytes at a time, and reduces X0 to the sum.
func (s *sum) remainder(name string) {
	k := fold(128)
	m := table(name+"Reduce", k[0], k[1], power(64), 0, reflected(), quotient(), 0xFFFFFFFF, 0)
	VMOVDQU(m, reg.X1)
	JMP(operand.LabelRef("testSixteen"))
	Label("sixteen")
	VMOVDQU(operand.Mem{Base: s.src}, reg.X2)
	if s.copying {
		VMOVDQU(reg.X2, operand.Mem{Base: s.dst})
	}
	VPCLMULQDQ(operand.U8(0x11), reg.X1, reg.X0, reg.X3)
	VPCLMULQDQ(operand.U8(0x00), reg.X1, reg.X0, reg.X0)
	VPXOR(reg.X2, reg.X3, reg.X3)
	VPXOR(reg.X3, reg.X0, reg.X0)
	s.advance(16)
	Label("testSixteen")
	CMPQ(s.n, operand.I32(16))
	JGE(operand.LabelRef("sixteen"))

	// 128 bits to 96, to 64, and then the remainder of the division (Barrett).
	VMOVDQU(m.Offset(48), reg.X4)
	VPCLMULQDQ(operand.U8(0x10), reg.X1, reg.X0, reg.X2) // low half times the high constant
	VPSRLDQ(operand.U8(8), reg.X0, reg.X0)
	VPXOR(reg.X2, reg.X0, reg.X0)
	VMOVDQU(m.Offset(16), reg.X1)
	VPAND(reg.X4, reg.X0, reg.X2)
	VPSRLDQ(operand.U8(4), reg.X0, reg.X0)
	VPCLMULQDQ(operand.U8(0x00), reg.X1, reg.X2, reg.X2)
	VPXOR(reg.X2, reg.X0, reg.X0)
	VMOVDQU(m.Offset(32), reg.X1)
	VPAND(reg.X4, reg.X0, reg.X2)
	VPCLMULQDQ(operand.U8(0x10), reg.X1, reg.X2, reg.X2)
	VPAND(reg.X4, reg.X2, reg.X2)
	VPCLMULQDQ(operand.U8(0x00), reg.X1, reg.X2, reg.X2)
	VPXOR(reg.X2, reg.X0, reg.X0)
	VPEXTRD(operand.U8(1), reg.X0, reg.EAX)
}
