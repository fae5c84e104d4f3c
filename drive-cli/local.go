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

// openLocal opens a storage file. Only createStore creates one that does not
// exist; only readStore works on a file that may not be written.
func openLocal(path string, mode access, logger *slog.Logger) (target, error) {
	s, err := drive.Open(path, drive.Options{
		ReadOnly:  mode == readStore,
		MustExist: mode != createStore,
		Logger:    logger,
	})
	if err != nil {
		return nil, openError(path, mode, err)
	}
	return &localStore{s, path}, nil
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
	e, ok := l.store.ReadHash(k.hash)
	if !ok {
		return drive.Entry{}, notFoundError{k}
	}
	return e, nil
}

func (l *localStore) read(_ context.Context, k key, w io.Writer) (int64, error) {
	e, err := l.find(k)
	if err != nil {
		return 0, err
	}
	if err := e.Verify(); err != nil {
		return 0, err
	}
	return e.WriteTo(w)
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

func (l *localStore) stats(context.Context) (storeStats, error) {
	st, err := l.store.Stats()
	if err != nil {
		return storeStats{}, err
	}
	savings, err := l.store.CompactionSavings()
	return storeStats{
		fileSize: l.store.FileSize(), liveEntries: st.LiveEntries, allEntries: st.Entries,
		tombstones: st.Tombstones, liveBytes: st.LiveBytes, savings: savings,
	}, err
}

func (l *localStore) compact(ctx context.Context, report func(done, total int64)) (compaction, error) {
	before := l.store.FileSize()
	_, err := l.store.Compact(ctx, drive.CompactOptions{Progress: report})
	return compaction{before: before, after: l.store.FileSize()}, err
}
