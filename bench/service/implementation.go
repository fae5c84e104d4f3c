package service

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/simd-drive/go/bench/kv"
	"github.com/simd-drive/go/bench/program"
)

// Programs are the paths of what is measured; an empty one leaves out what needs it.
type Programs struct {
	Ours       string // the server drive-ws-server
	Original   string // the server simd-r-drive-ws-server
	RustClient string // the program in interop/rust
	Redis      string // redis-server
}

// An Implementation is a server and a client that calls it.
type Implementation struct {
	Name     string
	Settings string
	// EverySecond says that what was written is synced once in a second; else the
	// system decides when it is, or nothing is kept.
	EverySecond bool
	// Ours marks what this repository answers for.
	Ours bool

	start func(ctx context.Context, dir string) (*program.Server, error)
	dial  dialer
	rust  string                                      // unless empty, the program that calls in place of dial
	bare  func(context.Context, kv.Case) (run, error) // unless nil, in place of all that
	able  func(kv.Case) bool
}

// String returns the name.
func (i Implementation) String() string { return i.Name }

// dialer connects a client to an address.
type dialer func(ctx context.Context, address string, items []kv.Item) (kv.Store, error)

// The names of implementations.
const (
	ours        = "drive"
	oursSynced  = "drive-1s"
	rust        = "rust"
	rustOnOurs  = "rust-on-drive"
	rueidisName = "redis-rueidis"
	goRedisName = "redis-goredis"
	synced      = "-aof" // follows the name of one with Redis
	tcp         = "tcp"
)

const (
	// tcpPeer is the peer of package rpc/peers whose streams are bare bytes.
	tcpPeer = "tcp-pp"
	// smallValue is the size of the values of small calls.
	smallValue = 100
)

// dialers are the clients that this program is, by the implementation that they call.
var dialers = map[string]dialer{
	ours: dialDrive, oursSynced: dialDrive,
	rueidisName: dialRueidis, rueidisName + synced: dialRueidis,
	goRedisName: dialGoRedis, goRedisName + synced: dialGoRedis,
}

func dialDrive(ctx context.Context, address string, items []kv.Item) (kv.Store, error) {
	d, err := kv.DialDrive(ctx, address, items)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// oneCall is what the original client on our server is for: its calls one at a time.
func oneCall(c kv.Case) bool { return c.InFlight == 1 && c.Size <= smallValue }

// Implementations returns all that can be measured with the programs that are there.
func Implementations(p Programs) []Implementation {
	anything := func(c kv.Case) bool { return c.Op != kv.Stream }
	var all []Implementation
	add := func(i Implementation, needs ...string) {
		if slices.Contains(needs, "") {
			return
		}
		i.dial = dialers[i.Name]
		if i.able == nil {
			i.able = anything
		}
		all = append(all, i)
	}
	drive := func(path string, flags ...string) func(context.Context, string) (*program.Server, error) {
		return func(ctx context.Context, dir string) (*program.Server, error) {
			return program.StartServer(ctx, path, append([]string{filepath.Join(dir, "bench.drive")}, flags...)...)
		}
	}
	redis := func(flags ...string) func(context.Context, string) (*program.Server, error) {
		return func(ctx context.Context, dir string) (*program.Server, error) {
			return program.StartRedis(ctx, p.Redis, dir, append([]string{"--save", ""}, flags...)...)
		}
	}
	add(Implementation{
		Name: ours, Ours: true, start: drive(p.Ours, program.LikeOriginal...), able: func(kv.Case) bool { return true },
		Settings: "drive-ws-server " + strings.Join(program.LikeOriginal, " ") + "; drive-ws-client, native protocol",
	}, p.Ours)
	add(Implementation{
		Name: rust, start: drive(p.Original), rust: p.RustClient,
		Settings: "the original server and client as shipped: Nagle's algorithm is on at both ends, nothing is ever synced",
	}, p.Original, p.RustClient)
	add(Implementation{
		Name: rustOnOurs, Ours: true, start: drive(p.Ours, program.LikeOriginal...), rust: p.RustClient, able: oneCall,
		Settings: "the original client as shipped on drive-ws-server",
	}, p.Ours, p.RustClient)
	add(Implementation{
		Name: tcp, bare: bareTCP, able: func(c kv.Case) bool { return c.Op == kv.Stream },
		Settings: "bare bytes in writes of 64 KiB on a TCP connection; the limit of streams",
	})
	const memory = "redis-server --save '' --appendonly no: nothing is kept in any file; "
	const file = "redis-server --save '' --appendonly yes --appendfsync everysec; "
	const pipelined = "rueidis, one connection (PipelineMultiplex -1), automatic pipelining"
	const pooled = "go-redis, PoolSize 1: one call at a time on one connection, the others wait for it"
	add(Implementation{Name: rueidisName, Settings: memory + pipelined, start: redis("--appendonly", "no")}, p.Redis)
	add(Implementation{Name: goRedisName, Settings: memory + pooled, start: redis("--appendonly", "no")}, p.Redis)
	intervals := append([]string{"--sync", "interval=1s"}, program.LikeOriginal[2:]...)
	add(Implementation{
		Name: oursSynced, Ours: true, EverySecond: true, start: drive(p.Ours, intervals...), able: kv.Case.Writes,
		Settings: "drive-ws-server " + strings.Join(intervals, " ") + "; drive-ws-client, native protocol",
	}, p.Ours)
	everySecond := redis("--appendonly", "yes", "--appendfsync", "everysec")
	add(Implementation{Name: rueidisName + synced, EverySecond: true, Settings: file + pipelined, start: everySecond, able: kv.Case.Writes}, p.Redis)
	add(Implementation{Name: goRedisName + synced, EverySecond: true, Settings: file + pooled, start: everySecond, able: kv.Case.Writes}, p.Redis)
	return all
}

// Able returns those that have a case.
func Able(all []Implementation, c kv.Case) []Implementation {
	return slices.DeleteFunc(slices.Clone(all), func(i Implementation) bool { return !i.able(c) })
}

// Select returns the implementations that a comma list names, in its order; "all"
// stands for all of them.
func Select(all []Implementation, list string) ([]Implementation, error) {
	if list == "all" {
		return all, nil
	}
	var chosen []Implementation
	for name := range strings.SplitSeq(list, ",") {
		n := slices.IndexFunc(all, func(i Implementation) bool { return i.Name == name })
		if n < 0 {
			return nil, fmt.Errorf("no implementation %q among %v", name, all)
		}
		chosen = append(chosen, all[n])
	}
	return chosen, nil
}

// Missing tells what is not measured because its program is not there.
func (p Programs) Missing() []string {
	var missing []string
	for _, one := range []struct{ what, path string }{
		{"drive-ws-server", p.Ours}, {"the original server", p.Original}, {"the original client", p.RustClient}, {"redis-server", p.Redis},
	} {
		if one.path == "" {
			missing = append(missing, one.what)
		}
	}
	return missing
}

// Found returns path if there is a file, else nothing.
func Found(path string) string {
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}
