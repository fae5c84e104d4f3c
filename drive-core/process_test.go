package drive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// What can only be seen from outside of a process, its sudden end before all, is
// tried by starting the test binary again, as a child that plays a role. The child
// reports lines of JSON on its standard output; it ends when its standard input
// does, so that it never outlives its parent.

const (
	// roleVariable names the role of a child.
	roleVariable = "DRIVE_TEST_ROLE"
	// childLimit is how long a child lives at most.
	childLimit = 5 * time.Minute
)

// task tells a child what to do; each role reads what it needs.
type task struct {
	Path string
	Mode SyncMode
	Seed uint64
	Life uint64 // tells the children apart that work on one drive one after another
	Auto bool   // the drive is compacted by itself
	Size int    // of values
	N    int    // how many
	Call string // by its name
	Cut  int64  // to what length
}

// event is what a child reports, on one line.
type event struct {
	Op     string   `json:"op"`
	Worker int      `json:"w,omitempty"`
	Seq    uint64   `json:"seq,omitempty"`
	Keys   []int    `json:"keys,omitempty"`
	Sizes  []int    `json:"sizes,omitempty"`
	Note   string   `json:"note,omitempty"`
	Is     []string `json:"is,omitempty"` // names of knownErrors that the error in Note is
}

// role is what a child does. It ends the child when it returns.
type role struct {
	name string
	play func(a *actor) error
}

// roles are all of them, by name.
var roles = map[string]*role{}

// newRole makes a role, at initialization.
func newRole(name string, play func(a *actor) error) *role {
	r := &role{name, play}
	roles[name] = r
	return r
}

// playRole plays the role that the parent asked for and returns the exit status;
// false in a process that is no child.
func playRole() (status int, child bool) {
	name := os.Getenv(roleVariable)
	if name == "" {
		return 0, false
	}
	a := &actor{}
	err := json.Unmarshal([]byte(os.Args[1]), &a.task)
	if r := roles[name]; err == nil && r != nil {
		err = r.play(a)
	} else {
		err = errors.Join(err, fmt.Errorf("no role %q", name))
	}
	if err != nil {
		a.fail(err)
	}
	return 0, true
}

// actor is a child as its role sees it. Its methods are safe for concurrent use.
type actor struct{ task }

// report tells the parent something. It returns when that is in the pipe.
func (a *actor) report(e event) {
	line, err := json.Marshal(e)
	if err == nil {
		_, err = os.Stdout.Write(append(line, '\n'))
	}
	if err != nil {
		a.fail(err)
	}
}

// fail ends the child with an error.
func (a *actor) fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// command waits for the parent to send a line, and reports false when it asks to
// end instead.
func (a *actor) command() bool {
	var b [1]byte
	_, err := os.Stdin.Read(b[:])
	return err == nil
}

// child is a child as its parent sees it.
type child struct {
	cmd      *exec.Cmd
	in       io.WriteCloser
	out      *json.Decoder
	stderr   bytes.Buffer
	followed chan struct{} // closed when follow has read everything; nil without follow
	once     sync.Once     // of waiting
	waitErr  error
}

// start starts a child; the end of the test kills it if need be. prepare, unless
// nil, may change the command.
func (r *role) start(tb testing.TB, t task, prepare func(cmd *exec.Cmd)) *child {
	tb.Helper()
	args, err := json.Marshal(t)
	if err != nil {
		tb.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), childLimit)
	tb.Cleanup(cancel)
	c := &child{cmd: exec.CommandContext(ctx, exe, string(args))}
	c.cmd.Env = append(os.Environ(), roleVariable+"="+r.name, "GORACE=halt_on_error=1 atexit_sleep_ms=0", "GOCOVERDIR="+os.TempDir())
	c.cmd.Stderr = &c.stderr
	if prepare != nil {
		prepare(c.cmd)
	}
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	c.out = json.NewDecoder(out)
	if err := c.cmd.Start(); err != nil {
		tb.Fatalf("start the child %s: %v", r.name, err)
	}
	tb.Cleanup(func() {
		_ = c.cmd.Process.Kill() // it has ended, as a rule
		_ = c.wait()
	})
	return c
}

// follow hands everything that the child reports to handle, in a goroutine that
// ends with the child's output and that wait waits for.
func (c *child) follow(handle func(event)) {
	c.followed = make(chan struct{})
	go func() {
		defer close(c.followed)
		for {
			var e event
			if c.out.Decode(&e) != nil { // also a line that a kill has cut off
				return
			}
			handle(e)
		}
	}()
}

// next returns what the child reports next. Not after follow.
func (c *child) next(tb testing.TB) event {
	tb.Helper()
	var e event
	if err := c.out.Decode(&e); err != nil {
		_ = c.cmd.Process.Kill() // if it has not ended itself
		tb.Fatalf("the child ended early: %v, %v\n%s", err, c.wait(), c.stderr.String())
	}
	return e
}

// expect is next for an event of a certain kind.
func (c *child) expect(tb testing.TB, op string) event {
	tb.Helper()
	e := c.next(tb)
	if e.Op != op {
		tb.Fatalf("the child reports %+v, want %s", e, op)
	}
	return e
}

// send lets command return in the child.
func (c *child) send(tb testing.TB) {
	tb.Helper()
	if _, err := c.in.Write([]byte{'\n'}); err != nil {
		tb.Fatalf("the child does not listen: %v\n%s", err, c.stderr.String())
	}
}

// quit asks the child to end by itself, without an error, and waits for that.
func (c *child) quit(tb testing.TB) {
	tb.Helper()
	_ = c.in.Close() // a child that has ended shows below
	if err := c.wait(); err != nil {
		tb.Fatalf("the child: %v\n%s", err, c.stderr.String())
	}
}

// kill kills the child, which must be alive, and waits until everything that it had
// reported has been followed.
func (c *child) kill(tb testing.TB) {
	tb.Helper()
	_ = c.cmd.Process.Kill() // a child that has ended shows below
	_ = c.wait()             // killed
	if c.cmd.ProcessState.ExitCode() >= 0 && runtime.GOOS != "windows" {
		tb.Fatalf("the child ended by itself: %v\n%s", c.cmd.ProcessState, c.stderr.String())
	}
}

// wait waits for the end of the child and returns how it ended.
func (c *child) wait() error {
	c.once.Do(func() {
		if c.followed != nil {
			<-c.followed
		}
		c.waitErr = c.cmd.Wait()
	})
	return c.waitErr
}

// knownErrors are the errors that a child tells apart for its parent, besides
// *FailedError and *CorruptError.
var knownErrors = map[string]error{"locked": ErrLocked, "not found": ErrNotFound, "permission": fs.ErrPermission}

// describe returns err for an event: its text, and what it is.
func describe(err error) (note string, is []string) {
	if err == nil {
		return "", nil
	}
	for name, known := range knownErrors {
		if errors.Is(err, known) {
			is = append(is, name)
		}
	}
	var failed *FailedError
	if errors.As(err, &failed) {
		is = append(is, "failed")
	}
	var corrupt *CorruptError
	if errors.As(err, &corrupt) {
		is = append(is, "corrupt")
	}
	return err.Error(), is
}

// is tells whether the error that an event is about is the named one.
func (e event) is(name string) bool { return slices.Contains(e.Is, name) }

// scaled returns n, or less where the tests are to be short or the race detector
// makes everything slower, and says so.
func scaled(tb testing.TB, what string, n, short, race int) int {
	tb.Helper()
	switch {
	case raceDetector && n > race:
		tb.Logf("SCALED DOWN: %d %s instead of %d, because the race detector slows everything down", race, what, n)
		return race
	case testing.Short() && n > short:
		tb.Logf("SCALED DOWN: %d %s instead of %d, because of -short", short, what, n)
		return short
	}
	return n
}
