package callertest

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	caller "github.com/simd-drive/go/muxio-rpc-caller"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

var cancelChecks = []check{
	{"ReachesTheHandler", checkCancelReachesHandler},
	{"Deadline", checkDeadline},
	{"ContextThatHasEnded", checkEndedContext},
	{"OthersGoOn", checkCancelLeavesOthers},
	{"UnblocksSend", checkCancelUnblocksSend},
	{"UnblocksReceive", checkCancelUnblocksReceive},
	{"RacesTheResponse", checkCancelRaces},
}

func checkCancelReachesHandler(t *testing.T, connect Connect) {
	started, ended := make(chan struct{}, 1), make(chan error, 1)
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.withEcho().withBlock(started, ended)})
	ctx, cancel := context.WithCancel(guard(t))
	result := make(chan error, 1)
	go func() { // ends with the call, awaited below
		_, err := caller.Call(ctx, c, blockMethod, struct{}{})
		result <- err
	}()
	await(t, started, "start of the handler")
	cancel()
	err := await(t, result, "end of the call")
	wantCode(t, "call", err, rpc.Canceled)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v is not context.Canceled", err)
	}
	if err := await(t, ended, "end of the handler's context"); !errors.Is(err, context.Canceled) {
		t.Errorf("the handler saw %v", err)
	}
	wantEcho(t, c)
}

// shortDeadline is a deadline that passes while a handler blocks.
const shortDeadline = 20 * time.Millisecond

func checkDeadline(t *testing.T, connect Connect) {
	started, ended := make(chan struct{}, 1), make(chan error, 1)
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.withEcho().withBlock(started, ended)})
	ctx, cancel := context.WithTimeout(guard(t), shortDeadline)
	defer cancel()
	_, err := caller.Call(ctx, c, blockMethod, struct{}{})
	wantCode(t, "call", err, rpc.DeadlineExceeded)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v is not context.DeadlineExceeded", err)
	}
	select {
	case <-started:
		_ = await(t, ended, "end of the handler's context")
	default: // the deadline may have passed before the call began
	}
	wantEcho(t, c)
}

func checkEndedContext(t *testing.T, connect Connect) {
	var calls atomic.Int32
	handler := routes{}.
		unary(blockMethod.Name(), func(context.Context, []byte) ([]byte, error) {
			calls.Add(1)
			return nil, nil
		}).
		stream(chatMethod.Name(), func(context.Context, []byte, rpc.ServerCall) error {
			calls.Add(1)
			return nil
		}).
		withEcho()
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: handler})
	canceled, cancel := context.WithCancel(guard(t))
	cancel()
	late, cancel := context.WithDeadline(guard(t), time.Unix(0, 0))
	defer cancel()
	for _, tc := range []struct {
		ctx  context.Context
		code rpc.Code
	}{{canceled, rpc.Canceled}, {late, rpc.DeadlineExceeded}} {
		_, err := caller.Call(tc.ctx, c, blockMethod, struct{}{})
		wantCode(t, "call", err, tc.code)
		_, err = caller.OpenBothWays(tc.ctx, c, chatMethod, nil)
		wantCode(t, "stream", err, tc.code)
	}
	wantEcho(t, c)
	if n := calls.Load(); n != 0 {
		t.Errorf("%d calls reached the handlers", n)
	}
}

func checkCancelLeavesOthers(t *testing.T, connect Connect) {
	const calls = 20
	started, ended := make(chan struct{}, calls), make(chan error, calls)
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.withEcho().withBlock(started, ended)})
	type outcome struct {
		index int
		err   error
	}
	results := make(chan outcome, calls)
	var cancels [calls]context.CancelFunc
	for i := range calls {
		ctx, cancel := context.WithCancel(guard(t))
		cancels[i] = cancel
		go func() { // ends with the call, awaited below
			_, err := caller.Call(ctx, c, blockMethod, struct{}{})
			results <- outcome{i, err}
		}()
		await(t, started, "start of the handler")
	}
	for i := range calls {
		cancels[i]()
		o := await(t, results, "end of a call")
		if o.index != i {
			t.Errorf("cancelling call %d ended call %d", i, o.index)
		}
		wantCode(t, "call", o.err, rpc.Canceled)
		_ = await(t, ended, "end of the handler's context")
	}
	wantEcho(t, c)
}

// endOfSend sends until it fails.
func endOfSend(send func([]byte) error) error {
	item := pattern(32<<10, 1)
	for {
		if err := send(item); err != nil {
			return err
		}
	}
}

func checkCancelUnblocksSend(t *testing.T, connect Connect) {
	started, seen := make(chan struct{}, 1), make(chan error, 1)
	handler := routes{}.withEcho().stream(uploadMethod.Name(), func(ctx context.Context, _ []byte, call rpc.ServerCall) error {
		started <- struct{}{}
		<-ctx.Done() // takes nothing, so the caller must block
		_, err := call.Receive()
		seen <- err
		return err
	})
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: handler})
	ctx, cancel := context.WithCancel(guard(t))
	up, err := caller.OpenClientStream(ctx, c, uploadMethod, nil)
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() { result <- endOfSend(up.Send) }() // ends with the call, awaited below
	await(t, started, "start of the handler")
	wantEcho(t, c)
	cancel()
	wantCode(t, "Send", await(t, result, "end of Send"), rpc.Canceled)
	_, err = up.Finish()
	wantCode(t, "Finish", err, rpc.Canceled)
	wantCode(t, "the handler's Receive", await(t, seen, "end of the handler"), rpc.Canceled)
	wantEcho(t, c)
}

func checkCancelUnblocksReceive(t *testing.T, connect Connect) {
	seen := make(chan error, 1)
	handler := routes{}.withEcho().stream(downloadMethod.Name(), func(ctx context.Context, _ []byte, call rpc.ServerCall) error {
		if err := call.Send(rpc.Message{Bytes: []byte("one")}); err != nil {
			return err
		}
		<-ctx.Done()
		seen <- ctx.Err()
		return ctx.Err()
	})
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: handler})
	for _, closing := range []bool{false, true} {
		ctx, cancel := context.WithCancel(guard(t))
		down, err := caller.OpenServerStream(ctx, c, downloadMethod, nil)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := down.Receive(); err != nil || string(v) != "one" {
			t.Fatalf("first item %q, error %v", v, err)
		}
		result := make(chan error, 1)
		go func() { // ends with the call, awaited below
			_, err := down.Receive()
			result <- err
		}()
		if closing {
			_ = down.Close()
		} else {
			cancel()
		}
		wantCode(t, "Receive", await(t, result, "end of Receive"), rpc.Canceled)
		_ = await(t, seen, "end of the handler's context")
		_, err = down.Receive()
		wantCode(t, "Receive after the end", err, rpc.Canceled)
		_ = down.Close()
		cancel()
	}
	wantEcho(t, c)
}

// checkCancelRaces cancels calls just when they are answered: whichever comes
// first, the call ends as one of the two and the connection goes on.
func checkCancelRaces(t *testing.T, connect Connect) {
	const rounds = 300
	proceed := make(chan struct{})
	handler := routes{}.withEcho().
		unary(blockMethod.Name(), func(context.Context, []byte) ([]byte, error) {
			<-proceed
			return nil, nil
		}).
		stream(chatMethod.Name(), func(_ context.Context, _ []byte, call rpc.ServerCall) error {
			<-proceed
			return call.Send(rpc.Message{Bytes: pattern(1000, 1)})
		})
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: handler})
	result := make(chan error, 1)
	for i := range rounds {
		ctx, cancel := context.WithCancel(guard(t))
		go func() { // ends with the call, awaited below
			var err error
			if i%2 == 0 {
				_, err = caller.Call(ctx, c, blockMethod, struct{}{})
			} else {
				err = chatToTheEnd(ctx, c)
			}
			result <- err
		}()
		go cancel() // returns at once
		select {
		case proceed <- struct{}{}:
			// The handler ran; the call may have been cancelled all the same.
			if err := await(t, result, "end of the call"); err != nil {
				wantCode(t, "call", err, rpc.Canceled)
			}
		case err := <-result:
			wantCode(t, "call", err, rpc.Canceled)
			select { // the handler may wait, if the call got that far
			case proceed <- struct{}{}:
			default:
			}
		}
	}
	close(proceed)
	wantEcho(t, c)
}

// chatToTheEnd receives all items of a call.
func chatToTheEnd(ctx context.Context, c rpc.Invoker) error {
	chat, err := caller.OpenBothWays(ctx, c, chatMethod, nil)
	if err != nil {
		return err
	}
	for {
		if _, err := chat.Receive(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
