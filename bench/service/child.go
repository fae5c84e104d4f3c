package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/simd-drive/go/bench/child"
	"github.com/simd-drive/go/bench/kv"
)

// callArg is the first argument of the calling processes that this program starts of
// itself.
const callArg = "call-store"

// dialTimeout bounds the opening of a connection.
const dialTimeout = 10 * time.Second

// Child runs this process as a client when its arguments say so:
//
//	call-store IMPL ADDRESS OP SIZE IN-FLIGHT
//
// It fills the store, greets, and answers the command run NANOS by what calls have
// taken for so long. It reports whether it was a child, and returns when standard
// input ends.
func Child(ctx context.Context, args []string, in io.Reader, out io.Writer) (bool, error) {
	if len(args) != 6 || args[0] != callArg {
		return false, nil
	}
	load, err := newLoad(ctx, args[1], args[2], args[3:])
	if err := child.Greet(out, "", err); err != nil || load.Store == nil {
		return true, err
	}
	err = child.TakeCommands(ctx, in, out, map[string]child.Command{
		"run": func(ctx context.Context, args []string) (any, error) {
			if len(args) != 1 {
				return nil, errors.New("run takes one argument")
			}
			nanos, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return nil, err
			}
			return load.Run(ctx, time.Duration(nanos))
		},
	})
	return true, errors.Join(err, load.Store.Close())
}

// newLoad connects and fills the store.
func newLoad(ctx context.Context, name, address string, args []string) (kv.Load, error) {
	c := kv.Case{Op: args[0]}
	var sizeErr, inFlightErr error
	c.Size, sizeErr = strconv.Atoi(args[1])
	c.InFlight, inFlightErr = strconv.Atoi(args[2])
	dial, known := dialers[name]
	err := errors.Join(sizeErr, inFlightErr, c.Check())
	if !known {
		err = errors.Join(err, fmt.Errorf("no client of %q", name))
	}
	if err != nil {
		return kv.Load{}, err
	}
	var items []kv.Item
	if c.Op != kv.Stream {
		items = kv.Items(c)
	}
	dialing, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	store, err := dial(dialing, address, items)
	if err != nil {
		return kv.Load{}, err
	}
	if streamer, ok := store.(kv.Streamer); ok && c.Op == kv.Stream {
		err = streamer.FillStream(ctx, int64(c.Size))
	} else {
		err = store.Fill(ctx)
	}
	if err != nil {
		return kv.Load{}, errors.Join(err, store.Close())
	}
	return kv.Load{Store: store, Case: c, Items: len(items)}, nil
}

// ExitIfChild runs this process as a client and ends it when its command line says so.
// Programs and tests that measure call it first.
func ExitIfChild() {
	isChild, err := Child(context.Background(), os.Args[1:], os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "servicebench:", err)
		os.Exit(1)
	}
	if isChild {
		os.Exit(0)
	}
}
