package rpc

import (
	"flag"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/simd-drive/go/muxio"
	"github.com/simd-drive/go/muxio/streamconn"
)

var soakTime = flag.Duration("soak", 3*time.Second, "how long TestSoak runs")

const (
	// soakUnit is what a second of the simulation is here.
	soakUnit = 20 * time.Millisecond
	// soakClients is how many connections there are at a time.
	soakClients = 8
	// soakHeapBytes is by how much the heap may grow between the first third and
	// the end.
	soakHeapBytes = 8 << 20
)

// TestSoak runs the calls of the simulation in real time over TCP, for as long as the
// flag -soak says. Connections come, are killed and go. In the end nothing may be
// left of them: no goroutine and no memory.
func TestSoak(t *testing.T) {
	w := newSimWorld(t, rand.New(rand.NewPCG(1, 2)))
	w.second, w.bytes, w.maxCalls = soakUnit, 1<<17, 0
	w.connect = func(uint64) (a, b muxio.Transport, kill func()) { return connectTCP(t) }
	goroutines := runtime.NumGoroutine()
	warm := soak(w, *soakTime/3)
	end := soak(w, *soakTime*2/3)
	w.wantAllEnded()
	if end > warm+soakHeapBytes {
		t.Errorf("the heap has grown from %d to %d bytes", warm, end)
	}
	for begin := time.Now(); runtime.NumGoroutine() > goroutines && time.Since(begin) < hangGuard; {
		<-time.After(soakUnit) // those of the runtime, of timers
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		stacks := make([]byte, 1<<20)
		t.Errorf("%d goroutines are left of %d:\n%s", n-goroutines, n, stacks[:runtime.Stack(stacks, true)])
	}
	t.Logf("%d calls in %v, %d of them failed as planned; the heap has %d KiB after a third, %d KiB at the end",
		w.calls.Load(), *soakTime, w.failed.Load(), warm>>10, end>>10)
}

// soak runs clients for a time and returns the size of the heap afterwards.
func soak(w *simWorld, d time.Duration) (heapBytes uint64) {
	deadline := time.Now().Add(d)
	var clients sync.WaitGroup
	for range soakClients {
		r := rand.New(rand.NewPCG(w.random.Uint64(), 0))
		clients.Go(func() {
			for time.Now().Before(deadline) {
				w.connection(r)
			}
		})
	}
	clients.Wait()
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools kept until the first one
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// connectTCP returns both ends of a connection on loopback.
func connectTCP(t *testing.T) (a, b muxio.Transport, kill func()) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return streamconn.New(near, streamconn.Config{}), streamconn.New(far, streamconn.Config{}), func() { _ = near.Close() }
}
