package drive

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// tasks are what runs in the background of a store: its owner is the store, stop
// asks all to end, and wait waits for them. The zero tasks is ready for use.
type tasks struct {
	mu      sync.Mutex // guards what follows
	stopped bool
	ctx     context.Context //nolint:containedctx // ends with the store
	cancel  context.CancelFunc
	running sync.WaitGroup

	armed atomic.Bool // a sync is due
	timer *time.Timer // of that sync
}

// start runs fn until it returns, which it does soon after its context ends. It
// reports false, and runs nothing, when the store is being closed.
func (t *tasks) start(fn func(ctx context.Context)) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return false
	}
	if t.ctx == nil {
		t.ctx, t.cancel = context.WithCancel(context.Background())
	}
	ctx := t.ctx
	t.running.Go(func() { fn(ctx) })
	return true
}

// claimSync reports whether the caller is to call syncAfter: no sync is due yet.
func (t *tasks) claimSync() bool { return !t.armed.Load() && t.armed.CompareAndSwap(false, true) }

// syncAfter calls fn once, d from now. It is for who claimed it.
func (t *tasks) syncAfter(d time.Duration, fn func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return
	}
	t.running.Add(1)
	t.timer = time.AfterFunc(d, func() {
		defer t.running.Done()
		t.armed.Store(false) // before fn looks at what there is: what comes later asks again
		fn()
	})
}

// stop asks everything that runs to end; nothing begins any more.
func (t *tasks) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	if t.cancel != nil {
		t.cancel()
	}
	if t.timer != nil && t.timer.Stop() {
		t.running.Done()
	}
	t.timer = nil
}

// wait waits for everything to end, after stop.
func (t *tasks) wait() { t.running.Wait() }

// startTasks begins what the options ask for.
func (s *Store) startTasks() {
	if s.opts.ReadOnly && s.opts.Follow > 0 {
		s.tasks.start(func(ctx context.Context) { every(ctx, s.opts.Follow, s.followOnce) })
	}
	if s.opts.Scrub.Every > 0 {
		s.tasks.start(func(ctx context.Context) { every(ctx, s.opts.Scrub.Every, s.scrubOnce) })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.compactLater()
	s.checkpointLater()
}

// every calls fn each d, until ctx is done.
func every(ctx context.Context, d time.Duration, fn func(context.Context)) {
	ticker := time.NewTicker(d)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			fn(ctx)
		}
	}
}
