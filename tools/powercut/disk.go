//go:build linux

package powercut

import (
	"context"
	"fmt"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

const (
	// diskName is the only file of the FUSE file system.
	diskName = "disk.img"
	// maxRequest is the most that the kernel passes in one read or write, in bytes.
	maxRequest = 1 << 20
	// maxInFlight is how many requests the disk works on at a time.
	maxInFlight = 64
)

// disk shows a recorder as a file. It is opened for direct I/O, so that the kernel
// keeps no cache of it and passes reads and writes on as they come.
type disk struct {
	fs.Inode

	recorder *recorder
}

var (
	_ fs.NodeGetattrer = (*disk)(nil)
	_ fs.NodeOpener    = (*disk)(nil)
	_ fs.NodeReader    = (*disk)(nil)
	_ fs.NodeWriter    = (*disk)(nil)
	_ fs.NodeFsyncer   = (*disk)(nil)
)

// serveDisk mounts a FUSE file system with one file on dir. The server ends when dir
// is unmounted; server.Wait waits for that.
func serveDisk(dir string, r *recorder) (*fuse.Server, error) {
	root := &fs.Inode{}
	server, err := fs.Mount(dir, root, &fs.Options{
		MountOptions: fuse.MountOptions{
			DirectMountStrict: true,
			FsName:            "powercut",
			Name:              "powercut",
			MaxWrite:          maxRequest,
			DisableXAttrs:     true,
			DisableSplice:     true,
			MaxBackground:     maxInFlight,
			// The loop device does not wait for one write before it asks for the next, as with a real disk.
			ExtraCapabilities: fuse.CAP_ASYNC_DIO,
		},
		OnAdd: func(ctx context.Context) {
			root.AddChild(diskName, root.NewPersistentInode(ctx, &disk{recorder: r}, fs.StableAttr{Mode: syscall.S_IFREG}), true)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("mount fuse: %w", err)
	}
	return server, nil
}

// Getattr implements fs.NodeGetattrer.
func (d *disk) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode = syscall.S_IFREG | 0o600
	out.Size = uint64(d.recorder.size)
	out.Blksize = pageSize
	return 0
}

// Open implements fs.NodeOpener.
func (d *disk) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

// Read implements fs.NodeReader.
func (d *disk) Read(_ context.Context, _ fs.FileHandle, dst []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	return fuse.ReadResultData(dst[:d.recorder.read(dst, off)]), 0
}

// Write implements fs.NodeWriter.
func (d *disk) Write(_ context.Context, _ fs.FileHandle, src []byte, off int64) (uint32, syscall.Errno) {
	if !d.recorder.write(src, off) {
		return 0, syscall.ENOSPC
	}
	return uint32(len(src)), 0
}

// Fsync implements fs.NodeFsyncer: the loop device asks for it when it is to flush.
func (d *disk) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	d.recorder.flush()
	return 0
}
