package main

import (
	. "github.com/mmcloughlin/avo/build" //nolint:revive // instructions read best as they are written in assembly
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// indexUint64 generates the search for 8 bytes: 64 places at a time are compared with
// the first two of them, and a place that has both with all 8.
func indexUint64() {
	TEXT("indexUint64AVX2", NOSPLIT, "func(p *byte, places int, v uint64) int")
	Doc("indexUint64AVX2 returns the first of places, 64 at least, at which p holds v, or -1.")
	Pragma("noescape")
	Load(Param("p"), reg.RSI)
	Load(Param("places"), reg.RCX)
	Load(Param("v"), reg.RDX)
	VMOVQ(reg.RDX, reg.X0)
	VPSRLQ(operand.U8(8), reg.X0, reg.X1)
	VPBROADCASTB(reg.X0, reg.Y0)
	VPBROADCASTB(reg.X1, reg.Y1)
	scan(1, func(data operand.Mem, to reg.Register, second bool) {
		want := reg.Y0
		if second {
			want = reg.Y1
		}
		emit("VPCMPEQB", data, want, to)
	}, func(place operand.Mem, miss operand.LabelRef) {
		CMPQ(place, reg.RDX)
		JNE(miss)
	})
}

// indexBelow generates the search for a small number: the bytes above it are zeros,
// of which the lowest and the highest are looked at in 64 places at a time.
func indexBelow() {
	TEXT("indexBelowAVX2", NOSPLIT, "func(p *byte, places int, limit uint64, zero int) int")
	Doc("indexBelowAVX2 returns the first of places, 64 at least, at which p holds a number",
		"below limit, or -1. The bytes from zero on, which is 7 at most, of all numbers below limit are zeros.")
	Pragma("noescape")
	Load(Param("p"), reg.RSI)
	Load(Param("places"), reg.RCX)
	Load(Param("limit"), reg.RDX)
	Load(Param("zero"), reg.R10)
	VPXOR(reg.Y0, reg.Y0, reg.Y0)
	scan(0, func(data operand.Mem, to reg.Register, second bool) {
		if second {
			data.Disp += 7
		} else {
			data.Index, data.Scale = reg.R10, 1
		}
		emit("VPCMPEQB", data, reg.Y0, to)
	}, func(place operand.Mem, miss operand.LabelRef) {
		CMPQ(place, reg.RDX)
		JCC(miss)
	})
}

// scan generates the loop over 64 places at a time. compare compares 32 bytes of
// data, twice; the second time they begin step bytes later. check jumps to miss
// unless the place is what is looked for.
func scan(step int, compare func(data operand.Mem, to reg.Register, second bool), check func(place operand.Mem, miss operand.LabelRef)) {
	XORQ(reg.RAX, reg.RAX)
	SUBQ(operand.I32(64), reg.RCX) // the last place at which 64 begin
	Label("block")
	at := operand.Mem{Base: reg.RSI}
	later := operand.Mem{Base: reg.RSI, Disp: step}
	compare(at, reg.Y2, false)
	compare(later, reg.Y3, true)
	compare(at.Offset(32), reg.Y4, false)
	compare(later.Offset(32), reg.Y5, true)
	VPAND(reg.Y2, reg.Y3, reg.Y2)
	VPAND(reg.Y4, reg.Y5, reg.Y4)
	VPOR(reg.Y2, reg.Y4, reg.Y3)
	VPTEST(reg.Y3, reg.Y3)
	JNZ(operand.LabelRef("some"))
	Label("next")
	CMPQ(reg.RAX, reg.RCX)
	JGE(operand.LabelRef("none"))
	ADDQ(operand.I32(64), reg.RAX)
	ADDQ(operand.I32(64), reg.RSI)
	CMPQ(reg.RAX, reg.RCX)
	JLE(operand.LabelRef("block"))
	// Fewer than 64 are left: go back, to places that have been looked at.
	SUBQ(reg.RAX, reg.RCX)
	ADDQ(reg.RCX, reg.RSI)
	ADDQ(reg.RCX, reg.RAX)
	MOVQ(reg.RAX, reg.RCX)
	JMP(operand.LabelRef("block"))

	Label("some")
	VPMOVMSKB(reg.Y2, reg.R8L)
	VPMOVMSKB(reg.Y4, reg.R9L)
	SHLQ(operand.U8(32), reg.R9)
	ORQ(reg.R9, reg.R8)
	Label("candidate")
	BSFQ(reg.R8, reg.R9)
	check(operand.Mem{Base: reg.RSI, Index: reg.R9, Scale: 1}, operand.LabelRef("miss"))
	ADDQ(reg.R9, reg.RAX)
	VZEROUPPER()
	Store(reg.RAX, ReturnIndex(0))
	RET()
	Label("miss")
	LEAQ(operand.Mem{Base: reg.R8, Disp: -1}, reg.R9)
	ANDQ(reg.R9, reg.R8)
	JNZ(operand.LabelRef("candidate"))
	JMP(operand.LabelRef("next"))

	Label("none")
	VZEROUPPER()
	MOVQ(operand.I32(-1), reg.RAX)
	Store(reg.RAX, ReturnIndex(0))
	RET()
}
