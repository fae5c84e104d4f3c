package bitcode_test

import (
	"fmt"

	"github.com/simd-drive/go/drive-service-definition/bitcode"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// A message of two columns: a number, and three strings whose count is known
// from the first.
func Example() {
	words := []string{"a", "bc", ""}
	w := rpc.BuildBytes(nil)
	bitcode.PutCount(&w, bitcode.Canonical, len(words))
	bitcode.PutStrs(&w, bitcode.Canonical, len(words), func(i int) []byte { return []byte(words[i]) })
	fmt.Printf("%x\n", w.Appended())

	c := rpc.NewCursor(w.Appended())
	n := bitcode.TakeCount(&c, 10, rpc.ErrMalformed)
	column := bitcode.TakeStrs(&c, n)
	if err := c.End(); err != nil {
		fmt.Println(err)
		return
	}
	for range n {
		fmt.Printf("%q\n", column.Next())
	}

	// Output:
	// 03080700616263
	// "a"
	// "bc"
	// ""
}
