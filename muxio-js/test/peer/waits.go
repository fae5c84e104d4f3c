package main

import (
	"context"
	"sync"
)

// waits holds what one call waits for and another one brings about, by name.
type waits struct {
	mu    sync.Mutex
	named map[string]chan string
}

// of returns the channel of a name. It holds one value.
func (w *waits) of(name string) chan string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.named == nil {
		w.named = make(map[string]chan string)
	}
	ch, ok := w.named[name]
	if !ok {
		ch = make(chan string, 1)
		w.named[name] = ch
	}
	return ch
}

// wait returns what was put under a name.
func (w *waits) wait(ctx context.Context, name string) (string, error) {
	select {
	case v := <-w.of(name):
		return v, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// put ends the wait for a name.
func (w *waits) put(name, v string) {
	select {
	case w.of(name) <- v:
	default: // it was put before
	}
}
