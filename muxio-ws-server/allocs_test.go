package wsserver_test

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/simd-drive/go/muxio-rpc-caller"
	"github.com/simd-drive/go/muxio-rpc-endpoint"
	"github.com/simd-drive/go/muxio-rpc-service"
	"github.com/simd-drive/go/muxio-ws-client"
	"github.com/simd-drive/go/muxio-ws-server"
)

// maxAllocations is what a small call may allocate, both ends together, when others are
// in flight: the context of the handler and the response are two.
const maxAllocations = 3

func TestAllocationsOfACall(t *testing.T) {
	if raceDetector {
		t.Skip("SKIPPED: the race detector allocates, and makes pools forget")
	}
	echo := rpc.NewMethod("test.echo", rpc.Bytes, rpc.Bytes)
	calls := endpoint.New(endpoint.Options{})
	if err := endpoint.Handle(calls, echo, func(_ context.Context, b []byte) ([]byte, error) { return b, nil }); err != nil {
		t.Fatal(err)
	}
	_, url := serve(t, wsserver.Options{Handler: calls})
	client, err := wsclient.Dial(t.Context(), url, wsclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	run := func(each int) {
		var callers sync.WaitGroup
		for range 32 {
			callers.Go(func() {
				request := make([]byte, 32)
				for range each {
					if _, err := caller.Call(t.Context(), client.Conn(), echo, request); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		callers.Wait()
	}
	run(100) // fills pools
	const each = 1000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run(each)
	runtime.ReadMemStats(&after)
	if n := float64(after.Mallocs-before.Mallocs) / (32 * each); n > maxAllocations {
		t.Errorf("%.2f allocations a call, want at most %d", n, maxAllocations)
	}
}
