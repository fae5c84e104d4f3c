//go:build linux

package powercut

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// conditions are what a drive has around it while a workload runs.
type conditions struct {
	name string
	// mount are options of ext4 besides ext4Options.
	mount string
	// neighbour: another user of the file system syncs its own file all the time, and with it the metadata of
	// all; the drive is written back in parts meanwhile. A file then is long before its bytes are there.
	neighbour bool
}

var (
	// quiet: nothing becomes durable unless somebody asks for it. This shows syncs that are missing.
	quiet = conditions{name: "quiet"}
	// busy: as much as possible becomes durable that nobody asked for, in any order. This shows what relies on
	// an order.
	busy = conditions{name: "busy", mount: ",data=writeback", neighbour: true}
)

// writeBackEvery is how often, when it is quiet, the system writes back a part of the
// drive, as it does when it likes.
const writeBackEvery = 4 * time.Millisecond

// run does to the drive at path what others do, until ctx ends. It fails by cancel.
func (c conditions) run(ctx context.Context, path string, seed uint64, cancel context.CancelCauseFunc) {
	r := rand.New(rand.NewPCG(seed, 5))
	ticker := time.NewTicker(writeBackEvery)
	defer ticker.Stop()
	for {
		if !c.neighbour {
			select {
			case <-ctx.Done():
			case <-ticker.C:
			}
		}
		if ctx.Err() != nil {
			return
		}
		err := writeBack(path, r)
		if c.neighbour {
			err = errors.Join(err, syncNeighbour(path+"-neighbour"))
		}
		if err != nil {
			cancel(err)
			return
		}
	}
}

// writeBack asks the system to write back some part of a file, mostly near its end.
func writeBack(path string, r *rand.Rand) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	pages := info.Size()/pageSize + 1
	from := max(0, pages-1-r.Int64N(64))
	if r.IntN(4) == 0 {
		from = r.Int64N(pages)
	}
	err = unix.SyncFileRange(int(f.Fd()), from*pageSize, (1+r.Int64N(16))*pageSize, unix.SYNC_FILE_RANGE_WRITE)
	return errors.Join(err, f.Close())
}

// syncNeighbour makes a file that is not the drive, makes it durable and removes it.
func syncNeighbour(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.WriteString("neighbour")
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(path))
}
