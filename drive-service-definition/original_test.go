package driveservice

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simd-drive/go/drive-service-definition/bitcode"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// originalMessage is a codec of the original dialect with its type forgotten.
type originalMessage struct {
	parse func(b []byte) (any, error)
	// encode encodes a value in the canonical form, or in the raw one.
	encode func(v any, raw bool) ([]byte, error)
	// pieces does it with large parts by reference, and joins the pieces.
	pieces func(v any, raw bool) ([]byte, error)
}

func inColumns[T any](c rpc.Codec[T]) originalMessage {
	form := func(raw bool) rpc.Codec[T] {
		if raw {
			return rawForm(c)
		}
		return c
	}
	return originalMessage{
		parse: func(b []byte) (any, error) { return c.Parse(b) },
		encode: func(v any, raw bool) ([]byte, error) {
			return form(raw).Append(nil, v.(T))
		},
		pieces: func(v any, raw bool) ([]byte, error) {
			m, err := rpc.AppendMessage(form(raw), nil, v.(T))
			return append(bytes.Clone(m.Bytes), bytes.Join(m.More, nil)...), err
		},
	}
}

// originalMessages has every message of the dialect by the name that the vectors
// give it, but for the empty requests.
var originalMessages = map[string]originalMessage{
	"read.req":         inColumns(OriginalRead.Request()),
	"read.resp":        inColumns(OriginalRead.Response()),
	"write.req":        inColumns(OriginalWrite.Request()),
	"write.resp":       inColumns(OriginalWrite.Response()),
	"delete.req":       inColumns(OriginalDelete.Request()),
	"delete.resp":      inColumns(OriginalDelete.Response()),
	"exists.req":       inColumns(OriginalExists.Request()),
	"exists.resp":      inColumns(OriginalExists.Response()),
	"batch_read.req":   inColumns(OriginalBatchRead.Request()),
	"batch_read.resp":  inColumns(OriginalBatchRead.Response()),
	"batch_write.req":  inColumns(OriginalBatchWrite.Request()),
	"batch_write.resp": inColumns(OriginalBatchWrite.Response()),
	"len.resp":         inColumns(OriginalLen.Response()),
	"is_empty.resp":    inColumns(OriginalIsEmpty.Response()),
	"file_size.resp":   inColumns(OriginalFileSize.Response()),
	"error_payload":    inColumns(OriginalFailureCodec),
}

// emptyRequests has the codecs of those requests whose bytes are ignored.
var emptyRequests = map[string]rpc.Codec[struct{}]{
	"len.req":       OriginalLen.Request(),
	"is_empty.req":  OriginalIsEmpty.Request(),
	"file_size.req": OriginalFileSize.Request(),
}

// vector is one message that the Rust crate encoded.
type vector struct {
	name  string
	bytes []byte
	value any
}

// vectors returns those of testdata/original.jsonl: the type of a message, its
// fields under their Rust names, and what the Rust crate bitcode 0.6.9 made of
// it.
func vectors(tb testing.TB) []vector {
	tb.Helper()
	f, err := os.Open("testdata/original.jsonl")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var out []vector
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Type    string          `json:"type"`
			Encoded string          `json:"encoded_hex"`
			Value   json.RawMessage `json:"value"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			tb.Fatal(err)
		}
		b, err := hex.DecodeString(line.Encoded)
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, vector{line.Type, b, vectorValue(tb, line.Type, line.Value)})
	}
	if lines.Err() != nil || len(out) < 300 {
		tb.Fatalf("%d vectors: %v", len(out), lines.Err())
	}
	return out
}

// vectorValue makes a message of the fields of a vector.
func vectorValue(tb testing.TB, name string, fields []byte) any {
	tb.Helper()
	var v struct {
		Key      string      `json:"key"`
		Payload  string      `json:"payload"`
		Found    *string     `json:"entry_payload"`
		Entries  [][2]string `json:"entries"`
		Keys     []string    `json:"keys"`
		Payloads []*string   `json:"entries_payloads"`
		Tail     uint64      `json:"tail_offset"`
		Total    uint64      `json:"total_entries"`
		Size     uint64      `json:"file_size"`
		Exists   bool        `json:"exists"`
		IsEmpty  bool        `json:"is_empty"`
		Code     string      `json:"code"`
		Message  string      `json:"message"`
	}
	if err := json.Unmarshal(fields, &v); err != nil {
		tb.Fatal(err)
	}
	raw := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			tb.Fatal(err)
		}
		if len(b) == 0 {
			return nil // as it is parsed
		}
		return b
	}
	result := func(s *string) OriginalReadResponse {
		if s == nil {
			return OriginalReadResponse{}
		}
		return OriginalReadResponse{Found: true, Value: raw(*s)}
	}
	switch name {
	case "read.req", "delete.req", "exists.req":
		return OriginalKeyRequest{raw(v.Key)}
	case "write.req":
		return OriginalWriteRequest{raw(v.Key), raw(v.Payload)}
	case "read.resp":
		return result(v.Found)
	case "batch_read.req":
		var out OriginalKeysRequest
		for _, key := range v.Keys {
			out.Keys = append(out.Keys, raw(key))
		}
		return out
	case "batch_read.resp":
		var out OriginalBatchReadResponse
		for _, s := range v.Payloads {
			out.Results = append(out.Results, result(s))
		}
		return out
	case "batch_write.req":
		var out OriginalBatchWriteRequest
		for _, e := range v.Entries {
			out.Entries = append(out.Entries, OriginalWriteRequest{raw(e[0]), raw(e[1])})
		}
		return out
	case "write.resp", "batch_write.resp", "delete.resp":
		return TailResponse{v.Tail}
	case "len.resp":
		return LenResponse{v.Total}
	case "file_size.resp":
		return FileSizeResponse{v.Size}
	case "exists.resp":
		return ExistsResponse{v.Exists}
	case "is_empty.resp":
		return IsEmptyResponse{v.IsEmpty}
	case "error_payload":
		kinds := map[string]OriginalFailureKind{
			"Fail": OriginalFailed, "System": OriginalSystemError, "NotFound": OriginalMethodNotFound,
		}
		kind, ok := kinds[v.Code]
		if !ok {
			tb.Fatalf("unknown code %q", v.Code)
		}
		return OriginalFailure{kind, v.Message}
	}
	if _, ok := emptyRequests[name]; !ok {
		tb.Fatalf("vector of unknown type %q", name)
	}
	return struct{}{}
}

func TestOriginalVectors(t *testing.T) {
	seen := make(map[string]int)
	for i, v := range vectors(t) {
		seen[v.name]++
		if c, ok := emptyRequests[v.name]; ok {
			if b, err := c.Append(nil, struct{}{}); err != nil || len(b) != 0 || len(v.bytes) != 0 {
				t.Errorf("%s is %x: %v", v.name, b, err)
			}
			continue
		}
		t.Run(fmt.Sprintf("%s/%d", v.name, i), func(t *testing.T) { checkVector(t, originalMessages[v.name], v) })
	}
	if want := len(originalMessages) + len(emptyRequests); len(seen) != want {
		t.Errorf("vectors of %d types, want %d: %v", len(seen), want, seen)
	}
}

func checkVector(t *testing.T, m originalMessage, v vector) {
	t.Helper()
	got, err := m.parse(v.bytes)
	if err != nil || !reflect.DeepEqual(got, v.value) {
		t.Errorf("parse: %v\n%s", err, cmp.Diff(v.value, got))
	}
	for _, raw := range []bool{false, true} {
		b, err := m.encode(v.value, raw)
		if err != nil {
			t.Fatal(err)
		}
		if !raw && !bytes.Equal(b, v.bytes) {
			t.Errorf("encoded as %x, want %x", b, v.bytes)
		}
		if again, err := m.parse(b); err != nil || !reflect.DeepEqual(again, v.value) {
			t.Errorf("raw %v: parsed again: %v\n%s", raw, err, cmp.Diff(v.value, again))
		}
		if pieces, err := m.pieces(v.value, raw); err != nil || !bytes.Equal(pieces, b) {
			t.Errorf("raw %v: differs as a message: %v", raw, err)
		}
	}
	for n := range v.bytes {
		if got, err := m.parse(v.bytes[:n]); !errors.Is(err, rpc.ErrMalformed) {
			t.Fatalf("the first %d of %d bytes give %+v: %v", n, len(v.bytes), got, err)
		}
	}
	if got, err := m.parse(append(bytes.Clone(v.bytes), 0)); !errors.Is(err, rpc.ErrMalformed) {
		t.Errorf("a byte too many gives %+v: %v", got, err)
	}
}

// TestOriginalMethods holds the ids on the wire.
func TestOriginalMethods(t *testing.T) {
	type method interface {
		Name() string
		ID() rpc.MethodID
	}
	for name, want := range map[string]struct {
		method method
		id     rpc.MethodID
	}{
		"write":       {OriginalWrite, 0x3ec2ad5c308c53da},
		"batch_write": {OriginalBatchWrite, 0xb0207c59d9b60457},
		"read":        {OriginalRead, 0x2c2622a151f2cdf2},
		"batch_read":  {OriginalBatchRead, 0x01030b148b7284c2},
		"delete":      {OriginalDelete, 0x42dbbac7f7e9defd},
		"exists":      {OriginalExists, 0xcb471c821989c086},
		"len":         {OriginalLen, 0xa41dbb760e96e3e3},
		"is_empty":    {OriginalIsEmpty, 0x34e05a9b282d0770},
		"file_size":   {OriginalFileSize, 0x720ea1f40d3468c2},
	} {
		if want.method.Name() != name || want.method.ID() != want.id {
			t.Errorf("%s is %q with the id %x, want %x", name, want.method.Name(), want.method.ID(), want.id)
		}
	}
}

func TestOriginalEmptyRequestsIgnoreWhatIsThere(t *testing.T) {
	for name, c := range emptyRequests {
		if _, err := c.Parse([]byte("anything")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOriginalRefusals(t *testing.T) {
	emptyKeys := func(n int) []byte { // of batch_read, eight to a byte
		w := rpc.BuildBytes(nil)
		bitcode.PutCount(&w, bitcode.Canonical, n)
		w.Raw([]byte{0x0a})
		w.Raw(make([]byte, (n+7)/8))
		return w.Appended()
	}
	for _, tc := range []struct {
		name, message string
		bytes         []byte
		want          error
	}{
		{"3.2 million empty keys", "batch_read.req", emptyKeys(3_200_000), ErrBatchTooLarge},
		{"a key over the limit", "batch_read.req", emptyKeys(MaxBatch + 1), ErrBatchTooLarge},
		{"as many keys as may be", "batch_read.req", emptyKeys(MaxBatch), nil},
		{"a million keys in no byte", "batch_read.req", emptyKeys(MaxBatch)[:7], rpc.ErrMalformed},
		{"a million results in no byte", "batch_read.resp", emptyKeys(MaxBatch)[:6], rpc.ErrMalformed},
		{"a million entries in no byte", "batch_write.req", emptyKeys(MaxBatch)[:7], rpc.ErrMalformed},
		{"entries over the limit", "batch_write.req", emptyKeys(MaxBatch + 1), ErrBatchTooLarge},
		{"results over the limit", "batch_read.resp", emptyKeys(MaxBatch + 1), ErrBatchTooLarge},
		{"keys without values", "batch_write.req", []byte{1, 0}, rpc.ErrMalformed},
		{"no bytes", "write.req", nil, rpc.ErrMalformed},
		{"text that is not UTF-8", "error_payload", []byte{1, 1, 0xff}, errNotText},
		{"the kind after the last is the first", "error_payload", []byte{3, 0}, nil},
		{"flag with other bits", "exists.resp", []byte{0xfe}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if v, err := originalMessages[tc.message].parse(tc.bytes); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v: %+v", err, tc.want, v)
			}
		})
	}
}

func TestOriginalLimitsOfBatches(t *testing.T) {
	over := MaxBatch + 1
	for name, v := range map[string]any{
		"batch_read.req":  OriginalKeysRequest{make([][]byte, over)},
		"batch_write.req": OriginalBatchWriteRequest{make([]OriginalWriteRequest, over)},
		"batch_read.resp": OriginalBatchReadResponse{make([]OriginalReadResponse, over)},
	} {
		if _, err := originalMessages[name].encode(v, false); !errors.Is(err, ErrBatchTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := originalMessages[name].pieces(v, true); !errors.Is(err, ErrBatchTooLarge) {
			t.Errorf("%s as a message: %v", name, err)
		}
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestOriginalMemory holds what README.md says a message can cost.
func TestOriginalMemory(t *testing.T) {
	count := func(n int) []byte {
		w := rpc.BuildBytes(nil)
		bitcode.PutCount(&w, bitcode.Canonical, n)
		return w.Appended()
	}
	packed := func(n int) []byte { return append([]byte{0x0a}, make([]byte, (n+7)/8)...) }
	const n, size = MaxBatch, 1 << 24
	for _, tc := range []struct {
		name, message string
		bytes         []byte
		element       uint64 // bytes of memory for each element of the list
	}{
		{"keys", "batch_read.req", append(count(n), packed(n)...), 24},
		{"entries", "batch_write.req", bytes.Join([][]byte{count(n), packed(n), packed(n)}, nil), 48},
		{"results", "batch_read.resp", append(append(count(n), bytes.Repeat([]byte{0xff}, n/8)...), packed(n)...), 32},
		{"value", "write.req", bytes.Join([][]byte{{0}, longLen(size), packed(size)}, nil), 0},
		{"refused", "batch_read.req", append(count(3_200_000), packed(3_200_000)...), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const slack = 64 << 10 // size classes, and the runtime itself
			limit := 8*uint64(len(tc.bytes)) + tc.element*n + slack
			if tc.name == "refused" {
				limit = slack
			}
			if got := allocated(func() { _, _ = originalMessages[tc.message].parse(tc.bytes) }); got > limit {
				t.Errorf("%d bytes cost %d, more than %d", len(tc.bytes), got, limit)
			}
		})
	}
}

// longLen returns a lens column with one length of 255 or more.
func longLen(n int) []byte {
	w := rpc.BuildBytes([]byte{math.MaxUint8})
	bitcode.PutUint(&w, bitcode.Canonical, uint64(n))
	return w.Appended()
}

func TestOriginalAllocations(t *testing.T) {
	var (
		request  = OriginalKeyRequest{[]byte("user:1234")}
		digits   = OriginalKeyRequest{[]byte("0123456789")}
		write    = OriginalWriteRequest{[]byte("user:1234"), bytes.Repeat([]byte("text "), 100)}
		response = OriginalReadResponse{Found: true, Value: bytes.Repeat([]byte("text "), 100)}
	)
	allocationsOf(t, "read request", OriginalRead.Request(), request, 0)
	allocationsOf(t, "read request of a packed key", OriginalRead.Request(), digits, 1)
	allocationsOf(t, "raw read request", OriginalRaw(OriginalRead).Request(), digits, 0)
	allocationsOf(t, "write request", OriginalWrite.Request(), write, 0)
	allocationsOf(t, "read response", OriginalRead.Response(), response, 0)
	allocationsOf(t, "write response", OriginalWrite.Response(), TailResponse{1 << 40}, 0)
	allocationsOf(t, "exists response", OriginalExists.Response(), ExistsResponse{true}, 0)
}

// allocationsOf checks that v encodes without an allocation and parses with so
// many.
func allocationsOf[T any](t *testing.T, name string, c rpc.Codec[T], v T, parses float64) {
	t.Helper()
	dst := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { _, _ = c.Append(dst, v) }); n != 0 {
		t.Errorf("%s: Append allocates %v times", name, n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = rpc.AppendMessage(c, dst, v) }); n != 0 {
		t.Errorf("%s: AppendMessage allocates %v times", name, n)
	}
	b, err := c.Append(dst, v)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = c.Parse(b) }); n != parses {
		t.Errorf("%s: Parse allocates %v times, want %v", name, n, parses)
	}
}

func TestOriginalValuesTravelByReference(t *testing.T) {
	value := bytes.Repeat([]byte("text "), rpc.MinPieceBytes)
	zeros := make([]byte, rpc.MinPieceBytes)
	lent := func(m rpc.Message, err error) [][]byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return m.More
	}
	expect := func(name string, more [][]byte, at int, want []byte) {
		t.Helper()
		if len(more) <= at || &more[at][0] != &want[0] {
			t.Errorf("%s has %d further pieces, and the value is not among them", name, len(more))
		}
	}
	write := OriginalWriteRequest{[]byte("key"), value}
	read := OriginalReadResponse{Found: true, Value: value}
	expect("write", lent(rpc.AppendMessage(OriginalWrite.Request(), nil, write)), 0, value)
	expect("read", lent(rpc.AppendMessage(OriginalRead.Response(), nil, read)), 0, value)
	expect("batch write", lent(rpc.AppendMessage(OriginalBatchWrite.Request(), nil,
		OriginalBatchWriteRequest{[]OriginalWriteRequest{write, write}})), 2, value)
	expect("batch read", lent(rpc.AppendMessage(OriginalBatchRead.Response(), nil,
		OriginalBatchReadResponse{[]OriginalReadResponse{read, {}, read}})), 2, value)
	packed := OriginalReadResponse{Found: true, Value: zeros}
	if more := lent(rpc.AppendMessage(OriginalRead.Response(), nil, packed)); len(more) != 0 {
		t.Errorf("a packed value has %d further pieces", len(more))
	}
	expect("raw read", lent(rpc.AppendMessage(OriginalRaw(OriginalRead).Response(), nil, packed)), 0, zeros)
}

func TestOriginalParseAliasesItsInput(t *testing.T) {
	b := []byte("\x03\x00key\x05\x00value")
	v, err := OriginalWrite.Request().Parse(b)
	if err != nil || string(v.Key) != "key" || string(v.Value) != "value" {
		t.Fatalf("got %q: %v", v, err)
	}
	if &v.Key[0] != &b[2] || &v.Value[0] != &b[7] || cap(v.Key) != 3 || cap(v.Value) != 5 {
		t.Error("the views are not clipped parts of the input")
	}
}

func TestOriginalRawLeavesOtherMethods(t *testing.T) {
	b, err := OriginalRaw(Read).Request().Append(nil, KeyRequest{Key([]byte("key"))})
	if err != nil || !strings.HasPrefix(string(b), "\x03key") {
		t.Errorf("got %q: %v", b, err)
	}
}
