package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestInterruptibleEndsWithContextWhileReaderBlocks(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	blocked, unblock := io.Pipe()
	defer unblock.Close()
	r := interruptible(ctx, blocked)
	// Ends with its write, which the reader takes.
	go func() { _, _ = io.WriteString(unblock, "first") }()
	first := make([]byte, len("first"))
	if _, err := io.ReadFull(r, first); err != nil {
		t.Fatal(err)
	}
	cancel()
	if rest, err := io.ReadAll(r); len(rest) > 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("read %q, %v; want the end of the context", rest, err)
	}
}

func TestInterruptiblePassesEverything(t *testing.T) {
	want := strings.Repeat("0123456789", 100_000)
	got, err := io.ReadAll(interruptible(t.Context(), strings.NewReader(want)))
	if err != nil || string(got) != want {
		t.Errorf("read %d bytes, %v; want %d", len(got), err, len(want))
	}
}
