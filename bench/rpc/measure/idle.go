package measure

import (
	"context"
	"fmt"

	"github.com/simd-drive/go/bench/child"
	"github.com/simd-drive/go/bench/rounds"
)

// IdleResult is what open connections without calls take.
type IdleResult struct {
	Impl        string `json:"impl"`
	Connections int    `json:"connections"`
	// Server and Client are resident bytes for each connection, after memory
	// that is not in use was returned to the system; ServerBefore is that of
	// the server before it was. The kernel's buffers are not among them.
	Server       float64 `json:"server_bytes"`
	Client       float64 `json:"client_bytes"`
	ServerBefore float64 `json:"server_bytes_before_collection"`
	// Goroutines is how many the server has for each connection.
	Goroutines float64 `json:"server_goroutines"`
	Rounds     int     `json:"rounds"`
	Settings   string  `json:"settings"`
	Error      string  `json:"error,omitempty"`
}

// Idle opens connections and leaves them alone.
func Idle(ctx context.Context, p rounds.Plan, list []Implementation, connections int) []IdleResult {
	what := fmt.Sprintf("%d idle connections", connections)
	runs, errs := rounds.Interleave(ctx, p, what, list, func(ctx context.Context, i Implementation) (IdleResult, error) {
		return runIdle(ctx, i, connections)
	})
	results := make([]IdleResult, len(list))
	for n, i := range list {
		figure := func(of func(IdleResult) float64) float64 { return rounds.Median(runs[n], of) }
		results[n] = IdleResult{
			Impl: i.Name, Connections: connections, Rounds: len(runs[n]), Settings: i.Settings, Error: errorText(errs[n]),
			Server:       figure(func(r IdleResult) float64 { return r.Server }),
			Client:       figure(func(r IdleResult) float64 { return r.Client }),
			ServerBefore: figure(func(r IdleResult) float64 { return r.ServerBefore }),
			Goroutines:   figure(func(r IdleResult) float64 { return r.Goroutines }),
		}
	}
	return results
}

func runIdle(ctx context.Context, i Implementation, connections int) (r IdleResult, err error) {
	pr, err := startPair(ctx, i)
	if err != nil {
		return r, err
	}
	defer pr.stop()
	var warm echoSample
	if err := pr.client.Ask(&warm, "echo 32 1 %d", idleCalls); err != nil {
		return r, err
	}
	var client, server, uncollected, clientBefore, serverBefore Usage
	for _, q := range []struct {
		p       *child.Process
		into    *Usage
		command string
	}{
		{pr.client, &clientBefore, "collect"},
		{pr.server, &serverBefore, "collect"},
		{pr.client, new(Usage), fmt.Sprintf("open %d", connections)},
		{pr.server, &uncollected, "usage"},
		{pr.client, &client, "collect"},
		{pr.server, &server, "collect"},
	} {
		if err := q.p.Ask(q.into, "%s", q.command); err != nil {
			return r, err
		}
	}
	each := func(after, before Usage) float64 {
		return float64(after.ResidentBytes-before.ResidentBytes) / float64(connections)
	}
	return IdleResult{
		Server: each(server, serverBefore), Client: each(client, clientBefore), ServerBefore: each(uncollected, serverBefore),
		Goroutines: float64(server.Goroutines-serverBefore.Goroutines) / float64(connections),
	}, nil
}
