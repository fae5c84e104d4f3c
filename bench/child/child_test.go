package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// roleArg is the first argument of the children that the tests start of themselves.
const roleArg = "child-of-a-test"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == roleArg {
		role(os.Args[2])
		os.Exit(0)
	}
	// Under the race detector each child would sleep for a second at its end.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// role is what a child does.
func role(name string) {
	switch name {
	case "serve":
		_ = Greet(os.Stdout, "here", nil) // the parent sees what is wrong
		_ = TakeCommands(context.Background(), os.Stdin, os.Stdout, map[string]Command{
			"join": func(_ context.Context, args []string) (any, error) {
				return map[string]string{"text": strings.Join(args, "+")}, nil
			},
			"fail": func(context.Context, []string) (any, error) { return nil, errors.New("as asked") },
		})
	case "refuse":
		_ = Greet(os.Stdout, "", errors.New("no room"))
	case "line":
		fmt.Fprintln(os.Stdout, `{"text": "done"}`)
	case "line of a failure":
		fmt.Fprintln(os.Stdout, `{"error": "refused"}`)
		os.Exit(1)
	case "complaint":
		fmt.Fprintln(os.Stderr, "all is\nlost")
		os.Exit(1)
	case "no line":
	}
}

// self is the command of a child.
func self(t *testing.T, role string) []string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{path, roleArg, role}
}

type answer struct {
	Text string `json:"text"`
}

// TestProcess holds that each command has its answer, that a failure is one of its
// command only, and that the child ends when it is told to.
func TestProcess(t *testing.T) {
	p, err := Start(t.Context(), self(t, "serve")...)
	if err != nil {
		t.Fatal(err)
	}
	if p.Address != "here" || p.PID() == os.Getpid() {
		t.Errorf("address %q, process %d", p.Address, p.PID())
	}
	var a answer
	if err := p.Ask(&a, "join %d %s", 1, "two"); err != nil || a.Text != "1+two" {
		t.Errorf("%+v, %v", a, err)
	}
	for command, want := range map[string]string{"fail": "as asked", "fly": `unknown command "fly"`} {
		if err := p.Ask(&a, "%s", command); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", command, err, want)
		}
	}
	if err := p.Ask(&a, "join again"); err != nil || a.Text != "again" {
		t.Errorf("after failures: %+v, %v", a, err)
	}
	p.Stop()
	if err := p.Ask(&a, "join"); err == nil {
		t.Error("a child that was stopped has answered")
	}
}

// TestStartFails holds that the reason is told why there is no child.
func TestStartFails(t *testing.T) {
	for _, c := range []struct {
		command []string
		want    string
	}{
		{self(t, "refuse"), "no room"},
		{self(t, "no line"), "EOF"},
		{[]string{"/nonexistent/program"}, "/nonexistent/program"},
	} {
		if p, err := Start(t.Context(), c.command...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, %v, want %s", c.command, p, err, c.want)
		}
	}
}

// TestRun holds what is returned of programs that end by themselves.
func TestRun(t *testing.T) {
	var a answer
	if cpu, err := Run(t.Context(), &a, self(t, "line")...); err != nil || a.Text != "done" || cpu <= 0 {
		t.Errorf("%+v after %v, %v", a, cpu, err)
	}
	for role, want := range map[string]string{
		"line of a failure": "refused", "complaint": "all is lost", "no line": "unexpected end of JSON",
	} {
		if _, err := Run(t.Context(), &a, self(t, role)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", role, err, want)
		}
	}
}
