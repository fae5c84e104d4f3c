package child

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// maxComplaint bounds what is kept of what a program says on standard error, in bytes.
const maxComplaint = 500

// Run runs a program that prints one line of JSON and ends, and parses the line. It
// returns the user and system time that the program took. What stands in the line or on
// standard error tells why it failed. It is killed when ctx ends.
func Run(ctx context.Context, into any, command ...string) (cpu time.Duration, err error) {
	var complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = &complaint
	line, err := cmd.Output()
	if cmd.ProcessState != nil {
		cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	name := filepath.Base(command[0])
	if told := failure(line); told != nil {
		return cpu, fmt.Errorf("%s: %w", name, told) // says more than the exit status
	}
	if err != nil {
		said := strings.Join(strings.Fields(complaint.String()), " ")
		return cpu, fmt.Errorf("%s: %w: %s", name, err, said[:min(len(said), maxComplaint)])
	}
	if err := json.Unmarshal(line, into); err != nil {
		return cpu, fmt.Errorf("line of %s: %w", name, err)
	}
	return cpu, nil
}

// failure returns the error that a line tells, nil if there is none in it.
func failure(line []byte) error {
	var told struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(line, &told); err != nil || told.Error == "" {
		return nil // what is no JSON is seen by whoever wants more of it
	}
	return errors.New(told.Error)
}
