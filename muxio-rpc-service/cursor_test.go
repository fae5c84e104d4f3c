package rpc

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

func TestCursorTakesWhatBuilderWrote(t *testing.T) {
	numbers := []uint64{0, 1, 127, 128, 300, 1<<14 - 1, 1 << 14, math.MaxUint32, 1 << 63, math.MaxUint64}
	w := BuildBytes([]byte("x"))
	for _, n := range numbers {
		w.Uvarint(n)
		w.Bool(n%2 == 1)
		w.Bytes([]byte("some text"))
	}
	c := NewCursor(w.Appended())
	if got := c.Take(1); string(got) != "x" {
		t.Fatalf("first byte is %q", got)
	}
	for _, n := range numbers {
		if got := c.Uvarint(); got != n {
			t.Errorf("number %d came back as %d", n, got)
		}
		if got := c.Bool(); got != (n%2 == 1) {
			t.Errorf("flag after %d came back as %v", n, got)
		}
		if got := c.Bytes(); string(got) != "some text" || cap(got) != len(got) {
			t.Errorf("bytes after %d came back as %q with capacity %d", n, got, cap(got))
		}
	}
	if err := c.End(); err != nil {
		t.Error(err)
	}
}

func TestCursorInts(t *testing.T) {
	for wire, want := range []int64{0, -1, 1, -2, 2} {
		c := NewCursor([]byte{byte(wire)})
		if got := c.Int(8); got != want || c.End() != nil {
			t.Errorf("zigzag %d is %d, want %d", wire, got, want)
		}
	}
	w := BuildBytes(nil)
	w.Uvarint(math.MaxUint64)
	w.Uvarint(math.MaxUint64 - 1)
	c := NewCursor(w.Appended())
	if a, b := c.Int(64), c.Int(64); a != math.MinInt64 || b != math.MaxInt64 || c.End() != nil {
		t.Errorf("extremes are %d and %d", a, b)
	}
}

func TestCursorRefuses(t *testing.T) {
	ten := func(last byte) []byte { return append(bytes.Repeat([]byte{0xff}, 9), last) }
	for name, tc := range map[string]struct {
		in   []byte
		take func(*Cursor)
		want error
	}{
		"no number":              {nil, func(c *Cursor) { c.Uvarint() }, errTruncated},
		"number cut":             {[]byte{0x80}, func(c *Cursor) { c.Uvarint() }, errTruncated},
		"number of 65 bits":      {ten(2), func(c *Cursor) { c.Uvarint() }, errVarint},
		"number of 11 bytes":     {append(ten(0x81), 0), func(c *Cursor) { c.Uvarint() }, errVarint},
		"number too long by one": {[]byte{0x81, 0}, func(c *Cursor) { c.Uvarint() }, errVarint},
		"zero in two bytes":      {[]byte{0x80, 0}, func(c *Cursor) { c.Uvarint() }, errVarint},
		"256 in 8 bits":          {[]byte{0x80, 2}, func(c *Cursor) { c.Uint(8) }, errRange},
		"128 in 8 signed bits":   {[]byte{0x80, 2}, func(c *Cursor) { c.Int(8) }, errRange},
		"-129 in 8 signed bits":  {[]byte{0x81, 2}, func(c *Cursor) { c.Int(8) }, errRange},
		"flag 2":                 {[]byte{2}, func(c *Cursor) { c.Bool() }, errFlag},
		"no flag":                {nil, func(c *Cursor) { c.Bool() }, errTruncated},
		"bytes cut":              {[]byte{3, 'a', 'b'}, func(c *Cursor) { c.Bytes() }, errTruncated},
		"length of 2^64-1":       {append(ten(1), 'a'), func(c *Cursor) { c.Bytes() }, errTruncated},
		"take too much":          {[]byte{1}, func(c *Cursor) { c.Take(2) }, errTruncated},
		"take below zero":        {[]byte{1}, func(c *Cursor) { c.Take(-1) }, errTruncated},
		"count of 3 in 5 bytes":  {[]byte{3, 0, 0, 0, 0, 0}, func(c *Cursor) { c.Count(2) }, errCount},
		"left over":              {[]byte{0, 0}, func(c *Cursor) { c.Uvarint() }, errTrailing},
		"first error sticks": {[]byte{2, 2}, func(c *Cursor) {
			c.Bool()
			if c.Len() != 0 || c.Uvarint() != 0 || c.Bytes() != nil || c.Bool() || c.Count(1) != 0 {
				t.Error("a cursor went on after an error")
			}
			c.Fail(errRange)
		}, errFlag},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewCursor(tc.in)
			tc.take(&c)
			if err := c.End(); !errors.Is(err, tc.want) || !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestCursorAcceptsTheLargestCount(t *testing.T) {
	c := NewCursor([]byte{2, 0, 0, 0, 0})
	if n := c.Count(2); n != 2 {
		t.Errorf("count is %d: %v", n, c.Err())
	}
}

// joined returns the bytes of m as the peer sees them.
func joined(m Message) []byte { return append(bytes.Clone(m.Bytes), bytes.Join(m.More, nil)...) }

func TestBuilderRefersToLargeParts(t *testing.T) {
	small, large := bytes.Repeat([]byte{'s'}, MinPieceBytes-1), bytes.Repeat([]byte{'l'}, MinPieceBytes)
	build := func(w *Builder) {
		w.Bytes(small)
		w.Bytes(large)
		w.Uvarint(7)
		w.Bytes(large)
		w.Raw(large)
	}
	// The buffer is too small at first, so the builder has to move what it
	// holds after it has handed pieces of it out.
	for _, capacity := range []int{0, 8, MinPieceBytes + 8, 1 << 16} {
		flat, refs := BuildBytes([]byte("ab")), BuildMessage(append(make([]byte, 0, capacity), "ab"...))
		build(&flat)
		build(&refs)
		m := refs.Message(t)
		if !bytes.Equal(joined(m), flat.Appended()) || m.Len() != len(flat.Appended()) {
			t.Fatalf("capacity %d: pieces and bytes differ", capacity)
		}
		if m.Owner != any(t) {
			t.Error("owner is lost")
		}
		var byReference int
		for _, p := range m.More {
			if len(p) == len(large) && &p[0] == &large[0] {
				byReference++
			}
		}
		if byReference != 3 {
			t.Errorf("%d large parts by reference, want 3", byReference)
		}
		_ = append(m.Bytes, "overwrite what follows"...)
		if !bytes.Equal(joined(m), flat.Appended()) {
			t.Errorf("capacity %d: appending to the first piece changes the next", capacity)
		}
	}
}

func TestBuilderWithoutLargeParts(t *testing.T) {
	w := BuildMessage(nil)
	w.Bytes([]byte("abc"))
	if m := w.Message(nil); string(m.Bytes) != "\x03abc" || m.More != nil {
		t.Errorf("message is %q and %q", m.Bytes, m.More)
	}
}

func TestBuilderExtends(t *testing.T) {
	w := BuildMessage([]byte("ab"))
	large := bytes.Repeat([]byte{'l'}, MinPieceBytes)
	for _, p := range []string{"cd", "", "ef"} {
		if room := w.Extend(len(p)); copy(room, p) != len(p) || cap(room) != len(p) {
			t.Errorf("room of %d bytes for %q, capacity %d", len(room), p, cap(room))
		}
		w.Raw(large)
	}
	if m := w.Message(nil); string(joined(m)) != "abcd"+string(large)+string(large)+"ef"+string(large) {
		t.Error("what was filled in is not where it belongs")
	}
}
