package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	caller "github.com/simd-drive/go/muxio-rpc-caller"
	endpoint "github.com/simd-drive/go/muxio-rpc-endpoint"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// callback makes the calls of its client that the request names, and reports how
// each went. The client's methods have the names and types below.
var callback = rpc.NewMethod("callback", asJSON[string]{}, asJSON[string]{})

var (
	clientDouble = rpc.NewMethod("client.double", asJSON[int]{}, asJSON[int]{})
	clientFail   = rpc.NewMethod("client.fail", asJSON[string]{}, asJSON[string]{})
	clientHang   = rpc.NewMethod("client.hang", asJSON[string]{}, asJSON[string]{})
	clientBlob   = rpc.NewMethod("client.blob", asJSON[int]{}, rpc.Bytes)
	clientNone   = rpc.NewMethod("client.none", asJSON[int]{}, asJSON[int]{})
	clientCount  = rpc.NewServerStream("client.count", asJSON[int]{}, asJSON[int]{})
	clientSum    = rpc.NewClientStream("client.sum", asJSON[int]{}, asJSON[int]{}, asJSON[int]{})
	clientChat   = rpc.NewBothWays("client.chat", asJSON[string]{}, asJSON[string]{}, asJSON[string]{})
)

// callBack returns a text that tells what the client answered.
func callBack(ctx context.Context, what string) (string, error) {
	client, ok := endpoint.Peer(ctx)
	if !ok {
		return "", errors.New("the call has no connection")
	}
	calls := map[string]func(context.Context, rpc.Invoker) (string, error){
		"double": callDouble, "fail": callFail, "hang": callHang, "blob": callBlob,
		"none": callNone, "count": callCount, "sum": callSum, "chat": callChat,
	}
	call, ok := calls[what]
	if !ok {
		return "", rpc.Errorf(rpc.InvalidArgument, "no such call %q", what)
	}
	return call(ctx, client)
}

// callDouble makes many calls at a time.
func callDouble(ctx context.Context, client rpc.Invoker) (string, error) {
	const calls = 100
	results := make([]int, calls)
	errs := make([]error, calls)
	var running sync.WaitGroup
	for i := range calls {
		running.Go(func() { results[i], errs[i] = caller.Call(ctx, client, clientDouble, i) }) // waited for below
	}
	running.Wait()
	total := 0
	for _, n := range results {
		total += n
	}
	return strconv.Itoa(total), errors.Join(errs...)
}

func callFail(ctx context.Context, client rpc.Invoker) (string, error) {
	var metadata rpc.Metadata
	metadata.Add("who", []byte("peer"))
	_, err := caller.Call(rpc.WithMetadata(ctx, metadata), client, clientFail, "please")
	e := rpc.ErrorFrom(err)
	if e == nil {
		return "", errors.New("client.fail did not fail")
	}
	text := fmt.Appendf(nil, "%d %s %s", e.Code, e.Reason, e.Message)
	for _, d := range e.Details {
		text = fmt.Appendf(text, " %s=%x", d.Type, d.Value)
	}
	return string(text), nil
}

// callHang gives a call up; the client reports back what its handler saw.
func callHang(ctx context.Context, client rpc.Invoker) (string, error) {
	inner, cancel := context.WithCancel(ctx)
	began := make(chan struct{})
	interrupted := make(chan error, 1)
	go func() { // ends with the call, waited for below
		close(began)
		_, err := caller.Call(inner, client, clientHang, "peer")
		interrupted <- err
	}()
	<-began
	// The client knows of the first call when it answers the second one.
	_, err := caller.Call(ctx, client, clientDouble, 1)
	cancel()
	return rpc.ErrorFrom(<-interrupted).Code.String(), err
}

func callBlob(ctx context.Context, client rpc.Invoker) (string, error) {
	b, err := caller.Call(ctx, client, clientBlob, 3<<20)
	return strconv.Itoa(len(b)), err
}

func callNone(ctx context.Context, client rpc.Invoker) (string, error) {
	_, err := caller.Call(ctx, client, clientNone, 1)
	if !errors.Is(err, rpc.Unimplemented) {
		return "", fmt.Errorf("client.none: %w", err)
	}
	return rpc.Unimplemented.String(), nil
}

func callCount(ctx context.Context, client rpc.Invoker) (string, error) {
	stream, err := caller.OpenServerStream(ctx, client, clientCount, 1000)
	if err != nil {
		return "", err
	}
	items, total := 0, 0
	for item, err := range stream.All() {
		if err != nil {
			return "", err
		}
		items++
		total += item
	}
	return fmt.Sprintf("%d %d", items, total), stream.Close()
}

func callSum(ctx context.Context, client rpc.Invoker) (string, error) {
	stream, err := caller.OpenClientStream(ctx, client, clientSum, 5)
	if err != nil {
		return "", err
	}
	for i := range 1000 {
		if err := stream.Send(i); err != nil {
			return "", err
		}
	}
	total, err := stream.Finish()
	return strconv.Itoa(total), err
}

func callChat(ctx context.Context, client rpc.Invoker) (string, error) {
	stream, err := caller.OpenBothWays(ctx, client, clientChat, "peer")
	if err != nil {
		return "", err
	}
	var lines []string
	for _, word := range []string{"", "one", "two"} {
		if word != "" {
			err = stream.Send(word)
		}
		line, receiveErr := stream.Receive()
		if err := errors.Join(err, receiveErr); err != nil {
			return "", err
		}
		lines = append(lines, line)
	}
	if err := stream.CloseSend(); err != nil {
		return "", err
	}
	if _, err := stream.Receive(); !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("client.chat ends with %w", err)
	}
	return strings.Join(lines, ";"), stream.Close()
}
