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

// maxAllocations is what a small call may allocate, both ends together: the context of
// the handler and the response are two, and pools that have run dry are a part.
const maxAllocations = 2.5

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
	run := func(callers, each int) {
		var ended sync.WaitGroup
		for range callers {
			ended.Go(func() {
				request := make([]byte, 32)
				for range each {
					if _, err := caller.Call(t.Context(), client.Conn(), echo, request); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		ended.Wait()
	}
	for _, callers := range []int{1, 32} {
		run(callers, 100) // fills pools
		const each = 1000
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		run(callers, each)
		runtime.ReadMemStats(&after)
		n := float64(after.Mallocs-before.Mallocs) / float64(callers*each)
		t.Logf("%d in flight: %.2f allocations a call", callers, n)
		if n > maxAllocations {
			t.Errorf("%.2f allocations a call with %d in flight, want at most %v", n, callers, maxAllocations)
		}
	}
}
