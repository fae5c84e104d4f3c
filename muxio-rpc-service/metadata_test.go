package rpc

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestMetadataFitsAHeader holds that what check allows can be sent, and comes back as
// it was, and that a pair more is refused: the bytes of keys and values are bounded,
// and so is what the pairs take in a header that counts them in 16 bits.
func TestMetadataFitsAHeader(t *testing.T) {
	for name, tt := range map[string]struct {
		key, value string
		most       int // pairs
	}{
		"large values": {"key", strings.Repeat("v", 1021), 16},
		"empty values": {"k", "", maxPairsBytes / 4},
		"long keys":    {strings.Repeat("k", MaxMetadataKey), "", MaxMetadataBytes / MaxMetadataKey},
	} {
		t.Run(name, func(t *testing.T) {
			var m Metadata
			for range tt.most {
				m.Add(tt.key, []byte(tt.value))
			}
			if err := m.check(); err != nil {
				t.Fatal(err)
			}
			bytes := appendCallHeader(nil, 7, 9, fields{metadata: m, size: 1 << 40, timeout: maxTimeout})
			h, rest, ok := parseHeader(append(bytes, "payload"...))
			if !ok || string(rest) != "payload" {
				t.Fatalf("the payload became %d bytes, %v", len(rest), ok)
			}
			f, err := parseFields(h.metadata)
			if err != nil || f.metadata.Len() != tt.most {
				t.Errorf("%d pairs of %d arrived, %v", f.metadata.Len(), tt.most, err)
			}
			m.Add(tt.key, []byte(tt.value))
			if err := m.check(); !errors.Is(err, ResourceExhausted) {
				t.Errorf("a pair more: %v", err)
			}
			if _, err := parseFields(appendFields(nil, fields{metadata: m})); !errors.Is(err, ResourceExhausted) {
				t.Errorf("a pair more that came: %v", err)
			}
		})
	}
}

// A timeout of 0 on the wire has passed; none is something else.
func TestTimeoutOfZero(t *testing.T) {
	if f, err := parseFields([]byte{tagTimeout, 1, 0}); err != nil || f.timeout != time.Microsecond {
		t.Errorf("%v, %v", f.timeout, err)
	}
	if f, err := parseFields(nil); err != nil || f.timeout != 0 {
		t.Errorf("%v without the field, %v", f.timeout, err)
	}
}
