package rpc

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
)

// walk moves c over one value of the shape. It makes every check that
// kelindar/binary leaves out: a count or length fits into the bytes that are
// there, a number into its field, a flag is 0 or 1, nothing is cut short. It
// allocates nothing, and its time is linear in the bytes because every element
// of a list takes at least one.
func (s *shape) walk(c *Cursor) {
	switch s.kind {
	case shapeUint:
		c.Uint(s.bits)
	case shapeInt:
		c.Int(s.bits)
	case shapeBool:
		c.Bool()
	case shapeFixed:
		c.Take(s.count)
	case shapeBytes:
		c.Bytes()
	case shapeBools:
		for _, b := range c.Bytes() {
			if b > 1 {
				c.Fail(errFlag)
			}
		}
	case shapeTime:
		if len(c.Bytes()) > maxTimeBytes {
			c.Fail(errRange)
		}
	case shapeKey:
		if n := c.Take(2); n != nil {
			c.Take(int(binary.LittleEndian.Uint16(n)))
		}
	case shapeSlice:
		s.walkElements(c, c.Count(s.elem.min))
	case shapeArray:
		s.walkElements(c, s.count)
	case shapePtr:
		if isNil := c.Bool(); !isNil {
			s.elem.walk(c)
		}
	case shapeMap:
		for range c.Count(s.key.min + s.elem.min) {
			s.key.walk(c)
			s.elem.walk(c)
		}
	case shapeStruct:
		for _, f := range s.fields {
			f.walk(c)
		}
	}
}

func (s *shape) walkElements(c *Cursor, n int) {
	for range n {
		if c.err != nil {
			return
		}
		s.elem.walk(c)
	}
}

// checkKeys refuses strings that are too long for a map key: kelindar/binary
// would write them with a wrong length.
func (s *shape) checkKeys(v reflect.Value) error {
	if !s.stringKeys {
		return nil
	}
	switch s.kind {
	case shapeSlice, shapeArray:
		for i := range v.Len() {
			if err := s.elem.checkKeys(v.Index(i)); err != nil {
				return err
			}
		}
	case shapePtr:
		if !v.IsNil() {
			return s.elem.checkKeys(v.Elem())
		}
	case shapeMap:
		for pairs := v.MapRange(); pairs.Next(); {
			if s.key.kind == shapeKey && pairs.Key().Len() > math.MaxUint16 {
				return fmt.Errorf("%w: map key of %d bytes, limit %d", errEncode, pairs.Key().Len(), math.MaxUint16)
			}
			if err := s.elem.checkKeys(pairs.Value()); err != nil {
				return err
			}
		}
	case shapeStruct:
		for _, f := range s.fields {
			if err := f.checkKeys(v.Field(f.index)); err != nil {
				return err
			}
		}
	default: // no map lies within the others
	}
	return nil
}
