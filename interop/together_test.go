//go:build interop

package interop

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"
)

// Clients use one server at a time. In each round they write keys of their own and
// fight for one that they share; then each must find what all of them wrote, and
// all must find the same value under the shared key.
func TestClientsTogether(t *testing.T) {
	const rounds, values = 3, 16
	for _, test := range []struct {
		name    string
		clients []clientProgram
		server  serverProgram
	}{
		{"originals alone", []clientProgram{rustClient, rustClient}, server017},
		{"all kinds", []clientProgram{rustClient, pythonClient, ourClient}, ourServer},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			skipUnless(t, test.clients, test.server)
			s := test.server.start(t, newFile(t))
			clients := make([]client, len(test.clients))
			for i, p := range test.clients {
				clients[i] = p.connect(t, s.address)
			}
			for round := range rounds {
				compete(t, clients, round, values)
			}
		})
	}
}

// compete is one round.
func compete(t *testing.T, clients []client, round, values int) {
	t.Helper()
	const sharedKey = "shared"
	var written []record
	var last [][]byte // what each client writes last under the shared key
	writes := make([][]call, len(clients))
	for i := range clients {
		for j := range values {
			own := record{fmt.Appendf(nil, "client-%d-%d", i, j), random(uint64(round*1000+i*100+j), 100+j)}
			contested := record{[]byte(sharedKey), fmt.Appendf(nil, "round %d client %d write %d", round, i, j)}
			written = append(written, own)
			writes[i] = append(writes[i], writesOf([]record{own, contested})...)
		}
		last = append(last, writes[i][2*values-1].Value)
	}
	// One call at a time: the order of writes that are in flight together is not known.
	everywhere(t, clients, func(i int) outcome {
		results, err := clients[i].ask(1, writes[i])
		return outcome{results, err}
	})
	keys := [][]byte{[]byte(sharedKey)}
	for _, r := range written {
		keys = append(keys, r.key)
	}
	found := everywhere(t, clients, func(i int) outcome {
		results, err := clients[i].ask(1, []call{{Op: "batch_read", Keys: keys}})
		return outcome{results, err}
	})
	winner := found[0][0].Values[0]
	if !slices.ContainsFunc(last, func(v []byte) bool { return bytes.Equal(v, winner) }) {
		t.Errorf("round %d: the shared key has %q, which nobody wrote last", round, winner)
	}
	for i, results := range found {
		read := results[0].Values
		expectValue(t, fmt.Sprintf("client %d: %s", i, sharedKey), read[0], winner)
		for j, r := range written {
			expectValue(t, fmt.Sprintf("client %d: %s", i, r.key), read[1+j], r.value)
		}
	}
}

// everywhere has all clients work at a time and returns their results. All calls
// must succeed.
func everywhere(t *testing.T, clients []client, work func(i int) outcome) [][]result {
	t.Helper()
	outcomes := make([]outcome, len(clients))
	var working sync.WaitGroup
	for i := range clients {
		working.Go(func() { outcomes[i] = work(i) })
	}
	working.Wait()
	found := make([][]result, len(clients))
	for i, o := range outcomes {
		if o.err != nil {
			t.Fatalf("client %d: %v", i, o.err)
		}
		for _, r := range o.results {
			if r.Error != "" {
				t.Fatalf("client %d: %s", i, r.Error)
			}
		}
		found[i] = o.results
	}
	return found
}
