package driveservice

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// FuzzOriginalParse parses any bytes as every message of the original dialect:
// in memory as README.md says, and with a result that stays the same when it is
// encoded and parsed again.
func FuzzOriginalParse(f *testing.F) {
	for _, v := range vectors(f) {
		if len(v.bytes) < 1000 {
			f.Add(v.bytes)
		}
	}
	for _, b := range hostile {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for name, m := range originalMessages {
			v, err := m.parse(b)
			if err == nil {
				sameAgain(t, name, m, v)
				continue
			}
			if !errors.Is(err, rpc.ErrMalformed) && !errors.Is(err, ErrBatchTooLarge) {
				t.Errorf("%s: %x gives %v", name, b, err)
			}
		}
		const slack = 1 << 20
		elements := min(MaxBatch, 8*len(b))
		limit := uint64(len(originalMessages)*(8*len(b)+48*elements)) + slack
		if got := allocated(func() {
			for _, m := range originalMessages {
				_, _ = m.parse(b)
			}
		}); got > limit {
			t.Errorf("%d bytes cost %d, more than %d", len(b), got, limit)
		}
	})
}

// sameAgain encodes v in both forms and parses it again.
func sameAgain(t *testing.T, name string, m originalMessage, v any) {
	t.Helper()
	for _, raw := range []bool{false, true} {
		b, err := m.encode(v, raw)
		if err != nil {
			t.Fatalf("%s: %+v: %v", name, v, err)
		}
		if again, err := m.parse(b); err != nil || !reflect.DeepEqual(again, v) {
			t.Fatalf("%s: %+v became %x and %+v: %v", name, v, b, again, err)
		}
		if pieces, err := m.pieces(v, raw); err != nil || !bytes.Equal(pieces, b) {
			t.Fatalf("%s: %+v is %x, as a message %x: %v", name, v, b, pieces, err)
		}
	}
}

// FuzzOriginalEncode makes messages of the bytes, cut into keys and values, and
// parses what they are.
func FuzzOriginalEncode(f *testing.F) {
	f.Add([]byte("keyvalue"), uint8(3), true, uint64(1)<<40)
	f.Add(bytes.Repeat([]byte{7}, 3000), uint8(255), true, uint64(255))
	f.Add([]byte(nil), uint8(0), false, uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, length uint8, even bool, number uint64) {
		var keys OriginalKeysRequest
		var entries OriginalBatchWriteRequest
		var results OriginalBatchReadResponse
		for rest, n := b, int(length); len(rest) > 0 && len(keys.Keys) < 1000; n += n/2 + 1 {
			part := bytes.Clone(rest[:min(n, len(rest))])
			if len(part) == 0 {
				part = nil // as it is parsed
			}
			rest = rest[len(part):]
			keys.Keys = append(keys.Keys, part)
			entries.Entries = append(entries.Entries, OriginalWriteRequest{part, keys.Keys[0]})
			found := OriginalReadResponse{Found: true, Value: part}
			if (len(part)%2 == 0) != even {
				found = OriginalReadResponse{}
			}
			results.Results = append(results.Results, found)
		}
		sameAgain(t, "keys", originalMessages["batch_read.req"], keys)
		sameAgain(t, "entries", originalMessages["batch_write.req"], entries)
		sameAgain(t, "results", originalMessages["batch_read.resp"], results)
		sameAgain(t, "number", originalMessages["file_size.resp"], FileSizeResponse{number})
		for _, e := range entries.Entries {
			sameAgain(t, "entry", originalMessages["write.req"], e)
		}
	})
}
