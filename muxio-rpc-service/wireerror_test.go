package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestErrorsOnTheWire(t *testing.T) {
	for _, want := range []*Error{
		{Code: NotFound, Reason: "quota.daily", Message: "no quota: é"},
		{Code: 200, Message: "a code of the future"},
		{Code: Internal},
		{},
		{Code: Unknown, Reason: strings.Repeat("r", MaxErrorReason), Message: strings.Repeat("m", MaxErrorMessage)},
	} {
		b := AppendError([]byte{0xaa}, want)
		got, err := ParseError(b[1:])
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v came back as %+v: %v", want, got, err)
		}
		for i := range b[1:] {
			if _, err := ParseError(b[1 : 1+i]); !errors.Is(err, ErrMalformed) {
				t.Fatalf("%+v cut to %d bytes gives %v", want, i, err)
			}
		}
		if _, err := ParseError(append(b[1:], 0)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%+v with a byte too many gives %v", want, err)
		}
	}
	if got := AppendError(nil, &Error{Code: NotFound, Reason: "a", Message: "bc"}); string(got) != "\x05\x01a\x02bc" {
		t.Errorf("encoding is %x", got)
	}
}

func TestErrorTextsAreCut(t *testing.T) {
	long := &Error{
		Code: Internal, Reason: strings.Repeat("r", MaxErrorReason+1),
		Message: "x" + strings.Repeat("é", MaxErrorMessage/2),
	}
	got, err := ParseError(AppendError(nil, long))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Reason) != MaxErrorReason || len(got.Message) != MaxErrorMessage-1 || !utf8.ValidString(got.Message) {
		t.Errorf("reason has %d bytes, message %d", len(got.Reason), len(got.Message))
	}
}

func TestErrorTextsOverTheLimitAreRefused(t *testing.T) {
	for _, sizes := range [][2]int{{MaxErrorReason + 1, 0}, {0, MaxErrorMessage + 1}} {
		w := BuildBytes([]byte{byte(Internal)})
		w.Bytes(bytes.Repeat([]byte{'r'}, sizes[0]))
		w.Bytes(bytes.Repeat([]byte{'m'}, sizes[1]))
		if _, err := ParseError(w.Appended()); !errors.Is(err, ErrMalformed) {
			t.Errorf("reason of %d and message of %d bytes: %v", sizes[0], sizes[1], err)
		}
	}
}

func TestErrorTextsAreValid(t *testing.T) {
	e, err := ParseError([]byte("\x0d\x01\xff\x03a\x80b"))
	if err != nil || e.Reason != "\uFFFD" || e.Message != "a\uFFFDb" {
		t.Errorf("got %+v: %v", e, err)
	}
}

func TestErrorIs(t *testing.T) {
	err := fmt.Errorf("calling: %w", &Error{Code: NotFound, Message: "x"})
	if !errors.Is(err, NotFound) || errors.Is(err, Internal) || errors.Is(err, context.Canceled) {
		t.Error("code of a wrapped error")
	}
	if !errors.Is(&Error{Code: Canceled}, context.Canceled) || !errors.Is(&Error{Code: DeadlineExceeded}, context.DeadlineExceeded) {
		t.Error("context errors")
	}
	if got := (&Error{Code: NotFound, Message: "x"}).Error(); got != "not found: x" {
		t.Errorf("text is %q", got)
	}
	if got := (&Error{Code: 99}).Error(); got != "code 99" {
		t.Errorf("text is %q", got)
	}
}

func TestErrorFrom(t *testing.T) {
	own := Errorf(Aborted, "n = %d", 1)
	for _, tc := range []struct {
		in   error
		code Code
	}{
		{own, Aborted},
		{fmt.Errorf("wrapped: %w", own), Aborted},
		{fmt.Errorf("no such thing: %w", NotFound), NotFound},
		{context.Canceled, Canceled},
		{fmt.Errorf("late: %w", context.DeadlineExceeded), DeadlineExceeded},
		{errors.New("anything"), Unknown},
	} {
		if got := ErrorFrom(tc.in); got.Code != tc.code {
			t.Errorf("%v has code %v, want %v", tc.in, got.Code, tc.code)
		}
	}
	if ErrorFrom(nil) != nil {
		t.Error("an error out of nothing")
	}
}

func FuzzParseError(f *testing.F) {
	f.Add(AppendError(nil, &Error{Code: NotFound, Reason: "quota.daily", Message: "é"}))
	f.Add([]byte("\x05\xff\xff\xff\xff\xff\x01"))
	f.Add(AppendError(nil, &Error{Code: Aborted, Details: []Detail{{Type: "a.b", Value: []byte{1, 2}}, {}}}))
	f.Add([]byte("\x05\x00\x00\x00"))
	f.Add([]byte("\x05\x00\x00\x11"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseError(b)
		if err != nil {
			return
		}
		replaced := strings.ContainsRune(e.Reason+e.Message, utf8.RuneError)
		for _, d := range e.Details {
			replaced = replaced || strings.ContainsRune(d.Type, utf8.RuneError)
		}
		if !replaced && !bytes.Equal(AppendError(nil, e), b) {
			t.Errorf("%x came back as %x", b, AppendError(nil, e))
		}
	})
}
