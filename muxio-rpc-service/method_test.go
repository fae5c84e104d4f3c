package rpc

import (
	"strings"
	"testing"
)

// The expected ids come from the reference implementation, by way of Python:
// xxhash.xxh3_64_hexdigest(name).
func TestMethodIDs(t *testing.T) {
	for name, want := range map[string]MethodID{
		"len":                         0xa41dbb760e96e3e3,
		"add":                         0xffb352e13fd28e80,
		"echo":                        0x9158a853f4693f47,
		"math.add":                    0x6c58aad87962fdbb,
		"calculator.add_many_numbers": 0x6bf16159cadb138d,
		"é":                           0xf7940a006cf10cb3,
		strings.Repeat("a", 300):      0xc1d17581d8eb7e21,
	} {
		if got := MethodIDOf(name); got != want {
			t.Errorf("MethodIDOf(%q) = %#x, want %#x", name, got, want)
		}
		m := NewMethod(name, Empty, Bytes)
		if m.ID() != want || m.Name() != name {
			t.Errorf("NewMethod(%q) has name %q and id %#x", name, m.Name(), m.ID())
		}
	}
}

func TestMethodsHandOutTheirCodecs(t *testing.T) {
	text, number := Binary[string](), Binary[int]()

	client := NewClientStream("up", text, Bytes, number)
	if client.Request() != text || client.Item() != Codec[[]byte](Bytes) || client.Response() != number {
		t.Error("client stream: wrong codecs")
	}
	server := NewServerStream("down", text, number)
	if server.Request() != text || server.Item() != number {
		t.Error("server stream: wrong codecs")
	}
	both := NewBothWays("both", Empty, text, number)
	if both.Request() != Empty || both.In() != text || both.Out() != number {
		t.Error("both ways: wrong codecs")
	}
}

func TestMethodsRefuseMistakes(t *testing.T) {
	for name, make := range map[string]func(){
		"no name":        func() { NewMethod("", Empty, Empty) },
		"no request":     func() { NewMethod[struct{}]("m", nil, Empty) },
		"no response":    func() { NewMethod[struct{}, struct{}]("m", Empty, nil) },
		"no item":        func() { NewServerStream[struct{}, int]("m", Empty, nil) },
		"no client item": func() { NewClientStream[struct{}, int]("m", Empty, nil, Empty) },
		"no way out":     func() { NewBothWays[struct{}, struct{}, int]("m", Empty, Empty, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			make()
		})
	}
}
