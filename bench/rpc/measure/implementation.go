package measure

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/simd-drive/go/bench/rpc/peers"
)

// An Implementation is what can be measured.
type Implementation struct {
	// Name, Settings, Ours and Features are those of the peer.
	Name     string
	Settings string
	Ours     bool
	Features peers.Feature

	serve []string // command of the serving process
	call  []string // command of the calling process; the address follows
}

// String returns the name.
func (i Implementation) String() string { return i.Name }

// The first arguments of the children that this program starts of itself.
const (
	serveArg = "serve-peer"
	callArg  = "call-peer"
)

// Implementations returns all that can be measured: the peers, and the
// program of the original when its path is given.
func Implementations(original string) ([]Implementation, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var all []Implementation
	for _, p := range peers.All() {
		all = append(all, Implementation{
			Name: p.Name, Settings: p.Settings, Ours: p.Ours, Features: p.Features,
			serve: []string{self, serveArg, p.Name}, call: []string{self, callArg, p.Name},
		})
	}
	if original == "" {
		return all, nil
	}
	for _, v := range []struct{ name, flag, text string }{
		{"rust", "as-shipped", "the original in Rust, muxio-tokio-rpc 0.17.2-alpha, as shipped: Nagle's algorithm is on at both ends"},
		{"rust-nodelay", "nodelay", "the same with TCP_NODELAY set at both ends from outside of it"},
	} {
		all = append(all, Implementation{
			Name: v.name, Settings: v.text, Features: peers.Concurrent | peers.Fetches,
			serve: []string{original, "serve", v.flag}, call: []string{original, "call", v.flag},
		})
	}
	return all, nil
}

// Select returns the implementations that a comma list names, in its order;
// "all" stands for all of them.
func Select(all []Implementation, list string) ([]Implementation, error) {
	if list == "all" {
		return all, nil
	}
	var chosen []Implementation
	for name := range strings.SplitSeq(list, ",") {
		at := slices.IndexFunc(all, func(i Implementation) bool { return i.Name == name })
		if at < 0 {
			names := make([]string, len(all))
			for i, one := range all {
				names[i] = one.Name
			}
			return nil, fmt.Errorf("no implementation is called %q, there are: %s", name, strings.Join(names, ", "))
		}
		chosen = append(chosen, all[at])
	}
	return chosen, nil
}

// Able returns the implementations that have all the features.
func Able(all []Implementation, want peers.Feature) []Implementation {
	var able []Implementation
	for _, i := range all {
		if i.Features.Has(want) {
			able = append(able, i)
		}
	}
	return able
}
