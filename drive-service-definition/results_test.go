package driveservice_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/simd-drive/go/drive-service-definition"
)

// What a server appends piece by piece is what the codecs of the responses make.
func TestAppendedResults(t *testing.T) {
	var results []driveservice.ReadResult
	for i, size := range []int{-1, 0, 1, 127, 128, 100_000} {
		if size < 0 {
			results = append(results, driveservice.ReadResult{})
			continue
		}
		results = append(results, driveservice.ReadResult{Found: true, Checksum: ^uint32(i), Value: bytes.Repeat([]byte{byte(i)}, size)})
	}
	batch := driveservice.AppendResultCount(nil, len(results))
	for _, r := range results {
		appended := driveservice.AppendMissingResult(nil)
		if r.Found {
			header := driveservice.AppendResultHeader(nil, r.Checksum, len(r.Value))
			if len(header) > driveservice.MaxResultHeaderBytes {
				t.Errorf("header of %d bytes, want at most %d", len(header), driveservice.MaxResultHeaderBytes)
			}
			appended = append(header, r.Value...)
		}
		batch = append(batch, appended...)
		want, err := driveservice.Read.Response().Append(nil, driveservice.ReadResponse{Result: r})
		if err != nil || !bytes.Equal(appended, want) {
			t.Errorf("value of %d bytes: %s, want %s, %v", len(r.Value), head(appended), head(want), err)
		}
	}
	want, err := driveservice.BatchRead.Response().Append(nil, driveservice.BatchReadResponse{Results: results})
	if err != nil || !bytes.Equal(batch, want) {
		t.Errorf("batch: %s, want %s, %v", head(batch), head(want), err)
	}
}

func head(b []byte) string { return fmt.Sprintf("%x of %d bytes", b[:min(len(b), 32)], len(b)) }
