package wsserver_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// attack is something that a client may do to a server.
type attack struct {
	name string
	// maxCalls is the limit of the server, 0 for the default.
	maxCalls int
	// do returns how it ends.
	do   func(t *testing.T, v *victim) string
	want string // "closed" for any way, "" if it need not end
	// mostMiB is by how much the server may grow.
	mostMiB int64
}

// TestAttacks does what hostile and unlucky clients do to a server in a process of its
// own, and holds what they get and what they cost. Whatever happens to a
// connection, the next one is served. Run it with -v for a table of the figures.
func TestAttacks(t *testing.T) {
	var table strings.Builder
	fmt.Fprintf(&table, "\n| input | result | memory of the server grows by |\n|---|---|---|\n")
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			v := startVictim(t, a.maxCalls)
			got := a.do(t, v)
			if got != a.want && a.want != "" && (a.want != "closed" || !strings.HasPrefix(got, a.want)) {
				t.Errorf("%s, want %s", got, a.want)
			}
			for _, next := range []*intruder{intrude(t, v.url), intrudeOriginal(t, v.url)} {
				if got := next.wantEcho(); got != "goes on" {
					t.Errorf("the next connection: %s", got)
				}
			}
			grown := v.grownKiB()
			if grown > a.mostMiB<<10 && !raceDetector {
				t.Errorf("the server has grown by %d KiB, want at most %d MiB", grown, a.mostMiB)
			}
			fmt.Fprintf(&table, "| %s | %s | %.1f MiB |\n", a.name, got, float64(grown)/1024)
		})
	}
	if runtime.GOOS != "linux" || raceDetector {
		t.Log("FIGURES OF MEMORY NOT CHECKED: only Linux tells that of another process, and the race detector needs much of its own")
	}
	t.Log(table.String())
}

func attacks() (all []attack) {
	for _, list := range [][]attack{frameAttacks, callAttacks, readerAttacks, timeAttacks, originalAttacks} {
		all = append(all, list...)
	}
	return all
}

// flood sends messages until the server takes no more, n at most, and returns how the
// connection ends.
func flood(p *intruder, n int, message func(i int) []byte) string {
	p.t.Helper()
	ended := make(chan string, 1)
	go func() { ended <- p.closed() }() // ends with the connection
	for i := range n {
		if !p.send(message(i)) {
			break
		}
	}
	return <-ended
}

// several returns n times what part makes, as one message.
func several(n int, part func(i int) []byte) []byte {
	var b bytes.Buffer
	for i := range n {
		b.Write(part(i))
	}
	return b.Bytes()
}
