package driveservice

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	kelindar "github.com/kelindar/binary"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// message is a codec with its type forgotten, so that one test covers all.
type message struct {
	name string
	// random checks the codec against kelindar/binary with a random value.
	random func(t *testing.T, r *rand.Rand)
	// reencode parses b and encodes the result again.
	reencode func(b []byte) ([]byte, error)
	// reference parses b with the reflective codec.
	reference func(b []byte) error
}

func about[T any](c rpc.Codec[T]) message {
	reflective := rpc.Binary[T]()
	return message{
		name: reflect.TypeFor[T]().Name(),
		random: func(t *testing.T, r *rand.Rand) {
			var v T
			fill(reflect.ValueOf(&v).Elem(), r)
			sameAsKelindar(t, c, v)
		},
		reencode: func(b []byte) ([]byte, error) {
			v, err := c.Parse(b)
			if err != nil {
				return nil, err
			}
			return c.Append(nil, v)
		},
		reference: func(b []byte) error {
			_, err := reflective.Parse(b)
			return err
		},
	}
}

// messages has every message of every method.
var messages = []message{
	about(Read.Request()), about(Read.Response()),
	about(Write.Request()), about(Write.Response()),
	about(Exists.Response()), about(Metadata.Response()),
	about(Rename.Request()),
	about(BatchRead.Request()), about(BatchRead.Response()), about(BatchWrite.Request()),
	about(Len.Response()), about(IsEmpty.Response()), about(FileSize.Response()),
	about(Stats.Request()), about(Stats.Response()),
	about(Compact.Request()), about(Compact.Response()),
	about(StreamRead.Request()),
	about(StreamEntries.Request()), about(StreamEntries.Item()),
	about(Backup.Request()), about(Backup.Item()),
}

// fill sets v and what lies in it to random values: numbers of all widths,
// bytes on both sides of [rpc.MinPieceBytes], lists of none to three.
func fill(v reflect.Value, r *rand.Rand) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 1)
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		v.SetUint(r.Uint64() >> r.IntN(64))
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			n := []int{0, 1, 17, rpc.MinPieceBytes - 1, rpc.MinPieceBytes, 5000}[r.IntN(6)]
			if n > 0 { // empty slices come back as nil
				v.SetBytes(bytes.Repeat([]byte{byte(r.IntN(256))}, n))
			}
			return
		}
		for range r.IntN(4) {
			element := reflect.New(v.Type().Elem()).Elem()
			fill(element, r)
			v.Set(reflect.Append(v, element))
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(field, r)
		}
	default:
		panic("a field of kind " + v.Kind().String())
	}
}

func sameAsKelindar[T any](t *testing.T, c rpc.Codec[T], v T) {
	t.Helper()
	want, err := kelindar.Marshal(&v)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Append([]byte("pre"), v)
	if err != nil || string(got) != "pre"+string(want) {
		t.Fatalf("%+v is %x, in kelindar/binary %x: %v", v, got, want, err)
	}
	m, err := rpc.AppendMessage(c, []byte("pre"), v)
	if err != nil || !bytes.Equal(append(bytes.Clone(m.Bytes), bytes.Join(m.More, nil)...), got) {
		t.Fatalf("%+v differs as a message: %v", v, err)
	}
	parsed, err := c.Parse(want)
	if err != nil {
		t.Fatalf("%x: %v", want, err)
	}
	if !reflect.DeepEqual(v, parsed) {
		t.Fatal(cmp.Diff(v, parsed))
	}
}

func TestCodecsEqualKelindar(t *testing.T) {
	for _, m := range messages {
		t.Run(m.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for range 100 {
				m.random(t, r)
			}
		})
	}
}

// samples returns values with every field set, encoded.
func samples(tb testing.TB) [][]byte {
	tb.Helper()
	key, hash := Key([]byte("key")), Hash(math.MaxUint64)
	result := ReadResult{Found: true, Checksum: math.MaxUint32, Value: []byte("value")}
	record := EntryRecord{
		Offset: 64, Size: 5, KeyHash: 1 << 63, PrevOffset: 21, Checksum: 7, Live: true, Value: []byte("value"),
	}
	var out [][]byte
	for _, v := range []any{
		KeyRequest{hash},
		KeysRequest{[]KeyRef{key, hash, {}}},
		KeyPairRequest{key, hash},
		ReadResponse{Result: result},
		BatchReadResponse{Results: []ReadResult{{}, result}},
		WriteRequest{key, []byte("value")},
		BatchWriteRequest{[]WriteRequest{{key, []byte("value")}, {Key: hash}}},
		TailResponse{300},
		ExistsResponse{true},
		MetadataResponse{64, 5, 1 << 63, 21, 7},
		StreamReadRequest{key, 300, 70000},
		EntriesRequest{OrderFile, true, 300},
		EntryPage{Records: []EntryRecord{record, {Tombstone: true}}},
		StatsResponse{1, 2, 3, 4, 5, 6, 7, 8, 900},
		CompactRequest{OrderFile, 1 << 20},
		CompactResponse{900, 800, 3},
		BackupRequest{Position{300, 1 << 63}, 1 << 20},
		BackupItem{Bytes: []byte("bytes")},
		BackupItem{Last: true, End: Position{300, 1 << 63}},
	} {
		b, err := kelindar.Marshal(v)
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

// hostile holds inputs with lengths and counts that lie.
var hostile = [][]byte{
	[]byte("\x80\x80\x80\x80\x80\x20\x00"),
	[]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00"),
	[]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
	[]byte("\x80\x00\x00\x00\x00"),
	[]byte("\x00\x00\x02\x00\x00"),
	[]byte("\x01\x01\x00\x00\x00\x00\x00\x00"),
	bytes.Repeat([]byte{0xff}, 64),
	make([]byte, 64),
}

// agree holds one message's codec against the guarded reflective one.
func agree(t *testing.T, m message, b []byte) {
	t.Helper()
	again, err := m.reencode(b)
	reference := m.reference(b)
	if errors.Is(err, ErrBatchTooLarge) {
		return
	}
	if (err == nil) != (reference == nil) {
		t.Errorf("%s: %x gives %v, the reflective codec %v", m.name, b, err, reference)
	}
	if err == nil && !bytes.Equal(again, b) {
		t.Errorf("%s: %x came back as %x", m.name, b, again)
	}
	if err != nil && !errors.Is(err, rpc.ErrMalformed) {
		t.Errorf("%s: %x gives %v", m.name, b, err)
	}
}

func TestParseRefusesWhatIsNotWhole(t *testing.T) {
	inputs := append(samples(t), hostile...)
	for _, m := range messages {
		for _, b := range inputs {
			for n := range len(b) + 1 {
				agree(t, m, b[:n])
			}
			agree(t, m, append(bytes.Clone(b), 0))
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, b := range append(samples(f), hostile...) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, m := range messages {
			agree(t, m, b)
		}
	})
}

func TestParseAliasesItsInput(t *testing.T) {
	value := bytes.Repeat([]byte{'v'}, 100)
	b, err := Write.Request().Append(nil, WriteRequest{Key([]byte("key")), value})
	if err != nil {
		t.Fatal(err)
	}
	var got WriteRequest
	allocs := testing.AllocsPerRun(100, func() { got, err = Write.Request().Parse(b) })
	if err != nil || !bytes.Equal(got.Value, value) {
		t.Fatalf("got %+v: %v", got, err)
	}
	if &got.Value[0] != &b[len(b)-100] || cap(got.Key.Key) != 3 {
		t.Error("the views are not clipped parts of the input")
	}
	if allocs != 0 {
		t.Errorf("Parse allocates %v times", allocs)
	}
	dst := make([]byte, 0, 256)
	allocs = testing.AllocsPerRun(100, func() { _, err = Write.Request().Append(dst, got) })
	if allocs != 0 || err != nil {
		t.Errorf("Append allocates %v times: %v", allocs, err)
	}
}

func TestValuesTravelByReference(t *testing.T) {
	value := make([]byte, rpc.MinPieceBytes)
	result := ReadResult{Found: true, Value: value}
	one, err := rpc.AppendMessage(Read.Response(), nil, ReadResponse{Result: result})
	if err != nil || len(one.More) != 1 || &one.More[0][0] != &value[0] {
		t.Errorf("a response has %d further pieces: %v", len(one.More), err)
	}
	batch, err := rpc.AppendMessage(BatchRead.Response(), nil, BatchReadResponse{Results: []ReadResult{result, {}, result}})
	if err != nil || len(batch.More) != 3 || &batch.More[2][0] != &value[0] {
		t.Errorf("a batch has %d further pieces: %v", len(batch.More), err)
	}
	page, err := rpc.AppendMessage(StreamEntries.Item(), nil, EntryPage{Records: []EntryRecord{{Value: value}}})
	if err != nil || len(page.More) != 1 || &page.More[0][0] != &value[0] {
		t.Errorf("a page has %d further pieces: %v", len(page.More), err)
	}
	part, err := rpc.AppendMessage(Backup.Item(), nil, BackupItem{Bytes: value})
	if err != nil || len(part.More) != 2 || &part.More[0][0] != &value[0] {
		t.Errorf("a part of a backup has %d further pieces: %v", len(part.More), err)
	}
	write, err := rpc.AppendMessage(Write.Request(), nil, WriteRequest{Value: value})
	if err != nil || len(write.More) != 1 || &write.More[0][0] != &value[0] {
		t.Errorf("a request has %d further pieces: %v", len(write.More), err)
	}
}

func TestLimitsOfBatches(t *testing.T) {
	atLimit(t, BatchRead.Request(), MaxBatch, func(n int) KeysRequest { return KeysRequest{make([]KeyRef, n)} })
	atLimit(t, BatchWrite.Request(), MaxBatch, func(n int) BatchWriteRequest { return BatchWriteRequest{make([]WriteRequest, n)} })
	atLimit(t, BatchRead.Response(), MaxBatch, func(n int) BatchReadResponse { return BatchReadResponse{Results: make([]ReadResult, n)} })
	atLimit(t, StreamEntries.Item(), MaxPageRecords, func(n int) EntryPage { return EntryPage{Records: make([]EntryRecord, n)} })
}

// atLimit checks a codec with limit elements and with one more.
func atLimit[T any](t *testing.T, c rpc.Codec[T], limit int, elements func(n int) T) {
	t.Helper()
	b, err := c.Append(nil, elements(limit))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Parse(b); err != nil {
		t.Error(err)
	}
	if _, err := c.Append(nil, elements(limit+1)); !errors.Is(err, ErrBatchTooLarge) {
		t.Errorf("one element too many encodes with %v", err)
	}
	if _, err := rpc.AppendMessage(c, nil, elements(limit+1)); !errors.Is(err, ErrBatchTooLarge) {
		t.Errorf("one element too many becomes a message with %v", err)
	}
	// An element of zeros is encoded as zeros: these are limit+1, and some more.
	over := rpc.BuildBytes(nil)
	over.Uvarint(uint64(limit) + 1)
	over.Raw(make([]byte, len(b)+64))
	if _, err := c.Parse(over.Appended()); !errors.Is(err, ErrBatchTooLarge) {
		t.Errorf("one element too many parses with %v", err)
	}
}

// TestMethodNames holds the names: with them go the ids on the wire.
func TestMethodNames(t *testing.T) {
	type method interface {
		Name() string
		ID() rpc.MethodID
	}
	methods := []method{
		Read, Write, Delete, Exists, Metadata, Rename, Copy, BatchRead, BatchWrite, BatchDelete,
		Len, IsEmpty, FileSize, Stats, Compact, Sync, StreamRead, StreamWrite, StreamEntries, Backup,
	}
	want := strings.Fields("read write delete exists metadata rename copy batch_read batch_write batch_delete " +
		"len is_empty file_size stats compact sync stream_read stream_write stream_entries backup")
	ids := make(map[rpc.MethodID]string)
	for i, m := range methods {
		if m.Name() != "drive."+want[i] {
			t.Errorf("method %d is %q, want %q", i, m.Name(), "drive."+want[i])
		}
		if other, taken := ids[m.ID()]; taken {
			t.Errorf("%s and %s share an id", m.Name(), other)
		}
		ids[m.ID()] = m.Name()
	}
}

func TestReasons(t *testing.T) {
	for _, reason := range Reasons() {
		e := NewError(reason, "text")
		if e.Code == rpc.Unknown || e.Code == 0 || e.Reason != reason || e.Message != "text" {
			t.Errorf("%s gives %+v", reason, e)
		}
		if !strings.HasPrefix(reason, "drive.") || len(reason) > rpc.MaxErrorReason {
			t.Errorf("bad reason %q", reason)
		}
	}
	if e := NewError("drive.no_such_reason", ""); e.Code != rpc.Unknown {
		t.Errorf("an unknown reason gives %+v", e)
	}
	if len(Reasons()) != 16 {
		t.Errorf("%d reasons", len(Reasons()))
	}
}
