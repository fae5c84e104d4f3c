package drive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/simd-drive/go/drive-core/internal/golden"
)

const goldenDir = "testdata/golden"

// extraTombstones says how many tombstones of each golden file the original wrote
// for keys that were deleted already: after a reopen it counts a deleted key as
// present. Ours writes none; the replay adds them, and each must be expected here.
var extraTombstones = map[string]int{
	"delete_reopen": 1,
	"random0":       2,
	"random1":       6,
	"random2":       4,
}

// replay runs the calls of a golden case.
type replay struct {
	t     *testing.T
	name  string
	dir   string
	store *Store
	other *Store // the other store of the two copy cases
	extra int    // tombstones added, see extraTombstones
}

func (r *replay) path(file string) string { return filepath.Join(r.dir, file) }

func items(entries []golden.Pair) []Item {
	list := make([]Item, len(entries))
	for i, e := range entries {
		list[i] = Item{Key: e.Key, Value: e.Payload.Bytes()}
	}
	return list
}

func keys(list []golden.Hex) [][]byte {
	out := make([][]byte, len(list))
	for i, k := range list {
		out[i] = k
	}
	return out
}

// run makes one call.
func (r *replay) run(op golden.Op) (tail int64, err error) {
	s := r.store
	switch op.Op {
	case "write", "write_option", "write_with_ttl":
		return s.Write(op.Key, op.Payload.Bytes())
	case "write_stream":
		return s.WriteFrom(op.Key, bytes.NewReader(op.Payload.Bytes()))
	case "batch_write":
		return s.WriteBatch(items(op.Entries))
	case "delete":
		return r.remove(op, [][]byte{op.Key})
	case "batch_delete":
		return r.remove(op, keys(op.Keys))
	case "read_with_ttl": // finds the value expired and deletes it
		return r.remove(op, [][]byte{op.Key})
	case "rename":
		return s.Rename(op.Key, op.NewKey)
	case "close_and_reopen":
		if err := s.Close(); err != nil {
			return 0, err
		}
		r.store = mustOpen(r.t, s.Path(), Options{})
		return 0, nil
	case "copy_to_copy_dst":
		return s.CopyTo(op.Key, r.other)
	case "copy_from_copy_src":
		return r.other.CopyTo(op.Key, s)
	case "transfer_to_copy_dst":
		return s.MoveTo(op.Key, r.other)
	case "transfer_from_copy_src":
		return r.other.MoveTo(op.Key, s)
	case "copy_to_self":
		return s.CopyTo(op.Key, s)
	case "compact":
		_, err := s.Compact(context.Background(), CompactOptions{Order: NewestFirst})
		return 0, err
	}
	return 0, fmt.Errorf("unknown call %q", op.Op)
}

// remove deletes keys. Where the original wrote tombstones for keys that were
// deleted already, it adds them in their place.
func (r *replay) remove(op golden.Op, list [][]byte) (int64, error) {
	s := r.store
	live := 0
	for _, k := range list {
		if s.Exists(k) {
			live++
		}
	}
	wrote := int(op.FileSizeAfter-s.FileSize()) / tombstoneSize
	if wrote == live {
		return s.DeleteBatch(list)
	}
	del := &originalDelete{deleteOperation: deleteOperation{n: len(list), hash: func(i int) uint64 { return KeyHash(list[i]) }}}
	tail, err := s.commit(del)
	r.extra += del.extra
	return tail, err
}

// originalDelete deletes as the original does after a reopen: also what has been
// deleted before.
type originalDelete struct {
	deleteOperation
	extra int // tombstones of keys that were deleted already
}

func (o *originalDelete) add(b *batch) error {
	for i := range o.n {
		h := o.hash(i)
		if loc, _ := b.current(h); loc == 0 {
			if !everIn(b.g, h) {
				continue
			}
			o.extra++
		}
		if err := b.tombstone(h); err != nil {
			return err
		}
	}
	return nil
}

// everIn tells whether the file holds any entry of hash.
func everIn(g *generation, hash uint64) bool {
	found := false
	_ = scanBackward(g.view.Load().data[:g.tail.Load()], verification{}, func(e located) {
		found = found || e.keyHash == hash
	})
	return found
}

// errorKinds are the sentinels behind the original's kinds of errors.
var errorKinds = map[string][]error{
	"NotFound":     {ErrNotFound},
	"InvalidInput": {ErrEmptyValue, ErrNullValue, ErrSameKey, ErrSameStore},
}

func (r *replay) check(i int, op golden.Op, tail int64, err error) {
	r.t.Helper()
	switch {
	case op.Result.Err != "":
		if !slices.ContainsFunc(errorKinds[op.Result.Err], func(target error) bool { return errors.Is(err, target) }) {
			r.t.Errorf("call %d, %s: got %v, want %s: %s", i, op.Op, err, op.Result.Err, op.Result.Msg)
		}
	case err != nil:
		r.t.Fatalf("call %d, %s: %v", i, op.Op, err)
	case op.Op != "close_and_reopen" && op.Op != "compact" && op.Op != "read_with_ttl" && tail != op.Result.OK:
		r.t.Errorf("call %d, %s: tail %d, want %d", i, op.Op, tail, op.Result.OK)
	}
	if op.FileSizeAfter > 0 && r.store.FileSize() != op.FileSizeAfter {
		r.t.Fatalf("call %d, %s: file size %d, want %d", i, op.Op, r.store.FileSize(), op.FileSizeAfter)
	}
}

// TestReplayMakesTheGoldenFiles makes each file anew with the calls that made it.
func TestReplayMakesTheGoldenFiles(t *testing.T) {
	cases, err := golden.Load(goldenDir)
	if err != nil || len(cases) == 0 {
		t.Fatal(len(cases), err)
	}
	byName := map[string]golden.Case{}
	for _, c := range cases {
		byName[c.Case] = c
	}
	for _, c := range cases {
		t.Run(c.Case, func(t *testing.T) {
			r := &replay{t: t, name: c.Case, dir: t.TempDir()}
			ops := c.Ops
			if len(ops) > 0 && ops[0].Op == "copy_of" {
				if err := os.WriteFile(r.path(c.File), fileBytes(t, filepath.Join(goldenDir, ops[0].File)), 0o600); err != nil {
					t.Fatal(err)
				}
				ops = ops[1:]
			}
			r.store = mustOpen(t, r.path(c.File), Options{})
			switch {
			case c.Formula != nil:
				replayTenK(t, r.store, c.Formula)
			case strings.HasPrefix(c.Case, "copy_"):
				replayCopies(t, r, c, byName)
			default:
				for i, op := range ops {
					tail, err := r.run(op)
					r.check(i, op, tail, err)
				}
			}
			if r.extra != extraTombstones[c.Case] {
				t.Errorf("%d tombstones added for deleted keys, expected %d", r.extra, extraTombstones[c.Case])
			}
			if got, want := fileBytes(t, r.path(c.File)), fileBytes(t, filepath.Join(goldenDir, c.File)); !bytes.Equal(got, want) {
				t.Errorf("the file of %d bytes differs from the golden one of %d", len(got), len(want))
			}
		})
	}
}

// replayTenK follows the steps that the manifest of ten_k writes out.
func replayTenK(t *testing.T, s *Store, f *golden.Formula) {
	t.Helper()
	key := func(j int) []byte { return fmt.Appendf(nil, "key-%d", j) }
	for first := 0; first < f.N; first += 250 {
		var batch []Item
		for j := first; j < first+250; j++ {
			batch = append(batch, Item{key(j), golden.SplitMix((j*37)%251+2, f.BaseSeed+uint64(j))})
		}
		if _, err := s.WriteBatch(batch); err != nil {
			t.Fatal(err)
		}
	}
	for j := 0; j < f.N; j += 7 {
		mustWrite(t, s, string(key(j)), golden.SplitMix((j*91)%251+2, f.BaseSeed+uint64(f.N+j)))
	}
	for j := 0; j < f.N; j += 11 {
		if _, err := s.Delete(key(j)); err != nil {
			t.Fatal(err)
		}
	}
}

// replayCopies replays the two cases that pass entries to each other: the calls
// of both manifests that are not about copying first, then the copies, which
// stand in both.
func replayCopies(t *testing.T, r *replay, c golden.Case, byName map[string]golden.Case) {
	t.Helper()
	isSource := c.Case == "copy_src"
	otherName := map[bool]string{true: "copy_dst", false: "copy_src"}[isSource]
	r.other = mustOpen(t, r.path(byName[otherName].File), Options{})
	alone := func(op golden.Op) bool {
		return !strings.HasPrefix(op.Op, "copy_") && !strings.HasPrefix(op.Op, "transfer_")
	}
	o := &replay{t: t, name: otherName, dir: r.dir, store: r.other}
	for i, op := range byName[otherName].Ops {
		if alone(op) {
			tail, err := o.run(op)
			o.check(i, op, tail, err)
		}
	}
	for i, op := range c.Ops {
		tail, err := r.run(op)
		r.check(i, op, tail, err)
	}
}

// TestGoldenFilesOpen reads each file as its manifest says.
func TestGoldenFilesOpen(t *testing.T) {
	cases, err := golden.Load(goldenDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Case, func(t *testing.T) {
			s := mustOpen(t, filepath.Join(goldenDir, c.File), Options{ReadOnly: true, VerifyBytes: -1})
			if s.Len() != c.ExpectedLen || s.FileSize() != c.FileSize {
				t.Errorf("%d keys in %d bytes, want %d in %d", s.Len(), s.FileSize(), c.ExpectedLen, c.FileSize)
			}
			for _, p := range c.Live {
				if v, err := s.Get(p.Key); err != nil || !bytes.Equal(v, p.Payload.Bytes()) {
					t.Errorf("key %x: %d bytes, %v", p.Key, len(v), err)
				}
			}
			for _, k := range c.DeletedKeys {
				if s.Exists(k) {
					t.Errorf("deleted key %x is there", k)
				}
			}
			if c.Formula == nil {
				checkEntries(t, s, c)
			}
		})
	}
}

// checkEntries compares every entry of the file, and the order of iteration.
func checkEntries(t *testing.T, s *Store, c golden.Case) {
	t.Helper()
	i := 0
	for e, err := range s.History(FileOrder) {
		if err != nil {
			t.Fatal(err)
		}
		if i == len(c.Entries) {
			t.Fatalf("more than %d entries", i)
		}
		want := c.Entries[i]
		got := golden.Entry{
			Kind: "value", PrevTail: e.PrevOffset(), PayloadStart: e.Offset(), PayloadEnd: e.Offset() + e.Size(), Tail: e.Tail(),
			KeyHash: golden.Number(e.KeyHash()), CRC32: golden.Number(e.Checksum()),
		}
		if e.IsTombstone() {
			got.Kind = "tombstone"
		}
		if got != want {
			t.Errorf("entry %d: %+v, want %+v", i, got, want)
		}
		if err := e.Verify(); err != nil {
			t.Error(err)
		}
		i++
	}
	if i != len(c.Entries) {
		t.Errorf("%d entries, want %d", i, len(c.Entries))
	}
	var order []golden.Number
	for e, err := range s.Entries(NewestFirst) {
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, golden.Number(e.KeyHash()))
	}
	if c.IterOrder != nil && !slices.Equal(order, c.IterOrder) {
		t.Errorf("iterated %x, want %x", order, c.IterOrder)
	}
}
