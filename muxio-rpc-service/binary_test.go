package rpc

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/quick"
	"time"

	kelindar "github.com/kelindar/binary"
	"github.com/kelindar/binary/nocopy"
)

type point struct{ X, Y int32 }

type level uint8

type scalars struct {
	Flag bool
	I    int
	I8   int8
	I16  int16
	I32  int32
	I64  int64
	U    uint
	U8   level
	U16  uint16
	U32  uint32
	U64  uint64
	F32  float32
	F64  float64
	C64  complex64
	C128 complex128
	Text string
}

type lists struct {
	Bytes    []byte
	Flags    []bool
	Texts    []string
	Unsigned []uint64
	Signed   []int16
	Floats   []float32
	Points   []point
	Pointers []*point
	Nested   [][]byte
	Array    [3]point
	Octets   [4]uint8
	Deep     **point
	Levels   []uint16
}

type maps struct {
	Ints  map[string]int
	Lists map[uint32][]string
	Ptrs  map[int16]*point
	Maps  map[bool]map[string]string
	Small map[level]point
	Wide  map[uint64]float64
}

type tagged struct {
	A    int
	Skip io.Reader `binary:"-"`
	_    int
	self *tagged `binary:"-"`
	P    *point
}

type timed struct {
	At   time.Time
	List []time.Time
	Ptr  *time.Time
	Nil  *time.Time
}

// sameAsKelindar checks that the codec and the library agree on v in both
// directions. Maps are written in any order, so with them only the length and
// the decoded value are compared.
func sameAsKelindar[T any](t *testing.T, v T, ordered bool) {
	t.Helper()
	got, err := Binary[T]().Append([]byte("pre"), v)
	if err != nil {
		t.Fatalf("%+v: %v", v, err)
	}
	want, err := kelindar.Marshal(&v)
	if err != nil {
		t.Fatal(err)
	}
	if string(got[:3]) != "pre" || len(got)-3 != len(want) || ordered && !bytes.Equal(got[3:], want) {
		t.Fatalf("%+v is %x, in kelindar/binary %x", v, got[3:], want)
	}
	parsed, err := Binary[T]().Parse(got[3:])
	if err != nil {
		t.Fatalf("%x: %v", got[3:], err)
	}
	var reference T
	if err := kelindar.Unmarshal(got[3:], &reference); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(parsed, reference) {
		t.Fatalf("%x is %+v, in kelindar/binary %+v", got[3:], parsed, reference)
	}
	again, err := Binary[T]().Append(nil, parsed)
	if err != nil || len(again) != len(want) || ordered && !bytes.Equal(again, want) {
		t.Fatalf("%x came back as %x: %v", want, again, err)
	}
}

func TestBinaryEqualsKelindar(t *testing.T) {
	check := func(f any) {
		t.Helper()
		if err := quick.Check(f, nil); err != nil {
			t.Error(err)
		}
	}
	check(func(v scalars) bool { sameAsKelindar(t, v, true); return true })
	check(func(v lists) bool { sameAsKelindar(t, v, true); return true })
	check(func(v maps) bool { sameAsKelindar(t, v, false); return true })
	check(func(v string) bool { sameAsKelindar(t, v, true); return true })
	check(func(v []scalars) bool { sameAsKelindar(t, v, true); return true })

	sameAsKelindar(t, scalars{}, true)
	sameAsKelindar(t, lists{}, true)
	sameAsKelindar(t, maps{}, true)
	sameAsKelindar(t, struct{}{}, true)
	sameAsKelindar(t, tagged{A: 1, Skip: strings.NewReader("x"), self: &tagged{}, P: &point{1, -2}}, true)
	sameAsKelindar(t, tagged{}, true)
	now := time.Now()
	sameAsKelindar(t, timed{At: now, List: []time.Time{now.UTC(), {}}, Ptr: &now}, true)
	sameAsKelindar(t, timed{At: now.In(time.FixedZone("", 1))}, true) // seconds in the zone: version 2, 16 bytes
}

// TestBinaryBytes holds the format itself, should the library ever change.
func TestBinaryBytes(t *testing.T) {
	v := struct {
		A []byte
		B int
		C uint8
		D *point
		E *point
		F map[string]bool
		G [2]uint16
		H bool
		I float32
	}{[]byte("hi"), -3, 200, nil, &point{1, -1}, map[string]bool{"k": true}, [2]uint16{1, 300}, true, 1.5}
	want := "\x02hi" + "\x05" + "\xc8\x01" + "\x01" + "\x00\x02\x01" + "\x01\x01\x00k\x01" + "\x01\xac\x02" + "\x01" + "\x00\x00\xc0\x3f"
	got, err := kelindar.Marshal(&v)
	if err != nil || string(got) != want {
		t.Errorf("got %x, want %x: %v", got, want, err)
	}
	sameAsKelindar(t, v, true)
}

type (
	cyclic    struct{ Next *cyclic }
	cyclicMap map[string]cyclicMap
	embedded  struct{ time.Time }
	hidden    struct{ a int } //nolint:unused // the field is there to be refused
	fat       struct {
		A    uint8
		Rest [1 << 20]byte `binary:"-"`
	}
	named     string
	namedByte byte
	namedFlag bool
)

func refusal[T any]() error {
	_, err := Binary[T]().Parse(nil)
	var zero T
	if _, err2 := Binary[T]().Append(nil, zero); (err == nil) != (err2 == nil) {
		return errors.New("the two directions differ")
	}
	return err
}

func TestBinaryRefusesTypes(t *testing.T) {
	for name, err := range map[string]error{
		"interface":               refusal[any](),
		"channel":                 refusal[chan int](),
		"function":                refusal[func()](),
		"uintptr":                 refusal[uintptr](),
		"pointer":                 refusal[*point](),
		"recursive":               refusal[cyclic](),
		"recursive map":           refusal[cyclicMap](),
		"own encoding":            refusal[netip.Addr](),
		"promoted encoding":       refusal[embedded](),
		"pointer to own encoding": refusal[struct{ A *netip.Addr }](),
		"nocopy":                  refusal[struct{ A nocopy.Bytes }](),
		"nocopy map":              refusal[nocopy.Dictionary](),
		"unexported field":        refusal[hidden](),
		"array of pointers":       refusal[[2]*point](),
		"array in a map":          refusal[map[string]struct{ A [2]int }](),
		"array as a key":          refusal[map[[2]int]int](),
		"empty elements":          refusal[[]struct{}](),
		"empty array elements":    refusal[[1 << 30]struct{}](),
		"empty nested elements":   refusal[[]struct{ A, B struct{} }](),
		"elements of no array":    refusal[[][0]int](),
		"float keys":              refusal[map[float64]int](),
		"named text keys":         refusal[map[named]int](),
		"named number keys":       refusal[map[time.Duration]int](),
		"own encoding as a key":   refusal[map[netip.Addr]int](),
		"named bytes":             refusal[[]namedByte](),
		"named flags":             refusal[[]namedFlag](),
		"expansion in a slice":    refusal[[]fat](),
		"expansion in a pointer":  refusal[struct{ A *fat }](),
		"expansion in a map":      refusal[map[uint16]fat](),
		"deep inside":             refusal[map[string][]struct{ A **chan int }](),
	} {
		if !errors.Is(err, ErrBinaryType) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := refusal[struct{ Outer struct{ Inner chan int } }](); !strings.Contains(err.Error(), "Inner") || !strings.Contains(err.Error(), "Outer") {
		t.Errorf("the error does not say where: %v", err)
	}
}

func TestBinaryRefusesLongMapKeys(t *testing.T) {
	type nested struct {
		A []*map[string]int
		B map[int]map[string]struct{}
	}
	short, long := strings.Repeat("k", 1<<16-1), strings.Repeat("k", 1<<16)
	for _, tc := range []struct {
		v  nested
		ok bool
	}{
		{nested{A: []*map[string]int{nil, {short: 1}}}, true},
		{nested{B: map[int]map[string]struct{}{1: {short: {}}}}, true},
		{nested{A: []*map[string]int{nil, {long: 1}}}, false},
		{nested{B: map[int]map[string]struct{}{1: {long: {}}}}, false},
	} {
		b, err := Binary[nested]().Append(nil, tc.v)
		if (err == nil) != tc.ok {
			t.Fatalf("encoding gives %v", err)
		}
		if _, err := Binary[nested]().Parse(b); tc.ok && err != nil {
			t.Error(err)
		}
	}
}

func TestBinaryConcurrently(t *testing.T) {
	codec := Binary[lists]()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			v := lists{Bytes: bytes.Repeat([]byte{byte(i)}, 100), Points: []point{{int32(i), 2}}}
			for range 200 {
				b, err := codec.Append(nil, v)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := codec.Parse(b)
				if err != nil || !bytes.Equal(got.Bytes, v.Bytes) || got.Points[0] != v.Points[0] {
					t.Errorf("got %+v: %v", got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// parseSlack is what a refusal may allocate whatever the input is, in bytes.
const parseSlack = 64 << 10

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func parseAs[T any](b []byte) error {
	_, err := Binary[T]().Parse(b)
	return err
}

// TestBinaryHostileInput has every input that harms kelindar/binary itself: it
// ends the process, takes gigabytes, runs for seconds, or goes unnoticed.
func TestBinaryHostileInput(t *testing.T) {
	type payload struct{ B []byte }
	type text struct{ S string }
	type points struct{ P []point }
	type pairs struct{ P []struct{ A, B []byte } }
	uvarint := func(n uint64, rest ...byte) []byte {
		w := BuildBytes(nil)
		w.Uvarint(n)
		return append(w.Appended(), rest...)
	}
	for name, tc := range map[string]struct {
		parse func([]byte) error
		in    []byte
		want  error
	}{
		"bytes of 2^40":          {parseAs[payload], uvarint(1<<40, 1), errTruncated},
		"2^40 structs":           {parseAs[points], uvarint(1<<40, 1), errCount},
		"bytes of 1 GiB":         {parseAs[payload], uvarint(1<<30, 1), errTruncated},
		"64M pairs of slices":    {parseAs[pairs], uvarint(64<<20, 0), errCount},
		"32M numbers":            {parseAs[[]uint64], uvarint(32<<20, 0), errCount},
		"2^31 empty structs":     {parseAs[[]struct{}], uvarint(1<<31, 0), ErrBinaryType},
		"bytes of 2^63":          {parseAs[payload], uvarint(1<<63, 1), errTruncated},
		"text of 2^63+5":         {parseAs[text], uvarint(1<<63+5, 1), errTruncated},
		"text of 2^64-1":         {parseAs[text], uvarint(1<<64-1, 1), errTruncated},
		"text of 2^40":           {parseAs[text], uvarint(1<<40, 1), errTruncated},
		"map of 2^40":            {parseAs[map[string]int], uvarint(1<<40, 1), errCount},
		"map key cut":            {parseAs[map[string]int], []byte{1, 2, 0, 'k'}, errTruncated},
		"map key length cut":     {parseAs[map[string]int], []byte{1, 2}, errCount},
		"payload cut":            {parseAs[payload], []byte("\x0a01234"), errTruncated},
		"flags cut":              {parseAs[[]bool], []byte{3, 0, 1}, errTruncated},
		"trailing bytes":         {parseAs[payload], []byte("\x0101"), errTrailing},
		"trailing after nothing": {parseAs[struct{}], []byte{0}, errTrailing},
		"nothing":                {parseAs[scalars], nil, errTruncated},
		"long number":            {parseAs[uint64], []byte{0x80, 0}, errVarint},
		"number of 65 bits":      {parseAs[uint64], []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), errVarint},
		"number too wide":        {parseAs[level], uvarint(300), errRange},
		"signed too wide":        {parseAs[int8], uvarint(256), errRange},
		"element too wide":       {parseAs[[]uint16], uvarint(1, 0xff, 0xff, 4), errRange},
		"flag 2":                 {parseAs[bool], []byte{2}, errFlag},
		"flag 2 in a list":       {parseAs[[]bool], []byte{1, 2}, errFlag},
		"nil flag 2":             {parseAs[tagged], []byte{0, 2, 0, 0}, errFlag},
		"time without bytes":     {parseAs[time.Time], []byte{0}, ErrMalformed},
		"time of a new version":  {parseAs[time.Time], append([]byte{15, 9}, make([]byte, 14)...), ErrMalformed},
		"time too long":          {parseAs[time.Time], append([]byte{17, 1}, make([]byte, 16)...), errRange},
		"array cut":              {parseAs[[3]point], []byte{0, 0, 0, 0, 0}, errTruncated},
		"float cut":              {parseAs[float64], []byte{1, 2, 3, 4, 5, 6, 7}, errTruncated},
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			n := allocated(func() { err = tc.parse(tc.in) })
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if n > parseSlack {
				t.Errorf("the refusal allocated %d bytes", n)
			}
		})
	}
}

func TestBinaryResultsAreFresh(t *testing.T) {
	type payload struct{ B []byte }
	in := []byte("\x03abc")
	first, err := Binary[payload]().Parse(in)
	if err != nil {
		t.Fatal(err)
	}
	copy(in, "\x03xyz")
	if string(first.B) != "abc" {
		t.Errorf("the result changed with the input to %q", first.B)
	}
	if second, err := Binary[payload]().Parse([]byte{0}); err != nil || second.B != nil {
		t.Errorf("an empty slice came as %q: %v", second.B, err)
	}
}
