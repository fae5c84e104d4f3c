//go:build interop

package drive_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/simd-drive/go/drive-core"
)

var interopCLI = flag.String("interop.cli", "", "path of the original's program, simd-r-drive")

const (
	// originalVersion is what the original says of itself; its messages belong to this version.
	originalVersion = "simd-r-drive 0.17.5-alpha\n"
	// originalTimeout is how long one start of the original may take.
	originalTimeout = time.Minute
	// tombstoneBytes and metadataBytes are the lengths of a deletion and of what follows a payload.
	tombstoneBytes = 21
	metadataBytes  = 20
	// shownBytes is how much of an output a failure prints.
	shownBytes = 500
)

// original is the Rust program working on one drive. Every method starts it once.
type original struct {
	t    *testing.T
	path string
}

// outcome is what one start of a program left.
type outcome struct {
	stdout, stderr string
	code           int // exit status
}

// String shortens what is long.
func (o outcome) String() string {
	clip := func(s string) string { return fmt.Sprintf("%.*q (%d bytes)", shownBytes, s, len(s)) }
	return fmt.Sprintf("exit status %d, stdout %s, stderr %s", o.code, clip(o.stdout), clip(o.stderr))
}

// start runs the program. Its environment is empty: FORCE_NO_TTY would keep it from
// reading stdin.
func start(t *testing.T, stdin io.Reader, args ...string) outcome {
	t.Helper()
	if *interopCLI == "" {
		t.Fatal("-interop.cli=PATH must name the original's program; tools/interop-format.sh installs it")
	}
	ctx, cancel := context.WithTimeout(t.Context(), originalTimeout)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, *interopCLI, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	cmd.Env = []string{}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// call runs a verb on the drive. Keys stand behind "--": they may begin with a dash.
func (o original) call(stdin io.Reader, verb string, args ...string) outcome {
	o.t.Helper()
	return start(o.t, stdin, append([]string{o.path, verb, "--"}, args...)...)
}

// expect runs a verb on the drive and fails the test if anything is not as wanted.
func (o original) expect(want outcome, stdin io.Reader, verb string, args ...string) {
	o.t.Helper()
	if got := o.call(stdin, verb, args...); got != want {
		o.t.Fatalf("the original's %s %.*q:\n got %s\nwant %s", verb, shownBytes, args, got, want)
	}
}

// expectRead expects the value of a key; nil means that there is none.
func (o original) expectRead(key string, value []byte) {
	o.t.Helper()
	want := outcome{stdout: string(value)}
	if value == nil {
		want = outcome{stderr: "Error: Key '" + key + "' not found\n", code: 1}
	}
	o.expect(want, nil, "read", key)
}

// write stores a value that can be an argument: UTF-8, no zero byte, 100 KiB at most.
func (o original) write(key, value string) {
	o.t.Helper()
	o.expect(outcome{stdout: "Stored '" + key + "'\n"}, nil, "write", key, value)
}

// stream stores a value through stdin. It must not be empty nor all zeros: the
// original refuses these after it has put the padding or more into the file.
func (o original) stream(key string, value []byte) {
	o.t.Helper()
	o.expect(outcome{stdout: "Stored '" + key + "'\n"}, bytes.NewReader(value), "write", key)
}

// remove deletes a key, there or not.
func (o original) remove(key string) {
	o.t.Helper()
	o.expect(outcome{stderr: "Deleted key '" + key + "'\n"}, nil, "delete", key)
}

// rename expects what the original says when the old key is there, or not.
func (o original) rename(from, to string, present bool) {
	o.t.Helper()
	want := outcome{stdout: "Renamed key '" + from + "' to " + to + "\n"}
	switch refused := "Could not rename entry. Received error: "; {
	case from == to:
		want = outcome{stderr: refused + "Cannot rename a key to itself\n", code: 1}
	case !present:
		want = outcome{stderr: refused + "Old key not found\n", code: 1}
	}
	o.expect(want, nil, "rename", from, to)
}

// transfer copies or moves a key to the drive at target. The original names a key
// that it does not find in Rust's notation, so absent keys should be plain.
func (o original) transfer(verb, done, key, target string, present bool) {
	o.t.Helper()
	want := outcome{stdout: fmt.Sprintf("%s key '%s' to %q\n", done, key, target)}
	if !present {
		want = outcome{stderr: fmt.Sprintf("Could not copy entry. Received error: Key not found: %q\n", key), code: 1}
	}
	o.expect(want, nil, verb, key, target)
}

// compact compacts the drive. The original's log lines stand between the two that
// are checked.
func (o original) compact() {
	o.t.Helper()
	got := o.call(nil, "compact")
	if got.code != 0 || got.stderr != "" || !strings.HasPrefix(got.stdout, "Starting compaction...\n") ||
		!strings.HasSuffix(got.stdout, "\nCompaction completed successfully.\n") {
		o.t.Fatalf("the original's compact: %s", got)
	}
	if _, err := os.Lstat(o.path + ".bk"); err == nil {
		o.t.Fatal("the original left its temporary file")
	}
}

// expectInfo expects the size of the file, the number of keys that the original calls
// active, and the bytes that it hopes to save.
func (o original) expectInfo(size int64, active int, savings int64) {
	o.t.Helper()
	want := outcome{stdout: "\n================== STORAGE INFO ==================\n" +
		fmt.Sprintf("STORAGE FILE:             %q\n", o.path) +
		"--------------------------------------------------\n" +
		"TOTAL SIZE:               " + formatBytes(size) + "\n" +
		fmt.Sprintf("ACTIVE ENTRIES:           %d\n", active) +
		"COMPACTION SAVINGS:       " + formatBytes(savings) + "\n" +
		"==================================================\n"}
	if got := start(o.t, nil, o.path, "info", "--detailed"); got != want {
		o.t.Fatalf("the original's info:\n got %s\nwant %s", got, want)
	}
}

// formatBytes writes a size as the original does.
func formatBytes(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d bytes", n)
	case n < 1<<20:
		return fmt.Sprintf("%.2f KB", float64(n)/(1<<10))
	default:
		return fmt.Sprintf("%.2f MB", float64(n)/(1<<20))
	}
}

// addresses is the only line of the original's metadata that differs each time.
var addresses = regexp.MustCompile(`(?m)^MEMORY ADDRESS: .*$`)

// expectMetadata expects what the original says of where and how a value is stored.
func (o original) expectMetadata(key string, m drive.Metadata) {
	o.t.Helper()
	c := m.Checksum
	want := outcome{stdout: "\n================ METADATA SUMMARY ================\n" +
		"ENTRY FOR:                \"" + key + "\"\n" +
		"--------------------------------------------------\n" +
		fmt.Sprintf("PAYLOAD SIZE:             %d bytes\n", m.Size) +
		fmt.Sprintf("TOTAL SIZE (W/ METADATA): %d bytes\n", m.Size+metadataBytes) +
		fmt.Sprintf("OFFSET RANGE:             %d..%d\n", m.Offset, m.Offset+m.Size) +
		"MEMORY ADDRESS\n" +
		fmt.Sprintf("KEY HASH:                 %d\n", m.KeyHash) +
		fmt.Sprintf("CHECKSUM:                 %d\n", c) +
		"CHECKSUM VALIDITY:        VALID\n" +
		"--------------------------------------------------\n" +
		fmt.Sprintf("STORED METADATA:          EntryMetadata { key_hash: %d, prev_offset: %d, checksum: [%d, %d, %d, %d] }\n",
			m.KeyHash, m.PrevOffset, c&0xff, c>>8&0xff, c>>16&0xff, c>>24) +
		"==================================================\n"}
	got := o.call(nil, "metadata", key)
	got.stdout = addresses.ReplaceAllString(got.stdout, "MEMORY ADDRESS")
	if got != want {
		o.t.Fatalf("the original's metadata of %.*q:\n got %s\nwant %s", shownBytes, key, got, want)
	}
}
