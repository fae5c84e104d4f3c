package rpc_test

import (
	"errors"
	"fmt"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// Operands and Sum are the messages of a method.
type (
	Operands struct{ A, B int }
	Sum      struct{ Total int }
)

// Add is the method; both ends import the package that declares it.
var Add = rpc.NewMethod("math.add", rpc.Binary[Operands](), rpc.Binary[Sum]())

// One end encodes a request with the method's codec, the other decodes it.
func Example() {
	b, err := Add.Request().Append(nil, Operands{A: 1, B: -2})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s %#x: % x\n", Add.Name(), Add.ID(), b)

	request, err := Add.Request().Parse(b)
	fmt.Printf("%+v, %v\n", request, err)

	_, err = Add.Request().Parse(b[:1])
	fmt.Println(errors.Is(err, rpc.ErrMalformed), err)

	// Output:
	// math.add 0x6c58aad87962fdbb: 02 03
	// {A:1 B:-2}, <nil>
	// true rpc: malformed message: shorter than it says
}

// The code of an error survives wrapping and the wire.
func ExampleError() {
	sent := rpc.AppendError(nil, &rpc.Error{Code: rpc.NotFound, Reason: "math.no_such_sum", Message: "nothing to add"})

	received, err := rpc.ParseError(sent)
	if err != nil {
		fmt.Println(err)
		return
	}
	failure := fmt.Errorf("adding: %w", received)
	fmt.Println(failure)
	fmt.Println(errors.Is(failure, rpc.NotFound), received.Reason)

	// Output:
	// adding: not found: nothing to add
	// true math.no_such_sum
}

// A Reading has a hand-written codec.
type Reading struct {
	Sensor string
	Values []uint64
}

type readingCodec struct{}

func (readingCodec) Append(dst []byte, r Reading) ([]byte, error) {
	w := rpc.BuildBytes(dst)
	w.Bytes([]byte(r.Sensor))
	w.Uvarint(uint64(len(r.Values)))
	for _, v := range r.Values {
		w.Uvarint(v)
	}
	return w.Appended(), nil
}

func (readingCodec) Parse(b []byte) (Reading, error) {
	c := rpc.NewCursor(b)
	r := Reading{Sensor: string(c.Bytes())}
	r.Values = make([]uint64, c.Count(1)) // bounded by the bytes that are there
	for i := range r.Values {
		r.Values[i] = c.Uvarint()
	}
	return r, c.End()
}

// Builder and Cursor make a codec without reflection; the bytes are the same.
func ExampleCursor() {
	r := Reading{Sensor: "roof", Values: []uint64{21, 300}}
	b, err := readingCodec{}.Append(nil, r)
	fmt.Printf("% x %v\n", b, err)
	same, err := rpc.Binary[Reading]().Append(nil, r)
	fmt.Printf("% x %v\n", same, err)

	_, err = readingCodec{}.Parse([]byte("\x04roof\xff\xff\xff\xff\x0f"))
	fmt.Println(err)

	// Output:
	// 04 72 6f 6f 66 02 15 ac 02 <nil>
	// 04 72 6f 6f 66 02 15 ac 02 <nil>
	// rpc: malformed message: more elements than bytes for them
}
