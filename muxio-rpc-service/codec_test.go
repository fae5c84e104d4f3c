package rpc

import (
	"bytes"
	"errors"
	"testing"
)

func TestBytesCodec(t *testing.T) {
	for _, n := range []int{0, 1, MinPieceBytes - 1, MinPieceBytes, 1 << 20} {
		v := bytes.Repeat([]byte{'v'}, n)
		b, err := Bytes.Append([]byte("pre"), v)
		if err != nil || !bytes.Equal(b, append([]byte("pre"), v...)) {
			t.Fatalf("%d bytes: %v", n, err)
		}
		m, err := AppendMessage[[]byte](Bytes, []byte("pre"), v)
		if err != nil || !bytes.Equal(joined(m), b) {
			t.Errorf("%d bytes: the message differs: %v", n, err)
		}
		if byReference := len(m.More) == 1; byReference != (n >= MinPieceBytes) {
			t.Errorf("%d bytes in %d further pieces", n, len(m.More))
		}
		got, err := Bytes.Parse(v)
		if err != nil || !bytes.Equal(got, v) || n > 0 && &got[0] != &v[0] {
			t.Errorf("%d bytes parse to %d: %v", n, len(got), err)
		}
	}
}

func TestEmptyCodec(t *testing.T) {
	if b, err := Empty.Append(nil, struct{}{}); err != nil || len(b) != 0 {
		t.Errorf("encoding is %x: %v", b, err)
	}
	if _, err := Empty.Parse(nil); err != nil {
		t.Error(err)
	}
	if _, err := Empty.Parse([]byte{0}); !errors.Is(err, ErrMalformed) {
		t.Errorf("a byte too many gives %v", err)
	}
}

func TestAppendMessageOfAPlainCodec(t *testing.T) {
	m, err := AppendMessage(Binary[string](), []byte("pre"), "abc")
	if err != nil || string(m.Bytes) != "pre\x03abc" || m.More != nil {
		t.Errorf("message is %q: %v", m.Bytes, err)
	}
	if _, err := AppendMessage(Binary[chan int](), nil, nil); !errors.Is(err, ErrBinaryType) {
		t.Errorf("a channel gives %v", err)
	}
}
