package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// lanes8 fills Z registers lo and hi with words of 8 keys whose slice headers begin at
// RSI: load is called for each with the pointer in R8 and the length in R9, and leaves
// the two words in R10 and R11.
func lanes8(load func()) {
	// Pairs into X, X into Y, Y into Z; lengths to Z15.
	los := []reg.Register{reg.X0, reg.X1, reg.X2, reg.X3}
	his := []reg.Register{reg.X4, reg.X5, reg.X6, reg.X7}
	lens := []reg.Register{reg.X8, reg.X9, reg.X10, reg.X11}
	for i := range 8 {
		MOVQ(operand.Mem{Base: reg.RSI, Disp: 24 * i}, reg.R8)
		MOVQ(operand.Mem{Base: reg.RSI, Disp: 24*i + 8}, reg.R9)
		load()
		for _, w := range []struct {
			from reg.Register
			to   reg.Register
		}{{reg.R10, los[i/2]}, {reg.R11, his[i/2]}, {reg.R9, lens[i/2]}} {
			if i%2 == 0 {
				emit("VMOVQ", w.from, w.to)
			} else {
				emit("VPINSRQ", operand.U8(1), w.from, w.to, w.to)
			}
		}
	}
	join := func(x [4]reg.Register, y [2]reg.Register, z reg.Register) {
		emit("VINSERTI128", operand.U8(1), x[1], y[0], y[0])
		emit("VINSERTI128", operand.U8(1), x[3], y[1], y[1])
		emit("VINSERTI64X4", operand.U8(1), y[1], z, z)
	}
	join([4]reg.Register{reg.X0, reg.X1, reg.X2, reg.X3}, [2]reg.Register{reg.Y0, reg.Y2}, reg.Z0)
	join([4]reg.Register{reg.X4, reg.X5, reg.X6, reg.X7}, [2]reg.Register{reg.Y4, reg.Y6}, reg.Z4)
	join([4]reg.Register{reg.X8, reg.X9, reg.X10, reg.X11}, [2]reg.Register{reg.Y8, reg.Y10}, reg.Z8)
}

func broadcast(name string, v uint64, to reg.Register) {
	emit("VPBROADCASTQ", table(name, v), to)
}

// hashShort generates XXH3-64 of 8 keys of 4 to 8 bytes.
func hashShort() {
	TEXT("hash4to8AVX512", NOSPLIT, "func(out *[8]uint64, keys *[8][]byte)")
	Doc("hash4to8AVX512 hashes keys of 4 to 8 bytes.")
	Pragma("noescape")
	Load(Param("keys"), reg.RSI)
	Load(Param("out"), reg.RDI)
	lanes8(func() {
		MOVL(operand.Mem{Base: reg.R8}, reg.R10L)
		MOVL(operand.Mem{Base: reg.R8, Index: reg.R9, Scale: 1, Disp: -4}, reg.R11L)
	})
	const secret = 0x1cad21f72c81017c ^ 0xdb979083e96dd4de
	broadcast("shortSecret", secret, reg.Z12)
	broadcast("shortPrime", 0x9FB21C651E98DF25, reg.Z13)
	emit("VPSLLQ", operand.U8(32), reg.Z0, reg.Z0)
	emit("VPADDQ", reg.Z0, reg.Z4, reg.Z0)
	emit("VPXORQ", reg.Z0, reg.Z12, reg.Z0)
	emit("VPROLQ", operand.U8(49), reg.Z0, reg.Z1)
	emit("VPROLQ", operand.U8(24), reg.Z0, reg.Z2)
	emit("VPTERNLOGQ", operand.U8(0x96), reg.Z1, reg.Z2, reg.Z0)
	emit("VPMULLQ", reg.Z13, reg.Z0, reg.Z0)
	emit("VPSRLQ", operand.U8(35), reg.Z0, reg.Z1)
	emit("VPADDQ", reg.Z8, reg.Z1, reg.Z1)
	emit("VPXORQ", reg.Z1, reg.Z0, reg.Z0)
	emit("VPMULLQ", reg.Z13, reg.Z0, reg.Z0)
	emit("VPSRLQ", operand.U8(28), reg.Z0, reg.Z1)
	emit("VPXORQ", reg.Z1, reg.Z0, reg.Z0)
	emit("VMOVDQU64", reg.Z0, operand.Mem{Base: reg.RDI})
	VZEROUPPER()
	RET()
}

// hashMedium generates XXH3-64 of 8 keys of 9 to 16 bytes.
func hashMedium() {
	TEXT("hash9to16AVX512", NOSPLIT, "func(out *[8]uint64, keys *[8][]byte)")
	Doc("hash9to16AVX512 hashes keys of 9 to 16 bytes.")
	Pragma("noescape")
	Load(Param("keys"), reg.RSI)
	Load(Param("out"), reg.RDI)
	lanes8(func() {
		MOVQ(operand.Mem{Base: reg.R8}, reg.R10)
		MOVQ(operand.Mem{Base: reg.R8, Index: reg.R9, Scale: 1, Disp: -8}, reg.R11)
	})
	broadcast("mediumLow", 0x1f67b3b7a4a44072^0x78e5c0cc4ee679cb, reg.Z12)
	broadcast("mediumHigh", 0x2172ffcc7dd05a82^0x8e2443f7744608b8, reg.Z13)
	emit("VPXORQ", reg.Z0, reg.Z12, reg.Z0)
	emit("VPXORQ", reg.Z4, reg.Z13, reg.Z4)
	// acc (Z8, the lengths) += swapped low + high.
	var swap []uint64
	for range 4 {
		swap = append(swap, 0x0001020304050607, 0x08090a0b0c0d0e0f)
	}
	emit("VMOVDQU64", table("mediumSwap", swap...), reg.Z1)
	emit("VPSHUFB", reg.Z1, reg.Z0, reg.Z1)
	emit("VPADDQ", reg.Z1, reg.Z8, reg.Z8)
	emit("VPADDQ", reg.Z4, reg.Z8, reg.Z8)
	// 128-bit product of Z0 and Z4 from four of 32 bits.
	broadcast("low32", 0xFFFFFFFF, reg.Z14)
	emit("VPSRLQ", operand.U8(32), reg.Z0, reg.Z1)
	emit("VPSRLQ", operand.U8(32), reg.Z4, reg.Z5)
	emit("VPMULUDQ", reg.Z0, reg.Z4, reg.Z2) // ll
	emit("VPMULUDQ", reg.Z1, reg.Z4, reg.Z3) // hl
	emit("VPMULUDQ", reg.Z0, reg.Z5, reg.Z6) // lh
	emit("VPMULUDQ", reg.Z1, reg.Z5, reg.Z7) // hh
	emit("VPSRLQ", operand.U8(32), reg.Z2, reg.Z9)
	emit("VPADDQ", reg.Z9, reg.Z3, reg.Z3) // hl + ll>>32
	emit("VPANDQ", reg.Z14, reg.Z3, reg.Z9)
	emit("VPADDQ", reg.Z9, reg.Z6, reg.Z6) // lh + low
	emit("VPSRLQ", operand.U8(32), reg.Z3, reg.Z3)
	emit("VPSRLQ", operand.U8(32), reg.Z6, reg.Z9)
	emit("VPADDQ", reg.Z3, reg.Z7, reg.Z7)
	emit("VPADDQ", reg.Z9, reg.Z7, reg.Z7) // upper half
	emit("VPSLLQ", operand.U8(32), reg.Z6, reg.Z6)
	emit("VPANDQ", reg.Z14, reg.Z2, reg.Z2)
	emit("VPORQ", reg.Z2, reg.Z6, reg.Z6) // lower half
	emit("VPXORQ", reg.Z6, reg.Z7, reg.Z7)
	emit("VPADDQ", reg.Z7, reg.Z8, reg.Z0)
	// Avalanche.
	broadcast("avalanche", 0x165667919E3779F9, reg.Z13)
	emit("VPSRLQ", operand.U8(37), reg.Z0, reg.Z1)
	emit("VPXORQ", reg.Z1, reg.Z0, reg.Z0)
	emit("VPMULLQ", reg.Z13, reg.Z0, reg.Z0)
	emit("VPSRLQ", operand.U8(32), reg.Z0, reg.Z1)
	emit("VPXORQ", reg.Z1, reg.Z0, reg.Z0)
	emit("VMOVDQU64", reg.Z0, operand.Mem{Base: reg.RDI})
	VZEROUPPER()
	RET()
}

// prefetchHomes generates the prefetch of the slots where searches begin.
func prefetchHomes() {
	TEXT("prefetchHomes", NOSPLIT, "func(tables *byte, mul uint64, hashes *uint64, stride, n int)")
	Doc("prefetchHomes brings the lines where the searches for n hashes begin into the cache.",
		"tables are 64 pointers to a table, whose slots begin where its second word says; the third is their number.")
	Pragma("noescape")
	Load(Param("tables"), reg.RDI)
	Load(Param("mul"), reg.R8)
	Load(Param("hashes"), reg.RSI)
	Load(Param("stride"), reg.R9)
	Load(Param("n"), reg.RCX)
	TESTQ(reg.RCX, reg.RCX)
	JLE(operand.LabelRef("done"))
	Label("loop")
	MOVQ(operand.Mem{Base: reg.RSI}, reg.RDX)
	IMULQ(reg.R8, reg.RDX)
	MOVQ(reg.RDX, reg.R10)
	SHRQ(operand.U8(58), reg.R10)
	MOVQ(operand.Mem{Base: reg.RDI, Index: reg.R10, Scale: 8}, reg.R10)
	TESTQ(reg.R10, reg.R10)
	JZ(operand.LabelRef("skip"))
	SHLQ(operand.U8(6), reg.RDX)
	MOVQ(operand.Mem{Base: reg.R10, Disp: 16}, reg.RAX)
	MULQ(reg.RDX)
	SHLQ(operand.U8(4), reg.RDX)
	ADDQ(operand.Mem{Base: reg.R10, Disp: 8}, reg.RDX)
	PREFETCHT0(operand.Mem{Base: reg.RDX})
	Label("skip")
	ADDQ(reg.R9, reg.RSI)
	SUBQ(operand.U8(1), reg.RCX)
	JNZ(operand.LabelRef("loop"))
	Label("done")
	RET()
}

// prefetchLines generates the prefetch of n addresses.
func prefetchLines() {
	TEXT("prefetchLines", NOSPLIT, "func(addresses *uintptr, n int)")
	Doc("prefetchLines brings n lines into the cache. No address faults.")
	Pragma("noescape")
	Load(Param("addresses"), reg.RSI)
	Load(Param("n"), reg.RCX)
	TESTQ(reg.RCX, reg.RCX)
	JLE(operand.LabelRef("done"))
	Label("loop")
	MOVQ(operand.Mem{Base: reg.RSI}, reg.RAX)
	PREFETCHT0(operand.Mem{Base: reg.RAX})
	ADDQ(operand.U8(8), reg.RSI)
	SUBQ(operand.U8(1), reg.RCX)
	JNZ(operand.LabelRef("loop"))
	Label("done")
	RET()
}
