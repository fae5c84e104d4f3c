//go:build interop

package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"testing"
	"time"
)

// callTimeout is how long a client may take for one line of calls.
const callTimeout = 3 * time.Minute

// A call is one call as the client programs take it. Byte strings travel in base64.
type call struct {
	Op        string   `json:"op"`
	Key       []byte   `json:"key,omitempty"`
	Value     []byte   `json:"value,omitempty"`
	Keys      [][]byte `json:"keys,omitempty"`      // of a batch
	Values    [][]byte `json:"values,omitempty"`    // of a batch_write
	Namespace []byte   `json:"namespace,omitempty"` // of namespace, which does not ask the server
}

// A result is what came of a call.
type result struct {
	Error  string   `json:"error"`
	Value  []byte   `json:"value"`  // nil is none
	Values [][]byte `json:"values"` // of a batch_read
	Yes    bool     `json:"yes"`
	Number uint64   `json:"number"` // the length or size; of a write the tail, where the client tells it
}

// A client is one connection.
type client interface {
	// ask runs the calls in their order, so many at a time, and returns their
	// results in the same order. After an error the client is of no more use.
	ask(parallel int, calls []call) ([]result, error)
	// kill ends the client, also while it is asked.
	kill()
}

// do runs calls and fails the test unless the client answers.
func do(t *testing.T, c client, parallel int, calls ...call) []result {
	t.Helper()
	results, err := c.ask(parallel, calls)
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != len(calls) {
		t.Fatalf("%d results of %d calls", len(results), len(calls))
	}
	return results
}

// succeed is do for calls that must not fail.
func succeed(t *testing.T, c client, parallel int, calls ...call) []result {
	t.Helper()
	results := do(t, c, parallel, calls...)
	for i, r := range results {
		if r.Error != "" {
			t.Fatalf("%s, call %d of %d: %s", calls[i].Op, i, len(calls), r.Error)
		}
	}
	return results
}

// A processClient is a client program.
type processClient struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr bytes.Buffer // of the process; to be read once that has ended
}

// startClient runs a client program, which connects to a server. The test's end
// ends it.
func startClient(t *testing.T, name string, args ...string) *processClient {
	t.Helper()
	c := &processClient{cmd: exec.Command(name, args...)}
	c.cmd.Stderr = &c.stderr
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.stdin, c.stdout = stdin, bufio.NewReader(stdout)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.kill()
		_ = c.cmd.Wait() // it was killed
		if t.Failed() && c.stderr.Len() > 0 {
			t.Logf("%s said: %.5000s", name, c.stderr.Bytes())
		}
	})
	if err := c.greeting(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return c
}

// greeting waits for the line by which the program says that it is connected.
func (c *processClient) greeting() error {
	defer time.AfterFunc(startTimeout, c.kill).Stop()
	var line struct {
		Error string `json:"error"`
	}
	if err := c.answer(&line); err != nil {
		return err
	}
	if line.Error != "" {
		return errors.New(line.Error)
	}
	return nil
}

// answer reads the program's next line.
func (c *processClient) answer(line any) error {
	text, err := c.stdout.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the client ended or was killed: %w", err)
	}
	return json.Unmarshal(text, line)
}

func (c *processClient) ask(parallel int, calls []call) ([]result, error) {
	defer time.AfterFunc(callTimeout, c.kill).Stop()
	request := struct {
		Parallel int    `json:"parallel"`
		Calls    []call `json:"calls"`
	}{parallel, calls}
	if err := json.NewEncoder(c.stdin).Encode(request); err != nil {
		return nil, fmt.Errorf("the client ended or was killed: %w", err)
	}
	var line struct {
		Results []result `json:"results"`
		Error   string   `json:"error"`
	}
	if err := c.answer(&line); err != nil {
		return nil, err
	}
	if line.Error != "" {
		return nil, errors.New(line.Error)
	}
	return line.Results, nil
}

func (c *processClient) kill() { _ = c.cmd.Process.Kill() } // it may have ended
