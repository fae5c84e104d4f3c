//go:build linux

package powercut

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// loopTries is how often another free loop device is asked for, when somebody else
// took the last one first.
const loopTries = 32

// attachLoop makes a block device of file and returns it. The device goes away with
// the last who has it open or mounted, also when the process is killed. With direct,
// the kernel keeps no second cache of the file.
func attachLoop(file *os.File, direct bool) (*os.File, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close() //nolint:errcheck // nothing was written
	config := unix.LoopConfig{Fd: uint32(file.Fd())}
	config.Info.Flags = unix.LO_FLAGS_AUTOCLEAR
	if direct {
		config.Info.Flags |= unix.LO_FLAGS_DIRECT_IO
	}
	for range loopTries {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("loop device: %w", err)
		}
		device, err := os.OpenFile("/dev/loop"+strconv.Itoa(n), os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		if err = unix.IoctlLoopConfigure(int(device.Fd()), &config); err == nil {
			return device, nil
		}
		err = errors.Join(fmt.Errorf("configure %s: %w", device.Name(), err), device.Close())
		if !errors.Is(err, unix.EBUSY) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("loop device: others were faster %d times", loopTries)
}

// mountExt4 mounts the file system in file on dir, which replays its journal.
func mountExt4(file *os.File, dir string, direct bool, options string) error {
	device, err := attachLoop(file, direct)
	if err != nil {
		return err
	}
	defer device.Close() //nolint:errcheck // the mount has it open
	if err := unix.Mount(device.Name(), dir, "ext4", unix.MS_NOATIME, options); err != nil {
		return fmt.Errorf("mount ext4: %w", err)
	}
	return nil
}
