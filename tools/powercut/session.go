//go:build linux

package powercut

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

const (
	// diskSize is the size of the disk in bytes.
	diskSize = 256 << 20
	// journalMiB is the size of the journal of ext4; the least that mkfs takes.
	journalMiB = "4"
	// ext4Options: write the journal every second, so that metadata is at times on the disk before the data
	// it speaks of has been asked for; and do not write data early because of a rename, which hides mistakes.
	ext4Options = "commit=1,noauto_da_alloc"
)

// format returns a disk with a new file system. dir is for a temporary file.
func format(ctx context.Context, dir string) (*image, error) {
	path := filepath.Join(dir, "new.img")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, diskSize)); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "mkfs.ext4", "-q", "-F", "-b", "4096", "-J", "size="+journalMiB,
		"-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0", path)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mkfs.ext4: %w: %s", err, out)
	}
	im, err := readImage(path)
	return im, errors.Join(err, os.Remove(path))
}

// session is a mounted disk whose writes and flushes are recorded.
type session struct {
	recorder *recorder
	mount    string // where the file system on the disk is mounted
	fuseDir  string
	server   *fuse.Server
}

// startSession mounts a disk with the content base below dir, an empty directory.
func startSession(dir string, base *image, around conditions, p *position) (*session, error) {
	s := &session{
		recorder: newRecorder(base, around.neighbour, p),
		mount:    filepath.Join(dir, "ext4"),
		fuseDir:  filepath.Join(dir, "fuse"),
	}
	err := errors.Join(os.Mkdir(s.mount, 0o700), os.Mkdir(s.fuseDir, 0o700))
	if err != nil {
		return nil, err
	}
	if s.server, err = serveDisk(s.fuseDir, s.recorder); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(s.fuseDir, diskName), os.O_RDWR, 0)
	if err == nil {
		err = mountExt4(file, s.mount, true, ext4Options+around.mount)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return nil, errors.Join(err, s.endServer())
	}
	return s, nil
}

// stop ends the record, unmounts everything and waits for the server. Nobody may use
// the file system any more.
func (s *session) stop() (*recording, error) {
	rec := s.recorder.stop()
	err := unix.Unmount(s.mount, 0)
	if err != nil {
		err = errors.Join(fmt.Errorf("unmount ext4: %w", err), unix.Unmount(s.mount, unix.MNT_DETACH))
	}
	return rec, errors.Join(err, s.endServer())
}

// endServer unmounts the FUSE file system and waits for its server.
func (s *session) endServer() error {
	if err := s.server.Unmount(); err != nil {
		return fmt.Errorf("unmount fuse: %w", err)
	}
	s.server.Wait()
	return nil
}
