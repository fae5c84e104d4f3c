package rpc

import (
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
)

func TestCallsOfHandlersThatDoNotReturnFail(t *testing.T) {
	handler := routes{
		blockMethod: {Name: "block", Unary: func(context.Context, []byte, []byte) (Message, error) {
			runtime.Goexit()
			return Message{}, nil
		}},
		streamMethod: {Name: "stream", Stream: func(_ context.Context, request []byte, call ServerCall) error {
			if err := call.Send(Message{Bytes: request}); err != nil {
				return err
			}
			runtime.Goexit()
			return nil
		}},
	}
	c, _ := connect(t, Config{Handler: handler}, Config{})
	ctx, cancel := context.WithTimeout(t.Context(), hangGuard)
	defer cancel()
	if _, err := c.Invoke(ctx, blockMethod, Message{}); !errors.Is(err, Internal) {
		t.Errorf("unary call: %v", err)
	}
	call, err := c.OpenCall(ctx, streamMethod, Message{Bytes: []byte("one")})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := call.Receive(); err != nil || string(m) != "one" {
		t.Errorf("first message %q, %v", m, err)
	}
	if _, err := call.Receive(); !errors.Is(err, Internal) {
		t.Errorf("end of the stream: %v", err)
	}
}

func TestErrorFromEmptyError(t *testing.T) {
	var none *Error
	if e := ErrorFrom(none); e == nil || e.Code != Unknown {
		t.Errorf("a nil *Error in an error variable became %v", e)
	}
	if e := ErrorFrom(errors.Join(io.EOF, none)); e == nil || e.Code != Unknown {
		t.Errorf("a wrapped nil *Error became %v", e)
	}
}
