package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"reflect"
	"strings"

	"github.com/simd-drive/go/drive-core"
)

// localStore is a storage file.
type localStore struct {
	store *drive.Store
	path  string
}

// copyBuffer is the size of the buffer through which a value is copied.
const copyBuffer = 256 * kib

// openLocal opens a storage file. Only createStore creates one that does not
// exist; only reading works on a file that may not be written. With sync every
// change is on stable storage when it is acknowledged.
func openLocal(path string, mode access, sync bool, logger *slog.Logger) (target, error) {
	options := drive.Options{
		ReadOnly:     mode.reads(),
		AcceptDamage: mode == readDamaged,
		MustExist:    mode != createStore,
		Logger:       logger,
	}
	if sync {
		options.Sync = drive.SyncAlways
	}
	s, err := drive.Open(path, options)
	var damage *drive.CorruptError
	if errors.As(err, &damage) {
		return nil, damagedFile(path, mode, damage)
	}
	if err != nil {
		return nil, openError(path, mode, err)
	}
	return &localStore{s, path}, nil
}

// damagedFile says what can be done about a file that is damaged.
func damagedFile(path string, mode access, damage *drive.CorruptError) error {
	help := "recover OUT saves what is intact"
	if mode.reads() {
		help += ", --accept-damage reads what comes before"
	}
	return fmt.Errorf("%s: damaged at offset %d: %s; %s", quoted(path), damage.Offset, damage.Reason, help)
}

// openError explains why a file could not be opened.
func openError(path string, mode access, err error) error {
	if mode != createStore {
		err = missingFile(path, err)
	}
	for _, sentinel := range []error{drive.ErrNotDrive, drive.ErrLocked, drive.ErrNotRegular} {
		if errors.Is(err, sentinel) {
			// The engine names the file too, somewhere in the middle.
			return errors.New(quoted(path) + ": " + strings.Replace(plainText(err), ": "+path, "", 1))
		}
	}
	return err
}

// Close closes the file.
func (l *localStore) Close() error { return l.store.Close() }

func (l *localStore) find(k key) (drive.Entry, error) {
	e, err := l.store.FindHash(k.hash)
	if errors.Is(err, drive.ErrNotFound) {
		return drive.Entry{}, notFoundError{k}
	}
	return e, err
}

func (l *localStore) read(_ context.Context, k key, w io.Writer) (int64, error) {
	e, err := l.find(k)
	if err != nil {
		return 0, err
	}
	if err := e.Verify(); err != nil {
		return 0, err
	}
	// Through a buffer: another goroutine may read what w is given, and must not meet the fault of a file that
	// is cut. The reader of the entry reports that as an error.
	return io.CopyBuffer(w, struct{ io.Reader }{e.NewReader()}, make([]byte, min(e.Size()+1, copyBuffer)))
}

func (l *localStore) write(_ context.Context, k key, value []byte) (int64, error) {
	return l.store.WriteHash(k.hash, value)
}

func (l *localStore) writeFrom(_ context.Context, k key, r io.Reader) (int64, error) {
	return l.store.WriteFromHash(k.hash, r)
}

func (l *localStore) writeBatch(_ context.Context, items []item) (int64, error) {
	batch := make([]drive.HashedItem, len(items))
	for i, it := range items {
		batch[i] = drive.HashedItem{Hash: it.key.hash, Value: it.value}
	}
	return l.store.WriteBatchHash(batch)
}

func (l *localStore) remove(_ context.Context, k key) (int64, error) {
	return l.store.DeleteHash(k.hash)
}

func (l *localStore) exists(_ context.Context, k key) (bool, error) {
	return l.store.ExistsHash(k.hash), nil
}

func (l *localStore) rename(_ context.Context, from, to key) (int64, error) {
	tail, err := l.store.RenameHash(from.hash, to.hash)
	if errors.Is(err, drive.ErrNotFound) {
		err = notFoundError{from}
	}
	return tail, err
}

func (l *localStore) duplicate(_ context.Context, from, to key) (int64, error) {
	e, err := l.find(from)
	if err != nil {
		return 0, err
	}
	if err := e.Verify(); err != nil {
		return 0, err
	}
	return l.store.WriteFromHash(to.hash, e.NewReader())
}

func (l *localStore) metadata(_ context.Context, k key) (entryRecord, error) {
	e, err := l.find(k)
	if err != nil {
		return entryRecord{}, err
	}
	return l.describe(e), nil
}

func (l *localStore) describe(e drive.Entry) entryRecord {
	return entryRecord{
		offset: e.Offset(), size: e.Size(), keyHash: e.KeyHash(), prevOffset: e.PrevOffset(),
		checksum: e.Checksum(), tombstone: e.IsTombstone(), live: l.store.IsLive(e),
		address: addressRange(e.Bytes()),
	}
}

// addressRange tells where in memory the bytes lie.
func addressRange(b []byte) string {
	start := reflect.ValueOf(b).Pointer()
	return fmt.Sprintf("%#x..%#x", start, start+uintptr(len(b)))
}

func (l *localStore) entries(_ context.Context, onlyLive bool) iter.Seq2[entryRecord, error] {
	all := l.store.History
	if onlyLive {
		all = l.store.Entries
	}
	return func(yield func(entryRecord, error) bool) {
		for e, err := range all(drive.FileOrder) {
			var record entryRecord
			if err == nil {
				record = l.describe(e)
			}
			if !yield(record, err) {
				return
			}
		}
	}
}

func (l *localStore) sync(context.Context) error { return l.store.Sync() }

func (l *localStore) stats(_ context.Context, savings bool) (storeStats, error) {
	st, err := l.store.Stats()
	if err != nil {
		return storeStats{}, err
	}
	result := storeStats{
		fileSize: l.store.FileSize(), liveEntries: st.LiveEntries, allEntries: st.Entries,
		tombstones: st.Tombstones, liveBytes: st.LiveBytes,
	}
	if savings {
		result.savings, err = l.store.CompactionSavings()
	}
	return result, err
}

func (l *localStore) compact(ctx context.Context, rate int64, report func(done, total int64)) (compaction, error) {
	r, err := l.store.Compact(ctx, drive.CompactOptions{BytesPerSecond: rate, Progress: report})
	return compaction{before: r.SizeBefore, after: r.SizeAfter}, err
}

func (l *localStore) snapshot(ctx context.Context, w io.Writer, since drive.Position, rate int64) (drive.Position, error) {
	return l.store.Snapshot(ctx, w, drive.SnapshotOptions{Since: since, BytesPerSecond: rate})
}
