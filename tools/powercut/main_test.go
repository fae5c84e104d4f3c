//go:build linux

package powercut

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
)

var (
	workSpec = flag.String(workFlag, "", "internal: be a workload")
	inside   = flag.Bool("powercut.inside", false, "internal: this process has a mount namespace of its own")
)

// lacking is what this machine lacks for making disks; nil if nothing.
var lacking error

// TestMain runs the tests in a process with a mount namespace of its own: when it
// ends, however that is, its mounts and with them its loop devices are gone.
func TestMain(m *testing.M) {
	flag.Parse()
	if *workSpec != "" {
		if err := work(*workSpec, os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, "powercut: workload:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if !*inside {
		if lacking = findLacking(); lacking == nil {
			var code int
			if code, lacking = runInside(); lacking == nil {
				os.Exit(code)
			}
		}
	}
	os.Exit(m.Run())
}

// runInside runs this program again, with the same arguments, and returns its exit
// code; an error if it cannot have a namespace.
func runInside() (code int, err error) {
	runtime.LockOSThread() // the child is killed when the thread that started it ends
	cmd := exec.Command("/proc/self/exe", append([]string{"-powercut.inside"}, os.Args[1:]...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("mount namespace: %w", err)
	}
	_ = cmd.Wait() // the exit code says it
	return cmd.ProcessState.ExitCode(), nil
}

// findLacking returns what this machine lacks, or nil.
func findLacking() error {
	if os.Geteuid() != 0 {
		return errors.New("not root")
	}
	fuse, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	fuse.Close()
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		return err
	}
	disk, err := newMemfd("powercut-probe")
	if err != nil {
		return err
	}
	defer disk.Close()
	if err := disk.Truncate(1 << 20); err != nil {
		return err
	}
	device, err := attachLoop(disk, false)
	if err != nil {
		return err
	}
	return device.Close() // with which the device goes
}

// needsDisk skips the test, loudly, where no disk can be made.
func needsDisk(t *testing.T) {
	t.Helper()
	if lacking != nil {
		t.Skip("SKIPPED: NEEDS ROOT, /dev/fuse, LOOP DEVICES AND mkfs.ext4: ", lacking)
	}
}
