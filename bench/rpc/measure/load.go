package measure

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/simd-drive/go/bench/latency"
	"github.com/simd-drive/go/bench/rpc/peers"
)

// stampBytes is the size of the mark at the front of a request that tells it
// from every other one.
const stampBytes = 8

// maxDialing is how many connections are being opened at a time.
const maxDialing = 16

var (
	errWrongAnswer = errors.New("an answer is not what was sent")
	errNoStreams   = errors.New("the peer has no streams")
	errNoFetches   = errors.New("the peer has no fetches")
)

// echoSample is the answer to the command echo.
type echoSample struct {
	Calls   uint64  `json:"calls"`
	Seconds float64 `json:"seconds"`
	P50     int64   `json:"p50_ns"`
	P99     int64   `json:"p99_ns"`
	Max     int64   `json:"max_ns"`
	Used    Usage   `json:"used"` // by the calling process during the calls
}

// streamSample is the answer to the command stream.
type streamSample struct {
	Seconds float64 `json:"seconds"`
	Used    Usage   `json:"used"`
}

// mixedSample is the answer to the command mixed.
type mixedSample struct {
	Calls         echoSample `json:"calls"`
	StreamSeconds float64    `json:"stream_seconds"`
}

// echo keeps calls in flight for some time.
func (c *caller) echo(ctx context.Context, args []string) (any, error) {
	n, err := numbers(args, 3)
	if err != nil {
		return nil, err
	}
	size, inFlight, d := int(n[0]), int(n[1]), time.Duration(n[2])
	histograms := make([]latency.Histogram, inFlight)
	start := make(chan struct{})
	var deadline time.Time     // set before start is closed
	var workers errgroup.Group // each ends at the deadline or with an error of its own
	for w := range inFlight {
		e := newEchoer(c.client, w, size)
		workers.Go(func() error {
			<-start
			for before := time.Now(); before.Before(deadline); {
				if err := e.call(ctx); err != nil {
					return err
				}
				now := time.Now()
				histograms[w].Add(now.Sub(before))
				before = now
			}
			return nil
		})
	}
	runtime.Gosched() // so that the workers wait before the clock starts
	used := ownUsage()
	begun := time.Now()
	deadline = begun.Add(d)
	close(start)
	if err := workers.Wait(); err != nil {
		return nil, err
	}
	seconds := time.Since(begun).Seconds()
	used = ownUsage().since(used)
	for i := range histograms[1:] {
		histograms[0].Merge(&histograms[1+i])
	}
	return sampleOf(&histograms[0], seconds, used), nil
}

func sampleOf(h *latency.Histogram, seconds float64, used Usage) echoSample {
	return echoSample{
		Calls: h.Total(), Seconds: seconds, Used: used,
		P50: int64(h.Quantile(0.5)), P99: int64(h.Quantile(0.99)), Max: int64(h.Max()),
	}
}

// echoer makes calls one after the other and checks what comes back.
type echoer struct {
	client           peers.Client
	request, scratch []byte
	worker, calls    int
}

func newEchoer(client peers.Client, worker, size int) *echoer {
	e := &echoer{client: client, request: make([]byte, size), scratch: make([]byte, size), worker: worker}
	peers.FillNoise(e.request)
	return e
}

// call makes one call. The check looks at both ends of the answer only: the
// tests of package peers look at all of it.
func (e *echoer) call(ctx context.Context) error {
	e.calls++
	if len(e.request) >= stampBytes {
		binary.LittleEndian.PutUint64(e.request, uint64(e.worker)<<40|uint64(e.calls))
	}
	answer, err := e.client.Echo(ctx, e.scratch, e.request)
	if err != nil {
		return err
	}
	last := len(e.request) - 1
	if len(answer) != len(e.request) || answer[last] != e.request[last] {
		return errWrongAnswer
	}
	if len(answer) >= stampBytes && [stampBytes]byte(answer) != [stampBytes]byte(e.request) {
		return errWrongAnswer
	}
	e.scratch = answer
	return nil
}

// streamer returns the function that moves bytes in a direction.
func (c *caller) streamer(direction string) (func(context.Context, int64) error, error) {
	s, ok := c.client.(peers.Streamer)
	if !ok {
		return nil, errNoStreams
	}
	switch direction {
	case Up:
		return s.Upload, nil
	case Down:
		return s.Download, nil
	}
	return nil, fmt.Errorf("direction %q is neither %s nor %s", direction, Up, Down)
}

// stream moves bytes.
func (c *caller) stream(ctx context.Context, args []string) (any, error) {
	if len(args) != 2 {
		return nil, errors.New("stream takes a direction and a number of bytes")
	}
	move, err := c.streamer(args[0])
	if err != nil {
		return nil, err
	}
	n, err := numbers(args[1:], 1)
	if err != nil {
		return nil, err
	}
	used, begun := ownUsage(), time.Now()
	err = move(ctx, n[0])
	seconds := time.Since(begun).Seconds()
	return streamSample{Seconds: seconds, Used: ownUsage().since(used)}, err
}

// mixed makes calls while bytes move on the same connection. A call that ends
// after the stream does not count: part of it ran alone.
func (c *caller) mixed(ctx context.Context, args []string) (any, error) {
	if len(args) != 3 {
		return nil, errors.New("mixed takes a direction, a number of bytes and a size")
	}
	move, err := c.streamer(args[0])
	if err != nil {
		return nil, err
	}
	n, err := numbers(args[1:], 2)
	if err != nil {
		return nil, err
	}
	type end struct {
		err     error
		seconds float64
	}
	e := newEchoer(c.client, 0, int(n[1]))
	used, begun := ownUsage(), time.Now()
	moved := make(chan end, 1)
	go func() { // ends with the stream, and is received below
		err := move(ctx, n[0])
		moved <- end{err, time.Since(begun).Seconds()}
	}()
	var h latency.Histogram
	for {
		before := time.Now()
		callErr := e.call(ctx)
		took := time.Since(before)
		select {
		case end := <-moved:
			calls := sampleOf(&h, end.seconds, ownUsage().since(used))
			return mixedSample{calls, end.seconds}, errors.Join(end.err, callErr)
		default:
		}
		if callErr != nil {
			return nil, callErr // the connection is broken, which ends the stream too
		}
		h.Add(took)
	}
}

// stall begins fetches, whose answers nobody waits for: they end with the
// process.
func (c *caller) stall(ctx context.Context, args []string) (any, error) {
	f, ok := c.client.(peers.Fetcher)
	if !ok {
		return nil, errNoFetches
	}
	n, err := numbers(args, 2)
	if err != nil {
		return nil, err
	}
	for range n[0] {
		go func() { _, _ = f.Fetch(ctx, int(n[1])) }() // see above
	}
	return struct{}{}, nil
}

// open opens connections, which stay open as long as the process.
func (c *caller) open(ctx context.Context, args []string) (any, error) {
	n, err := numbers(args, 1)
	if err != nil {
		return nil, err
	}
	var dialers errgroup.Group // each ends with its connection
	dialers.SetLimit(maxDialing)
	opened := make([]peers.Client, n[0])
	for i := range opened {
		dialers.Go(func() (err error) {
			opened[i], err = c.dial(ctx)
			return err
		})
	}
	err = dialers.Wait()
	c.idle = append(c.idle, opened...)
	return struct{}{}, err
}
