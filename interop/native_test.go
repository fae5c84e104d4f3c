//go:build interop

package interop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-ws-client"
)

// A nativeClient is the client of this repository.
type nativeClient struct{ drive *driveclient.Client }

// dialNative connects to a server. The test's end closes it.
func dialNative(t *testing.T, address string, protocol driveclient.Protocol) client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	c, err := driveclient.Dial(ctx, "ws://"+address, driveclient.Options{Protocol: protocol})
	if err != nil {
		t.Fatal(err)
	}
	n := nativeClient{c}
	t.Cleanup(n.kill)
	return n
}

func (n nativeClient) kill() { _ = n.drive.Close() } // the server may be gone

func (n nativeClient) ask(parallel int, calls []call) ([]result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	results := make([]result, len(calls))
	free := make(chan struct{}, parallel)
	var running sync.WaitGroup
	for i, c := range calls {
		free <- struct{}{}
		running.Go(func() {
			defer func() { <-free }()
			r, err := n.run(ctx, c)
			if err != nil {
				r.Error = err.Error()
			}
			results[i] = r
		})
	}
	running.Wait()
	return results, nil
}

// run makes one call.
func (n nativeClient) run(ctx context.Context, c call) (result, error) {
	switch c.Op {
	case "write":
		return number(n.drive.Write(ctx, c.Key, c.Value))
	case "read":
		value, err := n.drive.Get(ctx, c.Key)
		if errors.Is(err, driveclient.ErrNotFound) {
			return result{}, nil
		}
		return result{Value: value}, err
	case "delete":
		return number(n.drive.Delete(ctx, c.Key))
	case "exists":
		yes, err := n.drive.Exists(ctx, c.Key)
		return result{Yes: yes}, err
	case "len":
		return number(n.drive.Len(ctx))
	case "is_empty":
		yes, err := n.drive.IsEmpty(ctx)
		return result{Yes: yes}, err
	case "file_size":
		return number(n.drive.FileSize(ctx))
	case "batch_write":
		items := make([]driveclient.Item, len(c.Keys))
		for i, key := range c.Keys {
			items[i] = driveclient.Item{Key: key, Value: c.Values[i]}
		}
		return number(n.drive.WriteBatch(ctx, items))
	case "batch_read":
		values, err := n.drive.GetBatch(ctx, c.Keys)
		return result{Values: values}, err
	case "namespace":
		key := drive.NewNamespaceHasher(c.Namespace).Key(c.Key)
		return result{Value: key[:]}, nil
	default:
		return result{}, fmt.Errorf("unknown op %s", c.Op)
	}
}

// number is a result that is a number.
func number[N int | int64](n N, err error) (result, error) {
	return result{Number: uint64(n)}, err
}
