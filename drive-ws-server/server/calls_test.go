package server_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-service-definition"
	"github.com/simd-drive/go/drive-ws-client"
	"github.com/simd-drive/go/drive-ws-server/server"
	"github.com/simd-drive/go/muxio-rpc-caller"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsclient "github.com/simd-drive/go/muxio-ws-client"
)

// must returns a function that returns v when err is nil, and ends the test else.
func must[T any](t testing.TB) func(v T, err error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// sameBytes compares values as a whole, which is quicker, and tells nil apart.
var sameBytes = cmp.Comparer(func(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) })

func TestValuesByKey(t *testing.T) {
	store, c := connect(t)
	ctx := t.Context()
	tail := must[int64](t)
	if got := must[bool](t)(c.IsEmpty(ctx)); !got {
		t.Error("a new drive is not empty")
	}
	if got := tail(c.Write(ctx, []byte("a"), []byte("one"))); got != store.FileSize() {
		t.Errorf("tail %d, file %d", got, store.FileSize())
	}
	wantValue(t, c, "a", "one")
	mustWrite(t, c, "", "value of the empty key")
	wantValue(t, c, "", "value of the empty key")
	mustWrite(t, c, "zeros", "\x00\x00")
	wantValue(t, c, "zeros", "\x00\x00")

	if !must[bool](t)(c.Exists(ctx, []byte("a"))) || must[bool](t)(c.Exists(ctx, []byte("b"))) {
		t.Error("Exists")
	}
	want := must[drive.Metadata](t)(store.Metadata([]byte("a")))
	if diff := cmp.Diff(driveclient.Metadata(want), must[driveclient.Metadata](t)(c.Metadata(ctx, []byte("a")))); diff != "" {
		t.Errorf("Metadata (-engine +client):\n%s", diff)
	}

	tail(c.Rename(ctx, []byte("a"), []byte("b")))
	wantValue(t, c, "b", "one")
	if must[bool](t)(c.Exists(ctx, []byte("a"))) {
		t.Error("the old key is still there")
	}
	tail(c.Copy(ctx, []byte("b"), []byte("c")))
	wantValue(t, c, "b", "one")
	wantValue(t, c, "c", "one")

	before := must[int64](t)(c.FileSize(ctx))
	if got := tail(c.Delete(ctx, []byte("missing"))); got != before {
		t.Errorf("deleting nothing: tail %d, file was %d", got, before)
	}
	if got := tail(c.Delete(ctx, []byte("b"))); got != before+21 {
		t.Errorf("deleting: tail %d, file was %d", got, before)
	}
	if n := must[int](t)(c.Len(ctx)); n != 3 || n != store.Len() {
		t.Errorf("Len %d, want 3", n)
	}
	if err := c.Sync(ctx); err != nil {
		t.Error(err)
	}
}

func TestValuesByHash(t *testing.T) {
	_, c := connect(t)
	ctx := t.Context()
	tail := must[int64](t)
	a, b := drive.KeyHash([]byte("a")), drive.KeyHash([]byte("b"))
	tail(c.WriteHash(ctx, a, []byte("one")))
	wantValue(t, c, "a", "one")
	tail(c.WriteFromHash(ctx, b, strings.NewReader("two")))
	wantValue(t, c, "b", "two")
	if got := must[[]byte](t)(c.GetHash(ctx, a)); string(got) != "one" {
		t.Errorf("GetHash: %q", got)
	}
	var whole bytes.Buffer
	tail(c.ReadToHash(ctx, b, &whole))
	if whole.String() != "two" {
		t.Errorf("ReadToHash: %q", whole.String())
	}
	if !must[bool](t)(c.ExistsHash(ctx, a)) || must[driveclient.Metadata](t)(c.MetadataHash(ctx, a)).KeyHash != a {
		t.Error("ExistsHash, MetadataHash")
	}
	tail(c.RenameHash(ctx, b, drive.KeyHash([]byte("c"))))
	wantValue(t, c, "c", "two")
	tail(c.RenameHash(ctx, drive.KeyHash([]byte("c")), b))
	tail(c.CopyHash(ctx, a, b))
	wantValue(t, c, "b", "one")
	tail(c.WriteBatchHash(ctx, []driveclient.HashedItem{{Hash: a, Value: []byte("x")}, {Hash: b, Value: []byte("y")}}))
	if diff := cmp.Diff([][]byte{[]byte("y"), nil, []byte("x")}, must[[][]byte](t)(c.GetBatchHash(ctx, []uint64{b, 1, a}))); diff != "" {
		t.Error(diff)
	}
	tail(c.DeleteHash(ctx, a))
	tail(c.DeleteBatchHash(ctx, []uint64{b, 1}))
	if n := must[int](t)(c.Len(ctx)); n != 0 {
		t.Errorf("Len %d, want 0", n)
	}
}

func TestBatches(t *testing.T) {
	store, c := connect(t)
	ctx := t.Context()
	var items []driveclient.Item
	var keys [][]byte
	var want [][]byte
	for i := range 1000 {
		key, value := []byte{'k', byte(i), byte(i >> 8)}, bytes.Repeat([]byte{byte(i), 1}, 1+i%700)
		items = append(items, driveclient.Item{Key: key, Value: value})
		keys = append(keys, key, []byte{'-', byte(i)})
		want = append(want, value, nil)
	}
	if got := must[int64](t)(c.WriteBatch(ctx, items)); got != store.FileSize() {
		t.Errorf("tail %d, file %d", got, store.FileSize())
	}
	if diff := cmp.Diff(want, must[[][]byte](t)(c.GetBatch(ctx, keys)), sameBytes); diff != "" {
		t.Errorf("GetBatch (-want +got):\n%s", diff)
	}
	size := store.FileSize()
	for name, empty := range map[string]func() (int64, error){
		"WriteBatch":  func() (int64, error) { return c.WriteBatch(ctx, nil) },
		"DeleteBatch": func() (int64, error) { return c.DeleteBatch(ctx, nil) },
	} {
		if got := must[int64](t)(empty()); got != size {
			t.Errorf("empty %s: tail %d, file %d", name, got, size)
		}
	}
	if got := must[[][]byte](t)(c.GetBatch(ctx, nil)); len(got) != 0 {
		t.Errorf("empty GetBatch: %d values", len(got))
	}
	if got := must[int64](t)(c.DeleteBatch(ctx, keys)); got != size+1000*21 {
		t.Errorf("DeleteBatch: tail %d, file was %d", got, size)
	}
	// One value that is refused refuses the batch.
	_, err := c.WriteBatch(ctx, []driveclient.Item{{Key: []byte("a"), Value: []byte("1")}, {Key: []byte("b")}})
	if !errors.Is(err, driveclient.ErrEmptyValue) || must[bool](t)(c.Exists(ctx, []byte("a"))) {
		t.Errorf("batch with an empty value: %v", err)
	}
}

func TestListingsStatsAndCompaction(t *testing.T) {
	store, c := connect(t)
	ctx := t.Context()
	for i := range 3 * driveservice.MaxPageRecords / 2 {
		mustWrite(t, c, string([]byte{byte(i), byte(i >> 8)}), strings.Repeat("v", 1+i%100))
	}
	mustWrite(t, c, "again", "first")
	mustWrite(t, c, "again", "second")
	mustWrite(t, c, "large", strings.Repeat("x", driveclient.MaxEntryValue+1))
	must[int64](t)(c.Delete(ctx, []byte{0, 0}))

	for _, all := range []bool{false, true} {
		for remote, local := range map[driveclient.Order]drive.Order{
			driveclient.DefaultOrder: drive.NewestFirst, driveclient.NewestFirst: drive.NewestFirst, driveclient.FileOrder: drive.FileOrder,
		} {
			entries := store.Entries
			if all {
				entries = store.History
			}
			var want, got []driveclient.Entry
			for e, err := range entries(local) {
				if err != nil {
					t.Fatal(err)
				}
				w := driveclient.Entry{
					Metadata: driveclient.Metadata{
						KeyHash: e.KeyHash(), PrevOffset: e.PrevOffset(), Checksum: e.Checksum(), Offset: e.Offset(), Size: e.Size(),
					},
					Tombstone: e.IsTombstone(), Live: store.IsLive(e),
				}
				if !w.Tombstone && e.Size() <= driveclient.MaxEntryValue {
					w.Value = bytes.Clone(e.Bytes())
				}
				want = append(want, w)
			}
			for e, err := range c.Entries(ctx, driveclient.EntriesOptions{Order: remote, All: all, ValueLimit: 1 << 30}) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, e)
			}
			if diff := cmp.Diff(want, got, sameBytes); diff != "" {
				t.Errorf("all %v, order %d (-engine +client):\n%s", all, remote, diff)
			}
		}
	}

	st := must[drive.Stats](t)(store.Stats())
	if diff := cmp.Diff(driveclient.Stats{
		Entries: st.Entries, LiveEntries: st.LiveEntries, LiveBytes: st.LiveBytes, Tombstones: st.Tombstones,
		DeadBytes: st.DeadBytes, PaddingBytes: st.PaddingBytes, FileBytes: st.FileSize, IndexBytes: st.IndexBytes,
	}, must[driveclient.Stats](t)(c.Stats(ctx))); diff != "" {
		t.Errorf("Stats (-engine +client):\n%s", diff)
	}
	savings := must[int64](t)(c.CompactionSavings(ctx))
	size := must[int64](t)(c.FileSize(ctx))
	got := must[driveclient.CompactResult](t)(c.Compact(ctx, driveclient.CompactOptions{}))
	want := driveclient.CompactResult{BytesBefore: size, BytesAfter: size - savings, Entries: int64(store.Len())}
	if got != want || savings == 0 {
		t.Errorf("Compact: %+v, want %+v", got, want)
	}
	wantValue(t, c, "again", "second")
}

func TestRefusals(t *testing.T) {
	store, c := connect(t)
	ctx := t.Context()
	mustWrite(t, c, "k", "value")
	k, missing := []byte("k"), []byte("missing")
	size := store.FileSize()
	for _, test := range []struct {
		name string
		call func() error
		want error
		code rpc.Code
	}{
		{"write an empty value", only(c.Write(ctx, k, nil)), driveclient.ErrEmptyValue, rpc.InvalidArgument},
		{"write a null value", only(c.Write(ctx, k, []byte{0})), driveclient.ErrNullValue, rpc.InvalidArgument},
		{"stream an empty value", only(c.WriteFrom(ctx, k, strings.NewReader(""))), driveclient.ErrEmptyValue, rpc.InvalidArgument},
		{"stream a null value", only(c.WriteFrom(ctx, k, strings.NewReader("\x00"))), driveclient.ErrNullValue, rpc.InvalidArgument},
		{"batch with a null value", only(c.WriteBatch(ctx, []driveclient.Item{{Key: k, Value: []byte{0}}})), driveclient.ErrNullValue, rpc.InvalidArgument},
		{"get a missing key", only(c.Get(ctx, missing)), driveclient.ErrNotFound, rpc.NotFound},
		{"stream a missing key", only(c.Reader(ctx, missing)), driveclient.ErrNotFound, rpc.NotFound},
		{"metadata of a missing key", only(c.Metadata(ctx, missing)), driveclient.ErrNotFound, rpc.NotFound},
		{"rename a missing key", only(c.Rename(ctx, missing, k)), driveclient.ErrNotFound, rpc.NotFound},
		{"rename to itself", only(c.Rename(ctx, k, k)), driveclient.ErrSameKey, rpc.InvalidArgument},
		{"copy a missing key", only(c.Copy(ctx, missing, k)), driveclient.ErrNotFound, rpc.NotFound},
		{"copy to itself", only(c.Copy(ctx, k, k)), driveclient.ErrSameKey, rpc.InvalidArgument},
		{"range beyond the end", only(c.RangeReader(ctx, k, 6, 0)), driveclient.ErrOutOfRange, rpc.OutOfRange},
		{"negative range", only(c.RangeReader(ctx, k, -1, 0)), driveclient.ErrOutOfRange, rpc.OutOfRange},
		{"compact in no known order", only(c.Compact(ctx, driveclient.CompactOptions{Order: 9})), rpc.InvalidArgument, rpc.InvalidArgument},
	} {
		if err := test.call(); !errors.Is(err, test.want) || !errors.Is(err, test.code) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if store.FileSize() != size {
		t.Errorf("the file grew from %d to %d bytes", size, store.FileSize())
	}
}

// only keeps the error of a call that was made.
func only[T any](_ T, err error) func() error { return func() error { return err } }

func TestReadOnlyServer(t *testing.T) {
	store, c := connect(t)
	mustWrite(t, c, "k", "value")
	_, url := serve(t, reopen(t, store.Path(), drive.Options{ReadOnly: true}), server.Options{})
	c = dial(t, url)
	ctx := t.Context()
	k, l := []byte("k"), []byte("l")
	for name, err := range map[string]error{
		"Write":       only(c.Write(ctx, k, []byte("x")))(),
		"WriteFrom":   only(c.WriteFrom(ctx, k, strings.NewReader("x")))(),
		"WriteBatch":  only(c.WriteBatch(ctx, []driveclient.Item{{Key: k, Value: []byte("x")}}))(),
		"Delete":      only(c.Delete(ctx, k))(),
		"DeleteBatch": only(c.DeleteBatch(ctx, [][]byte{k}))(),
		"Rename":      only(c.Rename(ctx, k, l))(),
		"Copy":        only(c.Copy(ctx, k, l))(),
		"Compact":     only(c.Compact(ctx, driveclient.CompactOptions{}))(),
	} {
		if !errors.Is(err, driveclient.ErrReadOnly) || !errors.Is(err, rpc.PermissionDenied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantValue(t, c, "k", "value")
}

// damage flips a bit of the value of key in the file.
func damage(t *testing.T, store *drive.Store, key string) {
	t.Helper()
	m := must[drive.Metadata](t)(store.Metadata([]byte(key)))
	f := must[*os.File](t)(os.OpenFile(store.Path(), os.O_RDWR, 0))
	defer f.Close()
	b := make([]byte, 1)
	must[int](t)(f.ReadAt(b, m.Offset+m.Size/2))
	b[0] ^= 4
	must[int](t)(f.WriteAt(b, m.Offset+m.Size/2))
}

func TestDamagedValue(t *testing.T) {
	store, c := connect(t)
	ctx := t.Context()
	mustWrite(t, c, "k", strings.Repeat("value", 200_000))
	mustWrite(t, c, "small", "abc")
	mustWrite(t, c, "sound", "value")
	damage(t, store, "k")
	damage(t, store, "small")
	var listing error
	for _, err := range c.Entries(ctx, driveclient.EntriesOptions{ValueLimit: 100}) {
		listing = err
	}
	for name, err := range map[string]error{
		"Get":      only(c.Get(ctx, []byte("k")))(),
		"GetBatch": only(c.GetBatch(ctx, [][]byte{[]byte("sound"), []byte("small")}))(),
		"ReadTo":   only(c.ReadTo(ctx, []byte("k"), discard{}))(),
		"Copy":     only(c.Copy(ctx, []byte("k"), []byte("l")))(),
		"Rename":   only(c.Rename(ctx, []byte("k"), []byte("l")))(),
		"Entries":  listing,
	} {
		if !errors.Is(err, driveclient.ErrCorrupt) || !errors.Is(err, rpc.DataLoss) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantValue(t, c, "sound", "value")
}

func TestValuesOverTheMessageLimit(t *testing.T) {
	store := open(t)
	_, url := serve(t, store, server.Options{MaxMessageBytes: 512 << 10})
	c := dial(t, url)
	ctx := t.Context()
	large := strings.Repeat("0123456789", 100_000)
	mustWrite(t, c, "a", large)
	mustWrite(t, c, "b", large[:300_000])
	mustWrite(t, c, "c", large[:300_000])
	wantValue(t, c, "a", large)
	if _, err := c.GetBatch(ctx, [][]byte{[]byte("b"), []byte("c")}); !errors.Is(err, driveclient.ErrTooLarge) {
		t.Errorf("GetBatch: %v", err)
	}
	size := store.FileSize()
	_, err := c.WriteBatch(ctx, []driveclient.Item{{Key: []byte("a"), Value: []byte(large)}})
	if !errors.Is(err, driveclient.ErrLimit) || store.FileSize() != size {
		t.Errorf("WriteBatch: %v", err)
	}
	// At the limit, and one byte beyond it: 512 KiB less 16 bytes for fields.
	raw := must[*wsclient.Client](t)(wsclient.Dial(ctx, url+server.Path, wsclient.Options{}))
	defer raw.Close()
	for n, want := range map[int]string{512<<10 - 16: "", 512<<10 - 15: driveservice.ReasonTooLarge} {
		must[int64](t)(store.Write([]byte("limit"), bytes.Repeat([]byte("x"), n)))
		_, err := caller.Call(ctx, raw.Conn(), driveservice.Read, driveservice.KeyRequest{Key: driveservice.Key([]byte("limit"))})
		if e := rpc.ErrorFrom(err); (want == "") != (err == nil) || (err != nil && e.Reason != want) {
			t.Errorf("value of %d bytes: %v", n, err)
		}
	}
}

// Bytes that are no request are refused, and the connection goes on.
func TestMalformedRequests(t *testing.T) {
	store := open(t)
	_, url := serve(t, store, server.Options{})
	raw := must[*wsclient.Client](t)(wsclient.Dial(t.Context(), url+server.Path, wsclient.Options{}))
	defer raw.Close()
	conn := raw.Conn()
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}
	for _, m := range []rpc.MethodID{
		driveservice.Read.ID(), driveservice.Write.ID(), driveservice.Rename.ID(), driveservice.BatchRead.ID(),
		driveservice.BatchWrite.ID(), driveservice.BatchDelete.ID(), driveservice.Compact.ID(), driveservice.Len.ID(),
	} {
		for _, body := range [][]byte{huge, append(huge, 1, 2, 3), bytes.Repeat([]byte{0xff}, 100)} {
			if _, err := conn.Invoke(t.Context(), m, rpc.Message{Bytes: body}); !errors.Is(err, rpc.InvalidArgument) {
				t.Errorf("method %#x, %x: %v", uint64(m), body, err)
			}
		}
	}
	if _, err := conn.Invoke(t.Context(), rpc.MethodIDOf("drive.nothing"), rpc.Message{}); !errors.Is(err, rpc.Unimplemented) {
		t.Errorf("unknown method: %v", err)
	}
	// A stream called as if it were unary, and the other way round.
	if _, err := conn.Invoke(t.Context(), driveservice.StreamWrite.ID(), rpc.Message{}); err == nil {
		t.Error("a stream was answered as a unary call")
	}
	rename := driveservice.KeyPairRequest{From: driveservice.Hash(1), To: driveservice.Hash(2)}
	_, err := caller.Call(t.Context(), conn, driveservice.Rename, rename)
	if e := rpc.ErrorFrom(err); err == nil || e.Reason != driveservice.ReasonNotFound {
		t.Errorf("rename of an unknown hash: %v", err)
	}
	if _, err := caller.Call(t.Context(), conn, driveservice.Len, struct{}{}); err != nil || !store.IsEmpty() {
		t.Errorf("afterwards: %v", err)
	}
}
