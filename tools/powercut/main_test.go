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
	if *inside || missing() != nil {
		os.Exit(m.Run())
	}
	os.Exit(runInside())
}

// runInside runs this program again, with the same arguments, and returns its exit
// code.
func runInside() int {
	runtime.LockOSThread() // the child is killed when the thread that started it ends
	cmd := exec.Command("/proc/self/exe", append([]string{"-powercut.inside"}, os.Args[1:]...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, "SKIPPED: needs a mount namespace:", err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

// missing returns what this machine lacks, or nil.
func missing() error {
	if os.Geteuid() != 0 {
		return errors.New("not root")
	}
	for _, path := range []string{"/dev/fuse", "/dev/loop-control"} {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		f.Close()
	}
	_, err := exec.LookPath("mkfs.ext4")
	return err
}

// needsDisk skips the test, loudly, where no disk can be made.
func needsDisk(t *testing.T) {
	t.Helper()
	if err := missing(); err != nil {
		t.Skip("SKIPPED: NEEDS ROOT, /dev/fuse, /dev/loop-control AND mkfs.ext4: ", err)
	}
}
