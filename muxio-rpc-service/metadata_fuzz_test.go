package rpc

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/simd-drive/go/muxio"
)

func FuzzParseFields(f *testing.F) {
	var m Metadata
	m.Add("trace-id", []byte{0, 0xff})
	m.Add("a", nil)
	f.Add(appendFields(nil, fields{timeout: time.Second, priority: muxio.High, metadata: m}))
	f.Add([]byte{tagTimeout, 10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{tagPriority, 1, 3})
	f.Add([]byte{tagCritical, 0})
	f.Add([]byte{0x7f, 3, 'a', 'b', 'c'})
	f.Add([]byte{tagMetadata, 2, 1, 'A'})
	f.Fuzz(func(t *testing.T, b []byte) {
		given := bytes.Clone(b)
		got, err := parseFields(b)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Code != InvalidArgument && e.Code != Unimplemented && e.Code != ResourceExhausted {
				t.Errorf("error %v", err)
			}
			return
		}
		if err := got.metadata.check(); err != nil {
			t.Errorf("%x has metadata that could not be sent: %v", b, err)
		}
		if got.timeout < 0 || got.timeout > maxTimeout || got.priority > muxio.Low {
			t.Errorf("%x gives %+v", b, got)
		}
		clear(b) // what was parsed must not need it
		again, err := parseFields(appendFields(nil, got))
		if err != nil || !again.equal(got) {
			t.Errorf("%x: %+v came back as %+v, %v", given, got, again, err)
		}
	})
}
