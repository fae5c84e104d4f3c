package drive

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// nobody is a user id that owns nothing.
const nobody = 65534

// TestReadOnlyFileSystem: a drive on a file system that cannot be written is read, and
// not written.
func TestReadOnlyFileSystem(t *testing.T) {
	d := mountSmallDisk(t, "")
	c := filler.start(t, task{Path: d.path(), Size: 1000, N: 20}, nil) // its mapping ends with it
	c.send(t)
	c.follow(func(event) {})
	c.quit(t)
	if err := unix.Mount("", d.dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Skipf("SKIPPED: A READ-ONLY FILE SYSTEM CANNOT BE TRIED: %v", err)
	}
	for _, opts := range []Options{{}, {MustExist: true}, {Sync: SyncAlways}} {
		if _, err := Open(d.path(), opts); !errors.Is(err, syscall.EROFS) {
			t.Errorf("Open(%+v): %v", opts, err)
		}
	}
	if _, err := Open(filepath.Join(d.dir, "new"), Options{}); !errors.Is(err, syscall.EROFS) {
		t.Errorf("Open of a new drive: %v", err)
	}
	s := mustOpen(t, d.path(), Options{ReadOnly: true})
	other := mustOpen(t, tempPath(t), Options{})
	for key := range 20 {
		if got, err := s.Get(keyName(key)); err != nil || !(value{key, 2, 1000}).is(got) {
			t.Errorf("key %d: %v", key, err)
		}
		if _, err := s.CopyTo(keyName(key), other); err != nil {
			t.Errorf("CopyTo: %v", err)
		}
	}
	if changed, err := s.Refresh(); changed || err != nil {
		t.Errorf("Refresh: %v, %v", changed, err)
	}
	if report, err := Check(t.Context(), d.path(), CheckOptions{}); err != nil || !report.Healthy() || report.Entries != 20 {
		t.Errorf("Check: %+v, %v", report, err)
	}
	if names := d.files(t); len(names) != 2 {
		t.Errorf("files: %v", names)
	}
}

// visitor does to a drive what may be forbidden, and reports what came of it.
var visitor = newRole("visitor", func(a *actor) error {
	tell := func(op string, err error) {
		e := event{Op: op}
		e.Note, e.Is = describe(err)
		a.report(e)
	}
	_, err := os.ReadDir(filepath.Dir(a.Path))
	tell("reach", err)
	s, err := Open(a.Path, Options{Sync: a.Mode})
	tell("open", err)
	if err == nil {
		_, err = s.Write([]byte("written"), []byte("value"))
		tell("write", err)
		_, err = s.WriteFrom([]byte("long"), stalling{s, io.LimitReader(zeros{}, spoolMin+1)})
		tell("stream", err)
		_, err = s.Compact(context.Background(), CompactOptions{})
		tell("compact", err)
		_, err = s.Write([]byte("written"), []byte("later"))
		tell("write", errors.Join(err, s.Close()))
	}
	s, err = Open(a.Path, Options{ReadOnly: true})
	tell("read", err)
	if err != nil {
		return nil
	}
	return s.Close()
})

// TestWithoutPermission lets a process without rights use drives that it may not
// write, and drives beside which it may not.
func TestWithoutPermission(t *testing.T) {
	for name, tt := range map[string]struct {
		file, dir fs.FileMode // file 0: none
		want      []string    // what is refused
	}{
		"all":                      {0o666, 0o777, nil},
		"read-only file":           {0o444, 0o777, []string{"open"}},
		"secret file":              {0o600, 0o777, []string{"open", "read"}},
		"read-only directory":      {0o666, 0o555, []string{"stream", "compact"}},
		"nothing in the directory": {0, 0o555, []string{"open"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "a.drive")
			if tt.file != 0 {
				s := mustOpen(t, path, Options{})
				mustWrite(t, s, "k", []byte("v"))
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(path, tt.file); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, tt.dir)); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(dir, 0o755) }) // so that it can be removed
			visitPermitted(t, path, tt.want, tt.file == 0)
		})
	}
}

// visitPermitted lets a visitor without rights come and compares what was refused to
// it.
func visitPermitted(t *testing.T, path string, want []string, none bool) {
	t.Helper()
	c := visitor.start(t, task{Path: path}, func(cmd *exec.Cmd) {
		if os.Geteuid() == 0 {
			cmd.Path = "/proc/self/exe" // the binary may lie where only root can reach it
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
	})
	if e := c.expect(t, "reach"); e.Note != "" {
		t.Skipf("SKIPPED: WITHOUT PERMISSION: a process without rights does not reach the directory of temporary files: %s", e.Note)
	}
	var refused []string
	c.follow(func(e event) {
		switch {
		case e.Note == "" || none && e.Op == "read":
		case !e.is("permission") || e.is("failed"):
			t.Errorf("%+v", e)
		default:
			refused = append(refused, e.Op)
		}
	})
	c.quit(t)
	if !slices.Equal(refused, want) {
		t.Errorf("refused: %v, want %v", refused, want)
	}
	if none {
		return
	}
	s := mustOpen(t, path, Options{ReadOnly: true})
	got, err := s.Get([]byte("k"))
	if err != nil || string(got) != "v" {
		t.Errorf("what was there before: %q, %v", got, err)
	}
	got, err = s.Get([]byte("written"))
	if written := !slices.Contains(want, "open"); written && (err != nil || string(got) != "later") || !written && !errors.Is(err, ErrNotFound) {
		t.Errorf("what was written: %q, %v", got, err)
	}
	for _, pattern := range []string{".spool-*", compactSuffix + "*"} {
		if list, _ := filepath.Glob(path + pattern); len(list) > 0 {
			t.Errorf("left behind: %s", strings.Join(list, " "))
		}
	}
}
