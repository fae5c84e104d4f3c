package rpc

import (
	"bytes"
	"reflect"
	"testing"

	kelindar "github.com/kelindar/binary"
)

// fuzzBinary decodes b as T and checks that a refusal or result costs no more
// memory than allowed, and that what is accepted is what kelindar/binary reads.
// exact says that T has one encoding only.
func fuzzBinary[T any](t *testing.T, b []byte, exact bool) {
	t.Helper()
	codec := Binary[T]()
	var v T
	var err error
	used := allocated(func() { v, err = codec.Parse(b) })
	if limit := uint64(len(b))*MaxBinaryExpansion + parseSlack; used > limit {
		t.Errorf("%d bytes took %d bytes of memory", len(b), used)
	}
	if err != nil {
		return
	}
	var reference T
	if err := kelindar.Unmarshal(b, &reference); err != nil {
		t.Fatalf("accepted what kelindar/binary refuses: %v", err)
	}
	again, err := codec.Append(nil, v)
	if err != nil {
		t.Fatalf("a decoded value cannot be encoded: %v", err)
	}
	if !exact {
		if _, err := codec.Parse(again); err != nil {
			t.Errorf("an encoded value cannot be decoded: %v", err)
		}
		return
	}
	if !bytes.Equal(again, b) {
		t.Errorf("%x came back as %x", b, again)
	}
	if !reflect.DeepEqual(v, reference) {
		t.Errorf("got %+v, kelindar/binary reads %+v", v, reference)
	}
}

func FuzzBinary(f *testing.F) {
	type integers struct {
		A int8
		B uint16
		C []int32
		D [2]uint64
		E bool
		F []bool
	}
	type tree struct {
		Name     string
		Children []*struct {
			Tags   [][]byte
			Points []point
			P      **point
		}
	}
	targets := []func(*testing.T, []byte){
		func(t *testing.T, b []byte) { fuzzBinary[integers](t, b, true) },
		func(t *testing.T, b []byte) { fuzzBinary[tree](t, b, true) },
		func(t *testing.T, b []byte) { fuzzBinary[scalars](t, b, false) }, // NaN has many encodings
		func(t *testing.T, b []byte) { fuzzBinary[lists](t, b, false) },
		func(t *testing.T, b []byte) { fuzzBinary[maps](t, b, false) },
		func(t *testing.T, b []byte) { fuzzBinary[timed](t, b, false) },
		func(t *testing.T, b []byte) { fuzzBinary[[]map[string]string](t, b, false) },
	}
	add := func(target byte, v any) {
		b, err := kelindar.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(target, b)
	}
	add(0, &integers{A: -5, B: 300, C: []int32{1, -70000}, F: []bool{true, false}})
	add(1, &tree{Name: "root"})
	add(2, &scalars{I64: -1 << 62, F64: 1.5, Text: "text"})
	add(3, &lists{Bytes: []byte("abc"), Pointers: []*point{nil, {1, 2}}})
	add(4, &maps{Ints: map[string]int{"a": 1}, Wide: map[uint64]float64{1: 2}})
	add(5, &timed{})
	add(6, &[]map[string]string{{"a": "b"}, nil})
	f.Add(byte(1), []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Add(byte(3), []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0})
	f.Fuzz(func(t *testing.T, target byte, b []byte) {
		targets[int(target)%len(targets)](t, b)
	})
}
