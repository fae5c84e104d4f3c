package driver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/simd-drive/go/drive-core"
)

const (
	kib = 1 << 10
	mb1 = 1 << 20
	gb1 = 1 << 30
)

// A Scale divides the numbers of entries and the seconds of a case, to try
// whether it works. 1 is the contract.
type Scale uint64

// Of returns a number of entries or bytes.
func (s Scale) Of(n uint64) uint64 { return max(1, n/uint64(s)) }

// Lasting returns a time.
func (s Scale) Lasting(d time.Duration) time.Duration { return d / time.Duration(s) }

// ErrUnknownCase means that no case has the name.
var ErrUnknownCase = errors.New("driver: there is no such case")

// A runner runs a case on the drive at path.
type runner func(ctx context.Context, path string, s Scale) (Result, error)

// namedCase is one case.
type namedCase struct {
	name string
	run  runner
}

// cases are all of them.
var cases = []namedCase{
	{"a_append_8b_batch1024", func(_ context.Context, path string, s Scale) (Result, error) {
		return appendBatches(path, s.Of(1_000_000), 8, 1024)
	}},
	{"mk_5m_8b", func(_ context.Context, path string, s Scale) (Result, error) {
		return appendBatches(path, s.Of(5_000_000), 8, 1024)
	}},
	{"b_append_128b_single", func(_ context.Context, path string, s Scale) (Result, error) {
		return appendSingle(path, s.Of(100_000), 128)
	}},
	{"c_append_1k_batch100", func(_ context.Context, path string, s Scale) (Result, error) {
		return appendBatches(path, s.Of(200_000), kib, 100)
	}},
	{"d_append_1m_single", func(_ context.Context, path string, s Scale) (Result, error) {
		return appendSingle(path, s.Of(500), mb1)
	}},
	{"mk_2g_1m", func(_ context.Context, path string, s Scale) (Result, error) {
		return appendSingle(path, s.Of(2_000), mb1)
	}},
	{"mk_compact", func(_ context.Context, path string, s Scale) (Result, error) {
		return appendHalfTwice(path, s.Of(200_000))
	}},
	{"e1_read_touch", reading(1_000_000, 1_000_000, 1, false)},
	{"e1_read_touch_2", reading(1_000_000, 1_000_000, 2, false)},
	{"e2_read_sum_8b", reading(1_000_000, 1_000_000, 1, true)},
	{"e3_read_sum_1k", reading(200_000, 500_000, 1, true)},
	{"e4_read_touch_5m", reading(5_000_000, 1_000_000, 1, false)},
	{"f_batch_read_100", func(_ context.Context, path string, s Scale) (Result, error) {
		return readBatches(path, s.Of(1_000_000), s.Of(10_000))
	}},
	{"g_iterate", func(_ context.Context, path string, _ Scale) (Result, error) { return iterate(path, false) }},
	{"g2_iterate_sum_1k", func(_ context.Context, path string, _ Scale) (Result, error) { return iterate(path, true) }},
	{"h_open", func(_ context.Context, path string, _ Scale) (Result, error) { return open(path, warm) }},
	{"h_open_cold", func(_ context.Context, path string, _ Scale) (Result, error) { return open(path, cold) }},
	{"h_open_checkpoint", func(_ context.Context, path string, _ Scale) (Result, error) { return open(path, checkpoint) }},
	{"i_mixed_4r_1w", mixing(4, true, 5*time.Second)},
	{"i2_readers_only_4", mixing(4, false, 3*time.Second)},
	{"i3_readers_only_1", mixing(1, false, 3*time.Second)},
	{"j_mem", func(_ context.Context, path string, _ Scale) (Result, error) { return openMemory(path) }},
	{"j_grow", func(_ context.Context, path string, s Scale) (Result, error) { return grow(path, s.Of(5_000_000)) }},
	{"k_stream_1g", func(_ context.Context, path string, s Scale) (Result, error) { return stream(path, s.Of(gb1)) }},
	{"l_compact", func(ctx context.Context, path string, _ Scale) (Result, error) { return compact(ctx, path) }},
	{"m_delete_batch1024", func(_ context.Context, path string, s Scale) (Result, error) {
		return deleteAll(path, s.Of(1_000_000))
	}},
	{"n_contend_128", contending(128)},
	{"n_contend_4k", contending(4 * kib)},
	{"n_contend_64k", contending(64 * kib)},
	{"o_synced_bare", func(_ context.Context, path string, s Scale) (Result, error) {
		return bareSynced(path, s.Of(2_000))
	}},
	{"o_synced_1", func(ctx context.Context, path string, s Scale) (Result, error) {
		return appendSynced(ctx, path, 1, s.Of(2_000))
	}},
	{"o_synced_16", func(ctx context.Context, path string, s Scale) (Result, error) {
		return appendSynced(ctx, path, 16, s.Of(500))
	}},
}

// Cases returns the names of all cases.
func Cases() []string {
	names := make([]string, len(cases))
	for i, c := range cases {
		names[i] = c.name
	}
	return names
}

// Run runs a case on the drive at path, which the cases that write from the
// start replace.
func Run(ctx context.Context, name, path string, s Scale) (Result, error) {
	i := slices.IndexFunc(cases, func(c namedCase) bool { return c.name == name })
	if i < 0 {
		return Result{}, fmt.Errorf("%w: %s, of %s", ErrUnknownCase, name, strings.Join(Cases(), ", "))
	}
	r, err := cases[i].run(ctx, path, s)
	if err != nil {
		return Result{}, fmt.Errorf("driver: %s: %w", name, err)
	}
	r.Case = name
	return r, nil
}

// likeOriginal opens drives as the original does: nothing is synced while they
// are open.
var likeOriginal = drive.Options{Sync: drive.SyncNone}

// Remove removes the drive at path and what lies beside it.
func Remove(path string) error {
	var failures []error
	for _, name := range append(Beside(path), path) {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// Names of the files that drive-core keeps beside a drive.
const (
	syncedSuffix     = ".synced"
	checkpointSuffix = ".idx"
)

// Beside returns the names of the files that may lie beside the drive at path.
func Beside(path string) []string { return []string{path + syncedSuffix, path + checkpointSuffix} }

// fresh opens a new drive at path.
func fresh(path string, opts drive.Options) (*drive.Store, error) {
	if err := Remove(path); err != nil {
		return nil, err
	}
	return drive.Open(path, opts)
}

// withStore runs do on a drive that is closed afterwards.
func withStore(store *drive.Store, err error, do func(*drive.Store) (Result, error)) (r Result, _ error) {
	if err != nil {
		return Result{}, err
	}
	r, err = do(store)
	return r, errors.Join(err, store.Close())
}
