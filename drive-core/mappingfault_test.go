//go:build unix

package drive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/simd-drive/go/drive-core/internal/faultfs"
	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// A file that is cut by another process while it is mapped: touching bytes that are
// gone raises a fault, which would end the process. Each call is made in a process
// of its own, so that its end shows which one it was.

// Contents of the drive that is cut. longKey is the last value, and long enough for
// its length not to be in the index.
const (
	shortKey = iota
	otherKey
	deletedKey
	longKey
	absentKey

	longSize = 3 << 20
)

// cutDrive is the drive that is cut, and what its process had of it before.
type cutDrive struct {
	s        *Store // open for writing
	verifies *Store // read-only, with VerifyReads
	other    *Store // another drive, which is not cut
	entry    Entry  // of longKey
	reader   *EntryReader
}

// openCutDrive makes and opens the drive.
func openCutDrive(fsys vfs.FS, path string, mode SyncMode) (d cutDrive, err error) {
	if d.s, err = openIn(fsys, path, Options{Sync: mode}); err != nil {
		return d, err
	}
	for _, v := range []value{{shortKey, 2, 1000}, {otherKey, 2, 90_000}, {otherKey, 3, 100_000}, {deletedKey, 2, 70_000}, {longKey, 2, longSize}} {
		if _, err := d.s.Write(keyName(v.key), v.bytes()); err != nil {
			return d, err
		}
		if v.key == deletedKey {
			if _, err := d.s.Delete(keyName(v.key)); err != nil {
				return d, err
			}
		}
	}
	if d.verifies, err = Open(path, Options{ReadOnly: true, VerifyReads: true}); err != nil {
		return d, err
	}
	compact := AutoCompact{Ratio: 0.5, MinBytes: 16 << 20} // it may be copied to again and again
	if d.other, err = Open(path+".other", Options{Sync: mode, AutoCompact: compact}); err != nil {
		return d, err
	}
	if d.entry, err = d.s.Find(keyName(longKey)); err != nil {
		return d, err
	}
	d.reader = d.entry.NewReader()
	return d, nil
}

// cutCall is a call that meets the cut.
type cutCall struct {
	do func(d cutDrive) error
	// lenient: the call does not verify, so that it need not notice when the bytes that are gone read as zeros.
	lenient bool
	// alone: the call is not to be made again and again, by several goroutines, while the file comes and goes.
	alone bool
}

// iterated returns the first error of an iteration.
func iterated(seq func(yield func(Entry, error) bool)) error {
	for _, err := range seq {
		if err != nil {
			return err
		}
	}
	return nil
}

// missing returns a *CorruptError for a call that tells by having nothing.
func missing(has bool) error {
	if has {
		return nil
	}
	return &CorruptError{Reason: "nothing there"}
}

// readCalls change nothing of a drive that has been cut: all that some of them would
// write is what they cannot read.
var readCalls = map[string]cutCall{
	"Get": {do: func(d cutDrive) error { _, err := d.s.Get(keyName(longKey)); return err }},
	"View": {lenient: true, do: func(d cutDrive) error {
		return d.s.View(keyName(longKey), func(v []byte) error { _ = bytes.Count(v, []byte{1}); return nil })
	}},
	"View, verifying": {do: func(d cutDrive) error {
		return d.verifies.View(keyName(longKey), func([]byte) error { return nil })
	}},
	"Find, verifying": {do: func(d cutDrive) error { _, err := d.verifies.Find(keyName(longKey)); return err }},
	"Read, verifying": {do: func(d cutDrive) error { _, ok := d.verifies.Read(keyName(longKey)); return missing(ok) }},
	"ReadBatch": {do: func(d cutDrive) (err error) {
		for _, e := range d.s.ReadBatch(nil, [][]byte{keyName(absentKey), keyName(longKey)}) {
			if _, e := e.AppendTo(nil); e != nil {
				err = e
			}
		}
		return err
	}},
	"ReadBatch, verifying": {do: func(d cutDrive) error {
		return missing(!d.verifies.ReadBatch(nil, [][]byte{keyName(longKey)})[0].IsZero())
	}},
	"Metadata":           {lenient: true, do: func(d cutDrive) error { _, err := d.s.Metadata(keyName(longKey)); return err }},
	"Entries":            {lenient: true, do: func(d cutDrive) error { return iterated(d.s.Entries(NewestFirst)) }},
	"Entries, as stored": {lenient: true, do: func(d cutDrive) error { return iterated(d.s.Entries(FileOrder)) }},
	"History":            {lenient: true, do: func(d cutDrive) error { return iterated(d.s.History(NewestFirst)) }},
	"ParallelEntries": {do: func(d cutDrive) error {
		return d.s.ParallelEntries(context.Background(), 4, Entry.Verify)
	}},
	"LastEntry":         {lenient: true, do: func(d cutDrive) error { _, ok := d.s.LastEntry(); return missing(ok) }},
	"IsLive":            {lenient: true, do: func(d cutDrive) error { return missing(d.s.IsLive(d.entry)) }},
	"CompactionSavings": {lenient: true, do: func(d cutDrive) error { _, err := d.s.CompactionSavings(); return err }},
	"Scrub": {do: func(d cutDrive) error {
		var first error
		_, err := d.s.Scrub(context.Background(), ScrubOptions{OnDamage: func(damage *CorruptError) { first = damage }})
		return errors.Join(err, first)
	}},
	"Snapshot": {do: func(d cutDrive) error {
		_, err := d.s.Snapshot(context.Background(), io.Discard, SnapshotOptions{})
		return err
	}},
	"Verify":   {do: func(d cutDrive) error { return d.entry.Verify() }},
	"AppendTo": {do: func(d cutDrive) error { _, err := d.entry.AppendTo(nil); return err }},
	"WriteTo": {lenient: true, alone: true, do: func(d cutDrive) error {
		_, err := d.reader.WriteTo(struct{ io.Writer }{new(bytes.Buffer)})
		return err
	}},
	"WriteTo a file": {lenient: true, alone: true, do: func(d cutDrive) error {
		f, err := os.Create(d.other.Path() + ".out")
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = d.reader.WriteTo(f) // the system reads the mapping
		return err
	}},
	"ReadAt": {lenient: true, do: func(d cutDrive) error { _, err := d.reader.ReadAt(make([]byte, longSize), 0); return err }},
	"reading": {lenient: true, alone: true, do: func(d cutDrive) error {
		_, err := io.Copy(io.Discard, struct{ io.Reader }{d.reader})
		return err
	}},
	"CopyTo":  {do: func(d cutDrive) error { _, err := d.s.CopyTo(keyName(longKey), d.other); return err }},
	"MoveTo":  {alone: true, do: func(d cutDrive) error { _, err := d.s.MoveTo(keyName(longKey), d.other); return err }},
	"Rename":  {alone: true, do: func(d cutDrive) error { _, err := d.s.Rename(keyName(longKey), keyName(absentKey)); return err }},
	"Compact": {alone: true, do: func(d cutDrive) error { _, err := d.s.Compact(context.Background(), CompactOptions{}); return err }},
	"WriteFrom, elsewhere": {lenient: true, alone: true, do: func(d cutDrive) error {
		_, err := d.other.WriteFrom(keyName(longKey), d.reader)
		return err
	}},
}

// writeCalls change the drive that has been cut: they are refused, or leave a drive
// that is healthy.
var writeCalls = map[string]func(d cutDrive) error{
	"Write":       func(d cutDrive) error { _, err := d.s.Write(keyName(absentKey), []byte("new")); return err },
	"Write again": func(d cutDrive) error { _, err := d.s.Write(keyName(longKey), []byte("new")); return err },
	"Write much": func(d cutDrive) error {
		_, err := d.s.Write(keyName(absentKey), make([]byte, 2*gatherMin))
		return err
	},
	"WriteBatch": func(d cutDrive) error {
		_, err := d.s.WriteBatch([]Item{{keyName(absentKey), []byte("new")}, {keyName(longKey), make([]byte, 2*gatherMin)}})
		return err
	},
	"Delete": func(d cutDrive) error { _, err := d.s.Delete(keyName(longKey)); return err },
	"DeleteBatch": func(d cutDrive) error {
		_, err := d.s.DeleteBatch([][]byte{keyName(shortKey), keyName(longKey)})
		return err
	},
	"Rename what is left": func(d cutDrive) error { _, err := d.s.Rename(keyName(shortKey), keyName(absentKey)); return err },
	"WriteFrom": func(d cutDrive) error {
		_, err := d.s.WriteFrom(keyName(absentKey), value{absentKey, 2, spoolMin + 1}.reader())
		return err
	},
	"WriteFrom, direct": func(d cutDrive) error {
		_, err := d.s.WriteFrom(keyName(absentKey), bytes.NewReader(make([]byte, spoolMin+1)))
		return err
	},
}

// cutVictim makes one call after its drive has been cut.
var cutVictim = newRole("cut victim", func(a *actor) error {
	d, err := openCutDrive(vfs.OS, a.Path, a.Mode)
	if err != nil {
		return err
	}
	a.report(event{Op: opReady, Sizes: []int{int(d.s.FileSize())}})
	a.command()
	if call, ok := readCalls[a.Call]; ok {
		err = call.do(d)
	} else {
		err = writeCalls[a.Call](d)
	}
	e := event{Op: "result"}
	e.Note, e.Is = describe(err)
	a.report(e)
	a.command()
	// The process lives; and the fault of one drive is not that of another.
	if _, err := d.other.Write(keyName(shortKey), []byte("fine")); err != nil {
		return fmt.Errorf("the other drive: %w", err)
	}
	_ = d.s.Close() // may well fail
	return errors.Join(d.verifies.Close(), d.other.Close())
})

// cuts are how far a drive of size bytes is cut.
var cuts = map[string]func(size int64) int64{
	"to nothing":        func(int64) int64 { return 0 },
	"within a value":    func(size int64) int64 { return size - longSize/2 },
	"between values":    func(size int64) int64 { return size - longSize - 10_000 },
	"within last bytes": func(size int64) int64 { return size - 10 },
}

// cutUnder cuts the drive of a process and returns the result of the call that the
// process then made. The process ends afterwards, without an error, and leaves the
// other drive healthy.
func cutUnder(t *testing.T, tt task, cut func(size int64) int64) (result event, before, after int64) {
	t.Helper()
	tt.Path = tempPath(t)
	c := cutVictim.start(t, tt, nil)
	size := int64(c.expect(t, opReady).Sizes[0])
	before = cut(size)
	if err := os.Truncate(tt.Path, before); err != nil {
		t.Fatal(err)
	}
	c.send(t)
	result = c.expect(t, "result")
	info, err := os.Stat(tt.Path)
	if err != nil {
		t.Fatal(err)
	}
	after = info.Size()
	c.quit(t)
	report, err := Check(t.Context(), tt.Path+".other", CheckOptions{})
	if err != nil || !report.Healthy() {
		t.Errorf("the other drive: %+v, %v", report.Problems, err)
	}
	if list, err := filepath.Glob(tt.Path + compactSuffix + "*"); err != nil || len(list) > 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
	return result, before, after
}

// TestReadsOfAFileThatIsCut: every call that reads tells of the cut with a
// *CorruptError.
func TestReadsOfAFileThatIsCut(t *testing.T) {
	for name, call := range readCalls {
		for where, cut := range cuts {
			t.Run(name+"/"+where, func(t *testing.T) {
				t.Parallel()
				e, before, after := cutUnder(t, task{Call: name}, cut)
				if zeros := where == "within last bytes"; !e.is("corrupt") && (!zeros || !call.lenient || e.Note != "") {
					t.Errorf("%+v", e)
				}
				if before != after {
					t.Errorf("cut to %d bytes, then %d", before, after)
				}
			})
		}
	}
}

// TestWritesToAFileThatIsCut: what is written behind a cut is refused, and never
// makes the file longer than it was left, which would fill it with zeros.
func TestWritesToAFileThatIsCut(t *testing.T) {
	for name := range writeCalls {
		for where, cut := range cuts {
			for mode, m := range killModes {
				t.Run(name+"/"+where+"/"+mode, func(t *testing.T) {
					t.Parallel()
					e, before, after := cutUnder(t, task{Call: name, Mode: m}, cut)
					if !e.is("failed") && !e.is("corrupt") {
						t.Errorf("%+v", e)
					}
					if before != after {
						t.Errorf("cut to %d bytes, then %d", before, after)
					}
				})
			}
		}
	}
}

// harassed reads a drive in every way, until it is asked to end, while another
// process cuts it and lengthens it again.
var harassed = newRole("harassed", func(a *actor) error {
	fsys := faultfs.New(vfs.OS)
	fsys.FailFrom(faultfs.Rename, 1) // the file stays in its place: compactions fail at their end
	d, err := openCutDrive(fsys, a.Path, SyncNone)
	if err != nil {
		return err
	}
	follower, err := Open(a.Path, Options{ReadOnly: true})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup // end with ctx; waited for below
	for _, name := range slices.Sorted(maps.Keys(readCalls)) {
		if readCalls[name].alone {
			continue
		}
		running.Go(func() {
			for ctx.Err() == nil {
				if err := readCalls[name].do(d); err != nil && !errors.Is(err, ErrCorrupt) {
					a.fail(fmt.Errorf("%s: %w", name, err))
				}
			}
		})
	}
	looks := map[string]func() error{
		"Refresh": func() error { _, err := follower.Refresh(); return err },
		"Open": func() error {
			s, err := Open(a.Path, Options{ReadOnly: true, VerifyBytes: -1})
			if err != nil {
				return err
			}
			return s.Close()
		},
		"Check": func() error { _, err := Check(ctx, a.Path, CheckOptions{}); return err },
		"Recover": func() error {
			_, err := Recover(ctx, a.Path, a.Path+".saved", RecoverOptions{})
			_ = os.Remove(a.Path + ".saved") // if it is there
			return err
		},
		"Compact": func() error { _, err := d.s.Compact(ctx, CompactOptions{}); return err },
	}
	for _, look := range looks {
		running.Go(func() {
			for ctx.Err() == nil {
				_ = look() // any error will do
			}
		})
	}
	a.report(event{Op: opReady})
	for a.command() {
	}
	cancel()
	running.Wait()
	_ = d.s.Close() // may well fail
	return errors.Join(follower.Close(), d.verifies.Close(), d.other.Close())
})

// harassment is how long a drive is cut and lengthened under a process.
const harassment = 2 * time.Second

// TestFileCutAgainAndAgain cuts a file at any moment of anything that reads it.
func TestFileCutAgainAndAgain(t *testing.T) {
	path := tempPath(t)
	c := harassed.start(t, task{Path: path}, nil)
	c.expect(t, opReady)
	whole := fileBytes(t, path)
	n := 0
	for end := time.Now().Add(harassment); time.Now().Before(end); n++ {
		size := int64(n) * 7919 % int64(len(whole))
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt(whole[size:], size)
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	c.quit(t)
	t.Logf("cut %d times", n)
}
