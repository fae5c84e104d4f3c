// Command _asm writes the assembly of package simd. `make gen` runs it.
package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
)

func main() {
	build.ConstraintExpr("!purego")
	newSum(false).generate("crcAVX2", "The length of p is a multiple of 16, and 64 at least.")
	newSum(true).generate("crcAVX512", "The length of p is a multiple of 16, and 64 at least.")
	newCopySum(false).generate("copyAVX2", "The length of src is a multiple of 16, and 64 at least; dst is as long.")
	newCopySum(true).generate("copyAVX512", "The length of src is a multiple of 16, and 64 at least; dst is as long.")
	indexUint64()
	indexBelow()
	build.Generate()
}

// emit adds an instruction of a form that avo does not know. All registers of this
// program are physical ones, so nothing needs to be told of their life.
func emit(opcode string, operands ...operand.Op) {
	build.Instruction(&ir.Instruction{Opcode: opcode, Operands: operands})
}
