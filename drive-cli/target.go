package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-ws-client"
)

// target is a store that verbs work on: a local file or a remote drive. Errors
// are ready to be shown; a missing key is a notFoundError. Writers return the
// store's new tail, an offset in bytes.
type target interface {
	// read writes the value of k to w, after its checksum was verified, and
	// returns its size.
	read(ctx context.Context, k key, w io.Writer) (int64, error)
	write(ctx context.Context, k key, value []byte) (int64, error)
	// writeFrom stores everything that r yields; an error of r stores nothing.
	writeFrom(ctx context.Context, k key, r io.Reader) (int64, error)
	// writeBatch stores all items or none.
	writeBatch(ctx context.Context, items []item) (int64, error)
	// remove deletes k; a key that is not there is no error.
	remove(ctx context.Context, k key) (int64, error)
	exists(ctx context.Context, k key) (bool, error)
	rename(ctx context.Context, from, to key) (int64, error)
	// duplicate stores the value of from under to as well.
	duplicate(ctx context.Context, from, to key) (int64, error)
	metadata(ctx context.Context, k key) (entryRecord, error)
	// entries yields entries in file order: all of them, or the live ones.
	entries(ctx context.Context, onlyLive bool) iter.Seq2[entryRecord, error]
	// stats sums the store up. What a compaction would save is told if savings asks
	// for it. Without, a server of the original protocol tells its size and the
	// number of live entries only.
	stats(ctx context.Context, savings bool) (storeStats, error)
	// compact copies at most rate bytes a second; 0 is no limit.
	compact(ctx context.Context, rate int64, report func(done, total int64)) (compaction, error)
	// snapshot writes a backup of what came after since to w, reading at most
	// rate bytes a second, and returns up to where it reaches.
	snapshot(ctx context.Context, w io.Writer, since drive.Position, rate int64) (drive.Position, error)
	// sync returns once everything written before is on stable storage.
	sync(ctx context.Context) error
	Close() error
}

// item is one entry to write.
type item struct {
	key   key
	value []byte
}

// entryRecord describes one entry of a store. Offsets and sizes are in bytes.
type entryRecord struct {
	offset     int64 // where the value starts
	size       int64 // of the value
	keyHash    uint64
	prevOffset int64
	checksum   uint32
	tombstone  bool
	live       bool   // it is what a read of its key returns
	address    string // in memory, empty for a remote store
}

// storeStats sums up a store.
type storeStats struct {
	fileSize    int64
	liveEntries int64
	allEntries  int64
	tombstones  int64
	liveBytes   int64
	savings     int64 // what a compaction would give back
}

// compaction is the outcome of compacting a store.
type compaction struct{ before, after int64 }

// access says what a verb is going to do with a store.
type access int

const (
	readStore   access = iota // never changes anything
	readDamaged               // likewise, and shows what comes before damage
	modifyStore               // the store must exist
	createStore               // the store is created where it does not exist
)

// reads reports whether the store is not changed.
func (m access) reads() bool { return m == readStore || m == readDamaged }

// damageFlag is the flag of verbs that read.
type damageFlag struct {
	AcceptDamage bool `help:"Read a damaged storage file up to the damage, instead of refusing it."`
}

// access returns how to open the store.
func (f damageFlag) access() access {
	if f.AcceptDamage {
		return readDamaged
	}
	return readStore
}

// isRemote reports whether address names a server rather than a file.
func isRemote(address string) bool {
	scheme, _, found := strings.Cut(address, "://")
	scheme = strings.ToLower(scheme)
	return found && (scheme == "ws" || scheme == "wss")
}

// requireLocal refuses an address for a verb that works on files.
func (a *app) requireLocal(verb string) error {
	if isRemote(a.store) {
		return usagef("%s works on a storage file, not on an address; run it where %s keeps its file", verb, quoted(a.store))
	}
	return nil
}

// withStore opens STORE, calls fn and closes it.
func (a *app) withStore(mode access, fn func(target) error) error {
	return a.with(a.store, mode, fn)
}

// with opens the store at address, calls fn, waits for the disk of a server if that
// was asked for, and closes the store, which syncs a storage file in any case. An
// error of fn goes before the later ones.
func (a *app) with(address string, mode access, fn func(target) error) (err error) {
	t, err := a.open(address, mode)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := t.Close(); err == nil {
			err = closeErr
		}
	}()
	if err := fn(t); err != nil || mode.reads() || !a.sync {
		return err
	}
	return t.sync(a.ctx)
}

func (a *app) open(address string, mode access) (target, error) {
	if isRemote(address) {
		if mode == readDamaged {
			return nil, usagef("--accept-damage is for a storage file, not for an address")
		}
		return openRemote(a.ctx, address, a.remote, a.log)
	}
	if scheme, _, found := strings.Cut(address, "://"); found {
		return nil, usagef("%s: addresses start with ws:// or wss://, not %s://", quoted(address), scheme)
	}
	return openLocal(address, mode, a.sync, a.log)
}

// sameStore reports whether two addresses name one store, also by different
// spellings of a path.
func sameStore(a, b string) bool {
	if a == b {
		return true
	}
	if isRemote(a) || isRemote(b) {
		return false
	}
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// requireFile returns an error unless path is there.
func requireFile(path string) error {
	_, err := os.Stat(path)
	return missingFile(path, err)
}

// missingFile says that a storage file does not exist where err means that.
func missingFile(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("storage file " + quoted(path) + " does not exist")
	}
	return err
}

// isWhole reads a value and reports whether it matches its checksum.
func isWhole(ctx context.Context, t target, k key) (bool, error) {
	_, err := t.read(ctx, k, io.Discard)
	if errors.Is(err, drive.ErrCorrupt) || errors.Is(err, driveclient.ErrCorrupt) {
		return false, nil
	}
	return err == nil, err
}
