package rpc

import (
	"context"
	"encoding/binary"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/simd-drive/go/muxio"
)

// Limits of the metadata of a call.
const (
	// MaxMetadataBytes bounds the keys and values of one direction together.
	MaxMetadataBytes = 16 << 10
	// MaxMetadataKey bounds a key.
	MaxMetadataKey = 128
	// maxPairsBytes bounds all pairs as they stand in a header, tags and sizes
	// included: the header counts its fields in 16 bits, and has others.
	maxPairsBytes = 65_000
)

// Metadata is what travels with a call beside its messages: pairs of a key and a
// value, in order. A key may occur several times. Keys are made of lower-case
// letters, digits, '-', '_' and '.'; values are any bytes. The zero Metadata is
// empty. A Metadata must not be changed once it is attached to a context.
type Metadata struct{ pairs []pair }

type pair struct {
	key   string
	value []byte
}

// bytes returns what counts against MaxMetadataBytes.
func (p pair) bytes() int { return len(p.key) + len(p.value) }

// fieldBytes returns the size of the content of the field that carries p.
func (p pair) fieldBytes() int { return uvarintLen(len(p.key)) + p.bytes() }

// encodedBytes returns the size of the field, which counts against maxPairsBytes.
func (p pair) encodedBytes() int { return 1 + uvarintLen(p.fieldBytes()) + p.fieldBytes() }

// Add appends a pair. It keeps value.
func (m *Metadata) Add(key string, value []byte) { m.pairs = append(m.pairs, pair{key, value}) }

// Get returns the first value of key.
func (m Metadata) Get(key string) (value []byte, ok bool) {
	for _, p := range m.pairs {
		if p.key == key {
			return p.value, true
		}
	}
	return nil, false
}

// All returns the pairs in their order.
func (m Metadata) All() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, p := range m.pairs {
			if !yield(p.key, p.value) {
				return
			}
		}
	}
}

// Len returns the number of pairs.
func (m Metadata) Len() int { return len(m.pairs) }

// check returns why m cannot be sent.
func (m Metadata) check() error {
	n, encoded := 0, 0
	for _, p := range m.pairs {
		if !validKey(p.key) {
			return Errorf(InvalidArgument, "metadata key %q", p.key)
		}
		n += p.bytes()
		encoded += p.encodedBytes()
	}
	if n > MaxMetadataBytes {
		return Errorf(ResourceExhausted, "%d bytes of metadata, limit MaxMetadataBytes is %d", n, MaxMetadataBytes)
	}
	if encoded > maxPairsBytes {
		return Errorf(ResourceExhausted, "%d pairs of metadata take %d bytes of a header, which has room for %d", m.Len(), encoded, maxPairsBytes)
	}
	return nil
}

func validKey(key string) bool {
	if key == "" || len(key) > MaxMetadataKey {
		return false
	}
	for _, c := range []byte(key) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// callOptions is what a context says of the calls that are made with it.
type callOptions struct {
	metadata Metadata
	priority muxio.Priority
	response *Metadata
}

type optionsKey struct{}

// with returns a context whose options are those of ctx changed by change.
func with(ctx context.Context, change func(*callOptions)) context.Context {
	o := optionsOf(ctx)
	change(&o)
	return context.WithValue(ctx, optionsKey{}, &o)
}

func optionsOf(ctx context.Context) callOptions {
	if o, ok := ctx.Value(optionsKey{}).(*callOptions); ok {
		return *o
	}
	return callOptions{}
}

// WithMetadata returns a context whose calls carry m to the peer.
func WithMetadata(ctx context.Context, m Metadata) context.Context {
	return with(ctx, func(o *callOptions) { o.metadata = m })
}

// WithPriority returns a context whose calls, and the responses to them, go
// before or after others that wait to be sent.
func WithPriority(ctx context.Context, p muxio.Priority) context.Context {
	return with(ctx, func(o *callOptions) { o.priority = p })
}

// WithResponseMetadata returns a context whose calls store into m the metadata of
// the response: when a unary call has returned, when the first message of a
// streaming call was received. It is for one call at a time.
func WithResponseMetadata(ctx context.Context, m *Metadata) context.Context {
	return with(ctx, func(o *callOptions) { o.response = m })
}

// MetadataFrom returns what the caller sent with the call that a handler's context
// belongs to.
func MetadataFrom(ctx context.Context) Metadata {
	if c, ok := ctx.Value(callKey{}).(*callContext); ok {
		return c.metadata()
	}
	return Metadata{}
}

// SetResponseMetadata sets what is sent with the response to the call that a
// handler's context belongs to. It must be called before the first message of the
// response is sent.
func SetResponseMetadata(ctx context.Context, m Metadata) error {
	c, ok := ctx.Value(callKey{}).(*callContext)
	if !ok {
		return Errorf(FailedPrecondition, "the context is not that of a handler")
	}
	if err := m.check(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asidesLocked().response = m
	return nil
}

// Tags of the fields of a header. A tag that is not known is skipped unless bit 7
// is set.
const (
	tagTimeout  = 1
	tagMetadata = 2
	tagPriority = 3
	tagSize     = 4

	tagCritical = 1 << 7
)

// fields is what a header says beside the method.
type fields struct {
	timeout  time.Duration // 0 for none
	priority muxio.Priority
	metadata Metadata
	size     int64 // of the payload of a unary message; 0 when not told
}

// wirePriority is how a priority stands on the wire.
var wirePriority = map[muxio.Priority]byte{muxio.Low: 0, muxio.Normal: 1, muxio.High: 2}

// appendFields appends fields to a header.
func appendFields(dst []byte, f fields) []byte {
	if f.timeout > 0 {
		dst = appendNumber(dst, tagTimeout, uint64(max(f.timeout.Microseconds(), 1)))
	}
	if f.size > 0 {
		dst = appendNumber(dst, tagSize, uint64(f.size))
	}
	if f.priority != muxio.Normal {
		dst = append(dst, tagPriority, 1, wirePriority[f.priority])
	}
	for _, p := range f.metadata.pairs {
		dst = append(dst, tagMetadata)
		dst = binary.AppendUvarint(dst, uint64(p.fieldBytes()))
		dst = binary.AppendUvarint(dst, uint64(len(p.key)))
		dst = append(append(dst, p.key...), p.value...)
	}
	return dst
}

// announcedFrom is the size from which that of a message is told: smaller ones seldom
// come in parts.
const announcedFrom = 4 << 10

// announced returns the size that is told of a message of n bytes, 0 for none.
func announced(n int) int64 {
	if n < announcedFrom {
		return 0
	}
	return int64(n)
}

// appendNumber appends a field that is a number.
func appendNumber(dst []byte, tag byte, v uint64) []byte {
	var b [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(b[:], v)
	return append(append(dst, tag, byte(n)), b[:n]...)
}

// number reads a field that is a number.
func number(c *Cursor, value []byte) uint64 {
	v := NewCursor(value)
	n := v.Uvarint()
	if v.End() != nil {
		c.Fail(errRange)
	}
	return n
}

// uvarintLen returns how many bytes the uvarint of n takes.
func uvarintLen(n int) int {
	size := 1
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}

// parseFields reads the fields of a header. What it returns does not alias b.
func parseFields(b []byte) (f fields, err error) {
	if len(b) == 0 {
		return f, nil
	}
	total, encoded := 0, 0
	var seen byte // bits of the tags of fields that come once
	c := NewCursor(b)
	for c.Len() > 0 && c.Err() == nil {
		tag := c.Take(1)
		value := c.Bytes()
		if c.Err() != nil {
			break
		}
		if tag[0] == tagTimeout || tag[0] == tagPriority || tag[0] == tagSize {
			bit := byte(1) << tag[0]
			if seen&bit != 0 {
				c.Fail(errTwice)
				break
			}
			seen |= bit
		}
		switch {
		case tag[0] == tagTimeout:
			micros := max(number(&c, value), 1) // 0 is no time, and not none
			f.timeout = time.Duration(min(micros, uint64(maxTimeout.Microseconds()))) * time.Microsecond
		case tag[0] == tagSize:
			f.size = int64(min(number(&c, value), math.MaxInt64))
		case tag[0] == tagMetadata:
			v := NewCursor(value)
			key := string(v.Bytes())
			if v.Err() != nil || !validKey(key) {
				c.Fail(errRange)
				break
			}
			p := pair{key, slices.Clone(v.Take(v.Len()))}
			if total += p.bytes(); total > MaxMetadataBytes {
				return f, Errorf(ResourceExhausted, "more than %d bytes of metadata, limit MaxMetadataBytes", MaxMetadataBytes)
			}
			if encoded += p.encodedBytes(); encoded > maxPairsBytes {
				return f, Errorf(ResourceExhausted, "pairs of metadata take more than %d bytes of the header", maxPairsBytes)
			}
			f.metadata.Add(p.key, p.value)
		case tag[0] == tagPriority:
			if len(value) != 1 || value[0] > wirePriority[muxio.High] {
				c.Fail(errRange)
				break
			}
			f.priority = [...]muxio.Priority{muxio.Low, muxio.Normal, muxio.High}[value[0]]
		case tag[0]&tagCritical != 0:
			return f, Errorf(Unimplemented, "field %d of the header is not understood here", tag[0])
		}
	}
	if err := c.End(); err != nil {
		return f, Errorf(InvalidArgument, "malformed header: %v", err)
	}
	return f, nil
}

// maxTimeout is the longest timeout that is heeded; longer ones are as good as
// none.
const maxTimeout = 100 * 365 * 24 * time.Hour
