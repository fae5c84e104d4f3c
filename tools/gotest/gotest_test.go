package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestDigest(t *testing.T) {
	tests := []struct {
		name   string
		events []string
		want   string
	}{
		{
			"passing package is one line",
			[]string{
				`{"Action":"start","Package":"p"}`,
				`{"Action":"run","Package":"p","Test":"TestA"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"chatter\n"}`,
				`{"Action":"pass","Package":"p","Test":"TestA"}`,
				`{"Action":"output","Package":"p","Output":"PASS\n"}`,
				`{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}`,
				`{"Action":"pass","Package":"p"}`,
			},
			"ok  \tp\t0.1s\n1 passed, 0 failed, 0 skipped\n",
		}, {
			"package without tests is silent",
			[]string{
				`{"Action":"output","Package":"p","Output":"?   \tp\t[no test files]\n"}`,
				`{"Action":"skip","Package":"p"}`,
			},
			"",
		}, {
			"failed test shows its own output",
			[]string{
				`{"Action":"output","Package":"p","Test":"TestA","Output":"    a.go:1: wrong\n"}`,
				`{"Action":"output","Package":"q","Test":"TestA","Output":"other\n"}`,
				`{"Action":"fail","Package":"p","Test":"TestA"}`,
				`{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}`,
				`{"Action":"fail","Package":"p"}`,
			},
			"    a.go:1: wrong\nFAIL\tp\t0.1s\n0 passed, 1 failed, 0 skipped\n",
		}, {
			"crash shows the tests that were running",
			[]string{
				`{"Action":"output","Package":"p","Test":"TestB","Output":"b\n"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"a\n"}`,
				`{"Action":"output","Package":"p","Output":"exit status 2\n"}`,
				`{"Action":"fail","Package":"p"}`,
			},
			"a\nb\nexit status 2\n",
		}, {
			"skipped test tells its reason",
			[]string{
				`{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"    a.go:1: needs a second file system\n"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}`,
				`{"Action":"skip","Package":"p","Test":"TestA"}`,
				`{"Action":"skip","Package":"p","Test":"TestB"}`,
			},
			"\n*** SKIPPED, so not proven by this run:\n*** p TestA: a.go:1: needs a second file system\n" +
				"*** p TestB: without a reason\n0 passed, 0 failed, 2 skipped\n",
		}, {
			"of a long reason, the end is told",
			[]string{
				`{"Action":"output","Package":"p","Test":"TestA","Output":"` + strings.Repeat("x", 1000) + ` no disk\n"}`,
				`{"Action":"skip","Package":"p","Test":"TestA"}`,
			},
			"\n*** SKIPPED, so not proven by this run:\n*** p TestA: ... " + strings.Repeat("x", maxReason-8) +
				" no disk\n0 passed, 0 failed, 1 skipped\n",
		}, {
			"what is no event is passed on",
			[]string{`warning: odd`, `{"Action":"build-output","ImportPath":"p","Output":"a.go:1: syntax error\n"}`},
			"warning: odd\na.go:1: syntax error\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := report(strings.NewReader(strings.Join(test.events, "\n")+"\n"), &out); err != nil {
				t.Fatal(err)
			}
			if out.String() != test.want {
				t.Errorf("got\n%s\nwant\n%s", out.String(), test.want)
			}
		})
	}
}

// TestRun runs the go command on a module of one test.
func TestRun(t *testing.T) {
	tests := []struct {
		name, body string
		status     int
		want       string
	}{
		{"pass", "", 0, "1 passed, 0 failed, 0 skipped"},
		{"fail", `t.Error("wrong")`, 1, "0 passed, 1 failed, 0 skipped"},
		{"skip", `t.Skip("no disk")`, 0, "no disk\n0 passed, 0 failed, 1 skipped"},
		{"panic", `panic("gone")`, 1, "panic: gone"},
		{"no compile", `return 1`, 1, "too many return values"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			write(t, "go.mod", "module m\n\ngo 1.26.0\n")
			write(t, "m_test.go", "package m\n\nimport \"testing\"\n\nfunc Test(t *testing.T) {\n\t"+test.body+"\n}\n")
			var stdout, stderr bytes.Buffer
			status := run(t.Context(), []string{"./..."}, &stdout, &stderr)
			if status != test.status || !strings.Contains(stdout.String(), test.want) {
				t.Errorf("got status %d and\n%s%s\nwant %d and %q", status, stdout.String(), stderr.String(), test.status, test.want)
			}
		})
	}
}

// write creates a file in the current folder.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
