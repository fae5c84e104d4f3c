//go:build interop

package interop

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// ignoreTails compares results without their numbers, which are positions in a file.
var ignoreTails = cmpopts.IgnoreFields(result{}, "Number")

// list makes byte strings of strings.
func list(texts ...string) [][]byte {
	out := make([][]byte, len(texts))
	for i, text := range texts {
		out[i] = []byte(text)
	}
	return out
}

func TestMethods(t *testing.T) {
	const binary = "\x00\xff\x80\n\r\"\\{\x7f"
	long := string(bytes.Repeat([]byte("a key of 30 bytes is repeated "), 10_000))
	key := func(op, key string) call { return call{Op: op, Key: []byte(key)} }
	write := func(key, value string) call { return call{Op: "write", Key: []byte(key), Value: []byte(value)} }
	onEmptyStore(t, func(t *testing.T, p pair, c client) {
		for i, step := range []struct {
			call call
			want result
		}{
			{call{Op: "is_empty"}, result{Yes: true}},
			{call{Op: "len"}, result{}},
			{call{Op: "file_size"}, result{}},
			{key("read", "k"), result{}},
			{key("exists", "k"), result{}},
			{call{Op: "batch_read", Keys: list("k", "l")}, result{Values: [][]byte{nil, nil}}},
			{call{Op: "batch_read"}, result{Values: [][]byte{}}},
			{call{Op: "batch_write"}, result{}},
			{call{Op: "is_empty"}, result{Yes: true}},

			{write("k", "v"), result{}},
			{key("read", "k"), result{Value: []byte("v")}},
			{key("exists", "k"), result{Yes: true}},
			{write("k", "a new value"), result{}},
			{key("read", "k"), result{Value: []byte("a new value")}},
			{write("", "of the empty key"), result{}},
			{key("read", ""), result{Value: []byte("of the empty key")}},
			{write(binary, binary), result{}},
			{key("read", binary), result{Value: []byte(binary)}},
			{key("exists", binary), result{Yes: true}},
			{write(long, "of a long key"), result{}},
			{key("read", long), result{Value: []byte("of a long key")}},
			{call{Op: "is_empty"}, result{}},

			{call{Op: "batch_write", Keys: list("one", "twice", "", "twice"), Values: list("1", "2", "3", "4")}, result{}},
			{
				call{Op: "batch_read", Keys: list("twice", "none", "", "one", "one", binary)},
				result{Values: [][]byte{[]byte("4"), nil, []byte("3"), []byte("1"), []byte("1"), []byte(binary)}},
			},
			{call{Op: "len"}, result{Number: 6}},

			{key("delete", "k"), result{}},
			{key("read", "k"), result{}},
			{key("exists", "k"), result{}},
			{key("delete", ""), result{}},
			{key("exists", ""), result{}},
			{call{Op: "len"}, result{Number: 4}},
			{write("k", "again"), result{}},
			{key("read", "k"), result{Value: []byte("again")}},

			{write("refused", ""), result{Error: "Payload cannot be empty."}},
			{write("refused", "\x00"), result{Error: "NULL-byte payloads cannot be written directly."}},
			{
				call{Op: "batch_write", Keys: list("refused", "k"), Values: list("good", "")},
				result{Error: "Payload cannot be empty."},
			},
			{key("exists", "refused"), result{}},
			{key("read", "k"), result{Value: []byte("again")}},
			{call{Op: "len"}, result{Number: 5}},
		} {
			got := do(t, c, 1, step.call)[0]
			if step.want.Error != "" {
				step.want.Error = p.client.refusal + step.want.Error
				if p.client.refusal == "" && got.Error != "" {
					step.want.Error = got.Error
				}
			}
			opts := cmp.Options{}
			switch step.call.Op {
			case "write", "batch_write", "delete":
				opts = append(opts, ignoreTails)
			}
			if diff := cmp.Diff(step.want, got, opts); diff != "" {
				t.Errorf("step %d, %s %.40q (-want +got):\n%s", i, step.call.Op, step.call.Key, diff)
			}
		}
	})
}

func TestTails(t *testing.T) {
	onEmptyStore(t, func(t *testing.T, p pair, c client) {
		tail := uint64(0)
		for i, step := range []struct {
			call  call
			grows bool
		}{
			{call{Op: "write", Key: []byte("k"), Value: []byte("v")}, true},
			{call{Op: "batch_write", Keys: list("a", "b"), Values: list("1", "22")}, true},
			{call{Op: "batch_write"}, false},
			{call{Op: "delete", Key: []byte("a")}, true},
			{call{Op: "delete", Key: []byte("a")}, p.server.tombstones},
			{call{Op: "delete", Key: []byte("none")}, p.server.tombstones},
			{call{Op: "write", Key: []byte("k"), Value: []byte("v")}, true},
		} {
			results := succeed(t, c, 1, step.call, call{Op: "file_size"})
			told, size := results[0].Number, results[1].Number
			if p.client.tails && told != size {
				t.Errorf("step %d, %s: tail %d of a file of %d bytes", i, step.call.Op, told, size)
			}
			if size < tail || size > tail != step.grows {
				t.Errorf("step %d, %s: the file had %d bytes and has %d, grows is to be %v", i, step.call.Op, tail, size, step.grows)
			}
			tail = size
		}
		if n := succeed(t, c, 1, call{Op: "len"})[0].Number; n != 2 {
			t.Errorf("%d keys, want 2", n)
		}
	})
}

func TestNamespaceHasher(t *testing.T) {
	onEmptyStore(t, func(t *testing.T, p pair, c client) {
		ours := nativeClient{}
		var writes, reads []call
		seen := map[string]bool{}
		for _, namespace := range []string{"", "users", "orders", "\x00\xff"} {
			for _, key := range []string{"", "1", "a key that is somewhat longer", "\xff\x00"} {
				ask := call{Op: "namespace", Namespace: []byte(namespace), Key: []byte(key)}
				made := succeed(t, c, 1, ask)[0].Value
				want := succeed(t, ours, 1, ask)[0].Value
				if !bytes.Equal(made, want) {
					t.Errorf("key %q of namespace %q: %x, want %x", key, namespace, made, want)
				}
				if seen[string(made)] {
					t.Errorf("key %q of namespace %q is that of another", key, namespace)
				}
				seen[string(made)] = true
				writes = append(writes, call{Op: "write", Key: made, Value: []byte(namespace + "/" + key)})
				reads = append(reads, call{Op: "read", Key: want})
			}
		}
		succeed(t, c, p.client.inFlight, writes...)
		for i, r := range succeed(t, c, p.client.inFlight, reads...) {
			if !bytes.Equal(r.Value, writes[i].Value) {
				t.Errorf("key %x: %q, want %q", reads[i].Key, r.Value, writes[i].Value)
			}
		}
	})
}
