//go:build interop

package interop

import (
	"fmt"
	"os"
	"testing"
	"time"
)

const (
	// hangTimeout is how long a client may take to notice that its server is
	// gone. The Python client may never notice.
	hangTimeout = 5 * time.Second
	// growTimeout is how long a file may take to grow to some size.
	growTimeout = time.Minute
	// pollInterval is how often a file is looked at.
	pollInterval = time.Millisecond
)

// An outcome is what ask returned.
type outcome struct {
	results []result
	err     error
}

// begin asks the client, and returns at once.
func begin(c client, parallel int, calls []call) <-chan outcome {
	done := make(chan outcome, 1)
	go func() { // ends when the client answers, or is killed
		results, err := c.ask(parallel, calls)
		done <- outcome{results, err}
	}()
	return done
}

// await returns what ask returns soon. It kills a client that hangs.
func await(c client, done <-chan outcome) outcome {
	select {
	case o := <-done:
		return o
	case <-time.After(hangTimeout):
		c.kill()
		return <-done
	}
}

// waitForSize returns once the file has so many bytes.
func waitForSize(t *testing.T, file string, size int64) {
	t.Helper()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for deadline := time.Now().Add(growTimeout); time.Now().Before(deadline); <-tick.C {
		if info, err := os.Stat(file); err == nil && info.Size() >= size {
			return
		}
	}
	t.Fatalf("the file does not grow to %d bytes", size)
}

// A record is what must be found in a store.
type record struct{ key, value []byte }

// numbered makes n records.
func numbered(name string, n, size int) []record {
	records := make([]record, n)
	for i := range records {
		records[i] = record{fmt.Appendf(nil, "%s-%d", name, i), random(uint64(i), size)}
	}
	return records
}

// writesOf makes a call for each record.
func writesOf(records []record) []call {
	calls := make([]call, len(records))
	for i, r := range records {
		calls[i] = call{Op: "write", Key: r.key, Value: r.value}
	}
	return calls
}

// expectRecords reads all that has been written.
func expectRecords(t *testing.T, c client, records []record) {
	t.Helper()
	var keys, values [][]byte
	for _, r := range records {
		keys, values = append(keys, r.key), append(values, r.value)
	}
	expectBatch(t, c, keys, values)
}

func TestKilledServer(t *testing.T) {
	forPairs(t, func(t *testing.T, p pair) {
		endWhileWriting(t, p, func(s *server) { s.kill() })
	})
}

func TestStoppedServer(t *testing.T) {
	forPairs(t, func(t *testing.T, p pair) {
		endWhileWriting(t, p, func(s *server) { s.stop(t) })
	})
}

// endWhileWriting ends a server that is writing. What it has acknowledged is in the
// file that the next server opens.
func endWhileWriting(t *testing.T, p pair, end func(*server)) {
	t.Helper()
	const stored, pending, valueSize = 20, 4000, 4096
	file := newFile(t)
	first := p.server.start(t, file)
	idle := p.client.connect(t, first.address)
	before := numbered("before", stored, valueSize)
	succeed(t, idle, p.client.inFlight, writesOf(before)...)

	busy := p.client.connect(t, first.address)
	inFlight := numbered("pending", pending, valueSize)
	done := begin(busy, p.client.inFlight, writesOf(inFlight))
	waitForSize(t, file, 2*stored*valueSize)
	end(first)
	wasBusy := await(busy, done)
	wasIdle := await(idle, begin(idle, 1, []call{{Op: "read", Key: before[0].key}}))
	if !p.client.hangs {
		for _, err := range []error{wasBusy.err, wasIdle.err} {
			if err != nil {
				t.Errorf("the client does not notice the server's end: %v", err)
			}
		}
	}
	if wasIdle.err == nil && wasIdle.results[0].Error == "" {
		t.Error("a call succeeded after the server's end")
	}

	again := p.client.connect(t, p.server.start(t, file).address)
	expectRecords(t, again, before)
	expectRecords(t, again, acknowledged(t, inFlight, wasBusy))
	after := numbered("after", stored, valueSize)
	succeed(t, again, p.client.inFlight, writesOf(after)...)
	expectRecords(t, again, after)
}

// acknowledged returns the records whose writes succeeded. A client that had to be
// killed does not tell.
func acknowledged(t *testing.T, records []record, o outcome) []record {
	t.Helper()
	if o.err != nil {
		t.Logf("calls in flight: %v", o.err)
		return nil
	}
	var written []record
	failures := map[string]int{}
	for i, r := range o.results {
		if r.Error == "" {
			written = append(written, records[i])
		} else {
			failures[r.Error]++
		}
	}
	t.Logf("%d of %d calls were acknowledged; the others: %v", len(written), len(records), failures)
	return written
}

// Servers open one file in turn; each finds all that the others wrote and deleted.
func TestServersInTurn(t *testing.T) {
	const values = 50
	for _, test := range []struct {
		name    string
		servers []serverProgram
	}{
		{"the original alone", []serverProgram{server017, server017}},
		{"ours after the original", []serverProgram{server017, ourServer, server017}},
		{"the original after ours", []serverProgram{ourServer, server017, ourServer}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			skipUnless(t, []clientProgram{rustClient}, test.servers...)
			file := newFile(t)
			var records []record
			for turn, program := range test.servers {
				s := program.start(t, file)
				c := rustClient.connect(t, s.address)
				expectRecords(t, c, records)

				more := numbered(fmt.Sprintf("turn-%d", turn), values, 1000*turn+1000)
				gone := record{[]byte("gone"), []byte("for this turn only")}
				succeed(t, c, rustClient.inFlight, writesOf(append(more, gone))...)
				succeed(t, c, 1, call{Op: "delete", Key: gone.key})
				if turn > 0 { // a value of an earlier turn is overwritten
					records[turn].value = fmt.Appendf(nil, "overwritten in turn %d", turn)
					succeed(t, c, 1, writesOf(records[turn:turn+1])...)
				}
				records = append(records, more...)
				expectRecords(t, c, append(records, record{gone.key, nil}))
				if n := succeed(t, c, 1, call{Op: "len"})[0].Number; n != uint64(len(records)) {
					t.Errorf("turn %d: %d keys, want %d", turn, n, len(records))
				}
				c.kill()
				s.stop(t)
			}
		})
	}
}
