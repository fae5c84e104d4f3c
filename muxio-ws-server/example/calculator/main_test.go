package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"go.uber.org/goleak"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func Example() {
	if err := run(context.Background(), os.Stdout, []string{"-limit", "1000"}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// at 100
	// at 200
	// at 300
	// at 400
	// at 500
	// at 600
	// at 700
	// at 800
	// at 900
	// 168 primes below 1000
}

func TestRefusedRequest(t *testing.T) {
	err := run(t.Context(), io.Discard, []string{"-limit", "1000000000"})
	if !errors.Is(err, rpc.InvalidArgument) {
		t.Errorf("got %v", err)
	}
}

func TestCancelledCalculation(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, io.Discard, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
