package callertest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	caller "github.com/simd-drive/go/muxio-rpc-caller"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

var bothWaysChecks = []check{
	{"PingPong", checkPingPong},
	{"AtTheSameTime", checkAtTheSameTime},
	{"Many", checkManyChats},
	{"RequestAlone", checkChatRequest},
}

// echoChats adds a handler that sends each item back.
func (r routes) echoChats() routes {
	return r.stream(chatMethod.Name(), func(_ context.Context, _ []byte, call rpc.ServerCall) error {
		for {
			item, err := call.Receive()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := call.Send(rpc.Message{Bytes: item}); err != nil {
				return err
			}
		}
	})
}

func checkPingPong(t *testing.T, connect Connect) {
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.echoChats()})
	chat, err := caller.OpenBothWays(guard(t), c, chatMethod, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer chat.Close()
	for i := range 1000 {
		if err := chat.Send(number(i)); err != nil {
			t.Fatal(err)
		}
		if got, err := chat.Receive(); err != nil || parseNumber(got) != i {
			t.Fatalf("item %d came back as %d, error %v", i, parseNumber(got), err)
		}
	}
	if err := chat.CloseSend(); err != nil {
		t.Errorf("CloseSend: %v", err)
	}
	if _, err := chat.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("Receive after the end: %v", err)
	}
}

func checkAtTheSameTime(t *testing.T, connect Connect) {
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.echoChats()})
	chatAtTheSameTime(t, c, 300, 50_000, 7)
}

// chatAtTheSameTime sends from one goroutine and receives in another.
func chatAtTheSameTime(t *testing.T, c rpc.Invoker, items, itemBytes int, seed byte) {
	t.Helper()
	chat, err := caller.OpenBothWays(guard(t), c, chatMethod, nil)
	if err != nil {
		t.Error(err)
		return
	}
	defer chat.Close()
	sending := make(chan error, 1)
	go func() { // ends with the items or the call, awaited below
		for i := range items {
			if err := chat.Send(pattern(itemBytes, seed+byte(i))); err != nil {
				sending <- err
				return
			}
		}
		sending <- chat.CloseSend()
	}()
	n := 0
	for item, err := range chat.All() {
		if err != nil || !bytes.Equal(item, pattern(itemBytes, seed+byte(n))) {
			t.Errorf("item %d of stream %d is wrong, error %v", n, seed, err)
			break
		}
		n++
	}
	if err := <-sending; err != nil || n != items {
		t.Errorf("%d items of %d came back, error of sending %v", n, items, err)
	}
}

func checkManyChats(t *testing.T, connect Connect) {
	const chats = 32
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.echoChats()})
	done := make(chan struct{}, chats)
	for i := range byte(chats) {
		go func() { // ends with its chat, awaited below
			defer func() { done <- struct{}{} }()
			chatAtTheSameTime(t, c, 50, 5000, 3*i)
		}()
	}
	for range chats {
		await(t, done, "end of a chat")
	}
}

// checkChatRequest sends nothing but the request and receives one item: the
// handler need not wait for the end of the caller's items.
func checkChatRequest(t *testing.T, connect Connect) {
	handler := routes{}.stream(chatMethod.Name(), func(_ context.Context, request []byte, call rpc.ServerCall) error {
		return call.Send(rpc.Message{Bytes: request})
	})
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: handler})
	for _, n := range []int{0, 10, 1 << 20} {
		chat, err := caller.OpenBothWays(guard(t), c, chatMethod, pattern(n, 1))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := chat.Receive(); err != nil || !bytes.Equal(got, pattern(n, 1)) {
			t.Errorf("%d bytes of request came back as %d, error %v", n, len(got), err)
		}
		if _, err := chat.Receive(); !errors.Is(err, io.EOF) {
			t.Errorf("Receive after the end: %v", err)
		}
		if err := endOfSend(chat.Send); !errors.Is(err, io.EOF) {
			t.Errorf("Send after the end: %v", err)
		}
		if err := chat.CloseSend(); err != nil {
			t.Errorf("CloseSend after the end: %v", err)
		}
	}
}
