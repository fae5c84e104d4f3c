package measure

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/simd-drive/go/bench/child"
	"github.com/simd-drive/go/bench/rpc/peers"
)

// dialTimeout bounds the opening of a connection.
const dialTimeout = 10 * time.Second

// Child runs this process as a child when its arguments say so, and reports
// whether they did. It returns when standard input ends.
//
// The commands of a calling process are
//
//	usage                        what the process has used
//	collect                      the same after memory was returned to the system
//	echo SIZE IN-FLIGHT NANOS    make calls for so long
//	stream up|down BYTES         move so many bytes
//	mixed up|down BYTES SIZE     make calls, one at a time, while so many bytes move
//	stall COUNT SIZE             begin so many fetches and return at once
//	open COUNT                   open so many connections more
//
// and those of a serving process usage and collect.
func Child(ctx context.Context, args []string, in io.Reader, out io.Writer) (bool, error) {
	switch {
	case len(args) == 2 && args[0] == serveArg:
		return true, serveChild(ctx, args[1], in, out)
	case len(args) == 3 && args[0] == callArg:
		return true, callChild(ctx, args[1], args[2], in, out)
	}
	return false, nil
}

func serveChild(ctx context.Context, name string, in io.Reader, out io.Writer) error {
	service := peers.NewService()
	var address string
	p, err := peers.Find(name)
	if err == nil {
		address, _, err = p.Serve(ctx, service) // it ends with the process
	}
	if err := child.Greet(out, address, err); err != nil {
		return err
	}
	usage := func() Usage {
		u := ownUsage()
		u.Fetches = service.Fetches()
		return u
	}
	return child.TakeCommands(ctx, in, out, map[string]child.Command{
		"usage": func(context.Context, []string) (any, error) { return usage(), nil },
		"collect": func(context.Context, []string) (any, error) {
			debug.FreeOSMemory()
			return usage(), nil
		},
	})
}

// caller is the state of a calling process.
type caller struct {
	peer    peers.Peer
	address string
	client  peers.Client
	idle    []peers.Client // opened by the command open; they end with the process
}

func callChild(ctx context.Context, name, address string, in io.Reader, out io.Writer) error {
	c := &caller{address: address}
	var err error
	if c.peer, err = peers.Find(name); err == nil {
		c.client, err = c.dial(ctx)
	}
	if err := child.Greet(out, "", err); err != nil {
		return err
	}
	return child.TakeCommands(ctx, in, out, map[string]child.Command{
		"usage": func(context.Context, []string) (any, error) { return ownUsage(), nil },
		"collect": func(context.Context, []string) (any, error) {
			debug.FreeOSMemory()
			return ownUsage(), nil
		},
		"echo":   c.echo,
		"stream": c.stream,
		"mixed":  c.mixed,
		"stall":  c.stall,
		"open":   c.open,
	})
}

func (c *caller) dial(ctx context.Context) (peers.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return c.peer.Dial(ctx, c.address)
}

// numbers parses the arguments of a command.
func numbers(args []string, count int) ([]int64, error) {
	if len(args) != count {
		return nil, fmt.Errorf("%d arguments, want %d", len(args), count)
	}
	list := make([]int64, count)
	for i, text := range args {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, err
		}
		if n < 1 {
			return nil, fmt.Errorf("argument %d must be positive", n)
		}
		list[i] = n
	}
	return list, nil
}

// ExitIfChild runs this process as a child and ends it when its command line
// says so. Programs and tests that measure call it first.
func ExitIfChild() {
	isChild, err := Child(context.Background(), os.Args[1:], os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "rpcbench:", err)
		os.Exit(1)
	}
	if isChild {
		os.Exit(0)
	}
}
