package measure

import (
	"context"
	"fmt"

	"github.com/simd-drive/go/bench/rounds"
	"github.com/simd-drive/go/bench/rpc/peers"
)

// Up and Down are the directions of a stream, as the calling process sees it.
const (
	Up   = "up"
	Down = "down"
)

const mib = 1 << 20

// gib is what CPU time of streams is given for.
const gib = 1 << 30

// StreamResult holds the medians of the runs of one implementation.
type StreamResult struct {
	Impl  string  `json:"impl"`
	Bytes int64   `json:"bytes"`
	Up    float64 `json:"up_mb_per_s"`
	Down  float64 `json:"down_mb_per_s"`
	// UpCPU and DownCPU are seconds per GiB at both ends together.
	UpCPU    float64 `json:"up_cpu_s_per_gib"`
	DownCPU  float64 `json:"down_cpu_s_per_gib"`
	Rounds   int     `json:"rounds"`
	Settings string  `json:"settings"`
	Error    string  `json:"error,omitempty"`
}

// streamRun is one run in one direction.
type streamRun struct{ megabytes, cpu float64 }

// Stream moves bytes in each direction, with nothing else on the connection.
func Stream(ctx context.Context, p rounds.Plan, list []Implementation, bytes int64) []StreamResult {
	list = Able(list, peers.Streams)
	what := fmt.Sprintf("stream of %d MiB", bytes/mib)
	runs, errs := rounds.Interleave(ctx, p, what, list, func(ctx context.Context, i Implementation) ([2]streamRun, error) {
		return runStreams(ctx, i, bytes)
	})
	results := make([]StreamResult, len(list))
	for n, i := range list {
		figure := func(direction int, of func(streamRun) float64) float64 {
			return rounds.Median(runs[n], func(r [2]streamRun) float64 { return of(r[direction]) })
		}
		megabytes := func(r streamRun) float64 { return r.megabytes }
		cpu := func(r streamRun) float64 { return r.cpu }
		results[n] = StreamResult{
			Impl: i.Name, Bytes: bytes, Settings: i.Settings, Rounds: len(runs[n]), Error: errorText(errs[n]),
			Up: figure(0, megabytes), Down: figure(1, megabytes), UpCPU: figure(0, cpu), DownCPU: figure(1, cpu),
		}
	}
	return results
}

// runStreams moves bytes up and then down on one connection.
func runStreams(ctx context.Context, i Implementation, bytes int64) (runs [2]streamRun, err error) {
	pr, err := startPair(ctx, i)
	if err != nil {
		return runs, err
	}
	defer pr.stop()
	for n, direction := range []string{Up, Down} {
		s, err := runStream(pr, direction, bytes)
		if err != nil {
			return runs, err
		}
		micros := s.Client.CPUMicros + s.Server.CPUMicros
		runs[n] = streamRun{
			megabytes: float64(bytes) / 1e6 / s.Seconds,
			cpu:       float64(micros) / 1e6 * gib / float64(bytes),
		}
	}
	return runs, nil
}

// A StreamRun is one run in one direction.
type StreamRun struct {
	Seconds        float64
	Client, Server Usage // during the stream
}

// Download moves bytes from a server to a client of an implementation, with two
// processes of their own.
func Download(ctx context.Context, i Implementation, bytes int64) (StreamRun, error) {
	pr, err := startPair(ctx, i)
	if err != nil {
		return StreamRun{}, err
	}
	defer pr.stop()
	return runStream(pr, Down, bytes)
}

// runStream moves bytes, after fewer that do not count.
func runStream(pr pair, direction string, bytes int64) (r StreamRun, err error) {
	var s streamSample
	if err := pr.client.Ask(&s, "stream %s %d", direction, max(1, bytes/warmUpParts)); err != nil {
		return r, err
	}
	before, err := usageOf(pr.server)
	if err != nil {
		return r, err
	}
	if err := pr.client.Ask(&s, "stream %s %d", direction, bytes); err != nil {
		return r, err
	}
	after, err := usageOf(pr.server)
	return StreamRun{Seconds: s.Seconds, Client: s.Used, Server: after.since(before)}, err
}
