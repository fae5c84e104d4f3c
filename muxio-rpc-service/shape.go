package rpc

import (
	"fmt"
	"reflect"
	"time"
)

// MaxBinaryExpansion bounds how many bytes of memory one byte on the wire can
// become when [Binary] decodes a slice, pointer or map. A type that exceeds it
// is refused.
const MaxBinaryExpansion = 512

// Costs of Go's maps in bytes, rounded up: the header, and the words beside the
// eight slots of the first group.
const (
	mapHeaderBytes = 64
	mapGroupSlots  = 8
)

// shapeKind says how the guard walks over the bytes of a value.
type shapeKind uint8

const (
	shapeUint   shapeKind = iota // bits: width of the field
	shapeInt                     // bits: width of the field
	shapeBool                    //
	shapeFixed                   // count: bytes on the wire
	shapeBytes                   // []byte and string: length, bytes
	shapeBools                   // []bool: length, bytes of 0 and 1
	shapeTime                    // length, up to maxTimeBytes bytes
	shapeKey                     // string as a map key: length in 16 bits, bytes
	shapeSlice                   // count, elements
	shapeArray                   // count: elements
	shapePtr                     // flag (1 for nil), element
	shapeMap                     // count, pairs
	shapeStruct                  // fields
)

// shape describes how a type lies on the wire. Shapes are trees: a type that
// contains itself has none.
type shape struct {
	kind       shapeKind
	bits       int
	count      int
	elem       *shape // of a slice, array, pointer or map
	key        *shape
	fields     []field
	min        int  // bytes that every value takes at least
	stringKeys bool // a map with string keys lies within
}

type field struct {
	*shape
	index int
}

var (
	typeBools = reflect.TypeFor[[]bool]()
	typeByte  = reflect.TypeFor[byte]()
	typeTime  = reflect.TypeFor[time.Time]()

	// fixedKeys are the map keys that take their full width on the wire.
	fixedKeys = map[reflect.Kind]reflect.Type{
		reflect.Int16: reflect.TypeFor[int16](), reflect.Uint16: reflect.TypeFor[uint16](),
		reflect.Int32: reflect.TypeFor[int32](), reflect.Uint32: reflect.TypeFor[uint32](),
		reflect.Int64: reflect.TypeFor[int64](), reflect.Uint64: reflect.TypeFor[uint64](),
	}
)

// maxTimeBytes is the longest binary form of a [time.Time].
const maxTimeBytes = 16

// describer builds shapes. active holds the types that enclose the present one.
type describer struct {
	active map[reflect.Type]bool
}

func describeRoot(t reflect.Type) (*shape, error) {
	if t.Kind() == reflect.Pointer {
		return nil, refuse(t, "use the type that the pointer points to")
	}
	d := describer{active: make(map[reflect.Type]bool)}
	return d.describe(t, true)
}

func refuse(t reflect.Type, why string) error {
	return fmt.Errorf("%w: %v: %s", ErrBinaryType, t, why)
}

// describe returns the shape of t. addressable says whether values of t can be
// addressed while they are encoded, which kelindar/binary needs for arrays.
func (d describer) describe(t reflect.Type, addressable bool) (*shape, error) {
	if t == typeTime {
		return &shape{kind: shapeTime, min: 1}, nil
	}
	if hasOwnEncoding(t) {
		return nil, refuse(t, "it has an encoding of its own")
	}
	if d.active[t] {
		return nil, refuse(t, "it contains itself")
	}
	d.active[t] = true
	defer delete(d.active, t)

	switch t.Kind() {
	case reflect.Bool:
		return &shape{kind: shapeBool, min: 1}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &shape{kind: shapeInt, bits: t.Bits(), min: 1}, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &shape{kind: shapeUint, bits: t.Bits(), min: 1}, nil
	case reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return fixed(t), nil
	case reflect.String:
		return &shape{kind: shapeBytes, min: 1}, nil
	case reflect.Slice:
		return d.slice(t)
	case reflect.Array:
		return d.array(t, addressable)
	case reflect.Pointer:
		return d.pointer(t)
	case reflect.Map:
		return d.mapping(t)
	case reflect.Struct:
		return d.structure(t, addressable)
	default:
		return nil, refuse(t, "values of this kind cannot be sent")
	}
}

// hasOwnEncoding reports whether kelindar/binary leaves the encoding of t to
// methods of t, which the guard knows nothing of.
func hasOwnEncoding(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	has := func(name string) bool {
		_, direct := t.MethodByName(name)
		_, byPointer := p.MethodByName(name)
		return direct || byPointer
	}
	if t.Kind() == reflect.Pointer {
		return false // its element is asked
	}
	return has("GetBinaryCodec") || has("MarshalBinary") && has("UnmarshalBinary")
}

// fixed returns the shape of a number that takes its full width on the wire.
func fixed(t reflect.Type) *shape {
	return &shape{kind: shapeFixed, count: int(t.Size()), min: int(t.Size())}
}

func (d describer) slice(t reflect.Type) (*shape, error) {
	switch elem := t.Elem(); {
	case elem == typeByte:
		return &shape{kind: shapeBytes, min: 1}, nil
	case t == typeBools:
		return &shape{kind: shapeBools, min: 1}, nil
	case elem.Kind() == reflect.Uint8 || elem.Kind() == reflect.Bool:
		return nil, refuse(t, "use []byte or []bool itself")
	}
	elem, err := d.describe(t.Elem(), true)
	if err != nil {
		return nil, err
	}
	if elem.min == 0 {
		return nil, refuse(t, "its elements take no bytes")
	}
	if err := checkExpansion(t, t.Elem().Size(), elem.min); err != nil {
		return nil, err
	}
	return &shape{kind: shapeSlice, elem: elem, min: 1, stringKeys: elem.stringKeys}, nil
}

func (d describer) array(t reflect.Type, addressable bool) (*shape, error) {
	if t.Elem().Kind() == reflect.Pointer {
		return nil, refuse(t, "arrays of pointers cannot be decoded")
	}
	if !addressable {
		return nil, refuse(t, "arrays cannot be part of a map")
	}
	elem, err := d.describe(t.Elem(), true)
	if err != nil {
		return nil, err
	}
	if elem.min == 0 {
		return nil, refuse(t, "its elements take no bytes")
	}
	return &shape{
		kind: shapeArray, count: t.Len(), elem: elem,
		min: t.Len() * elem.min, stringKeys: elem.stringKeys,
	}, nil
}

func (d describer) pointer(t reflect.Type) (*shape, error) {
	elem, err := d.describe(t.Elem(), true)
	if err != nil {
		return nil, err
	}
	if err := checkExpansion(t, t.Elem().Size(), 1+elem.min); err != nil {
		return nil, err
	}
	return &shape{kind: shapePtr, elem: elem, min: 1, stringKeys: elem.stringKeys}, nil
}

func (d describer) mapping(t reflect.Type) (*shape, error) {
	key, err := mapKey(t.Key())
	if err != nil {
		return nil, err
	}
	elem, err := d.describe(t.Elem(), false)
	if err != nil {
		return nil, err
	}
	slot := 1 + t.Key().Size() + t.Elem().Size()
	if err := checkExpansion(t, mapHeaderBytes+mapGroupSlots*slot, 1+key.min+elem.min); err != nil {
		return nil, err
	}
	return &shape{
		kind: shapeMap, key: key, elem: elem, min: 1,
		stringKeys: key.kind == shapeKey || elem.stringKeys,
	}, nil
}

// mapKey returns the shape of a map's key, which lies on the wire otherwise
// than the same type elsewhere.
func mapKey(t reflect.Type) (*shape, error) {
	if hasOwnEncoding(t) {
		return nil, refuse(t, "it has an encoding of its own")
	}
	if builtin, ok := fixedKeys[t.Kind()]; ok {
		if t != builtin {
			return nil, refuse(t, "as a map key use "+builtin.String())
		}
		return fixed(t), nil
	}
	switch t.Kind() {
	case reflect.String:
		if t != reflect.TypeFor[string]() {
			return nil, refuse(t, "as a map key use string")
		}
		return &shape{kind: shapeKey, min: 2}, nil
	case reflect.Bool:
		return &shape{kind: shapeBool, min: 1}, nil
	case reflect.Int, reflect.Int8:
		return &shape{kind: shapeInt, bits: t.Bits(), min: 1}, nil
	case reflect.Uint, reflect.Uint8:
		return &shape{kind: shapeUint, bits: t.Bits(), min: 1}, nil
	default:
		return nil, refuse(t, "as a map key only booleans, integers and strings")
	}
}

func (d describer) structure(t reflect.Type, addressable bool) (*shape, error) {
	s := &shape{kind: shapeStruct}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "_" || f.Tag.Get("binary") == "-" {
			continue
		}
		if !f.IsExported() {
			return nil, refuse(t, "field "+f.Name+" is not exported")
		}
		fs, err := d.describe(f.Type, addressable)
		if err != nil {
			return nil, fmt.Errorf("%w (field %s of %v)", err, f.Name, t)
		}
		s.fields = append(s.fields, field{shape: fs, index: i})
		s.min += fs.min
		s.stringKeys = s.stringKeys || fs.stringKeys
	}
	return s, nil
}

// checkExpansion refuses t if min bytes on the wire become too many in memory.
func checkExpansion(t reflect.Type, size uintptr, minBytes int) error {
	if size/uintptr(minBytes) > MaxBinaryExpansion {
		return refuse(t, "it takes too much memory for its bytes on the wire")
	}
	return nil
}
