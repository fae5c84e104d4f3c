package measure

import (
	"context"

	"github.com/simd-drive/go/bench/child"
)

// pair is a serving process and one that calls it.
type pair struct{ server, client *child.Process }

// startPair starts both processes of an implementation.
func startPair(ctx context.Context, i Implementation) (pair, error) {
	server, err := child.Start(ctx, i.serve...)
	if err != nil {
		return pair{}, err
	}
	client, err := startClient(ctx, i, server.Address)
	if err != nil {
		server.Stop()
		return pair{}, err
	}
	return pair{server, client}, nil
}

// startClient starts a process that calls an address.
func startClient(ctx context.Context, i Implementation, address string) (*child.Process, error) {
	return child.Start(ctx, append(i.call[:len(i.call):len(i.call)], address)...)
}

// usageOf asks what a child has used.
func usageOf(p *child.Process) (u Usage, err error) {
	err = p.Ask(&u, "usage")
	return u, err
}

func (p pair) stop() {
	p.client.Stop()
	p.server.Stop()
}
