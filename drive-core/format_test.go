package drive

import (
	"bytes"
	"hash/crc32"
	"testing"
)

func TestChecksumMatchesStandardLibrary(t *testing.T) {
	p := make([]byte, 3*64)
	for i := range p {
		p[i] = byte(i*7 + 3)
	}
	for from := range 9 {
		for to := from; to <= len(p); to++ {
			if got, want := Checksum(p[from:to]), crc32.ChecksumIEEE(p[from:to]); got != want {
				t.Fatalf("Checksum(p[%d:%d]) = %08x, want %08x", from, to, got, want)
			}
		}
	}
	if Checksum([]byte{tombstoneByte}) != tombstoneChecksum {
		t.Error("tombstoneChecksum is not the checksum of a tombstone")
	}
}

func TestPadding(t *testing.T) {
	for tail, want := range map[int64]int64{0: 0, 1: 63, 63: 1, 64: 0, 65: 63, maxOffset - 1: 1} {
		if got := padding(tail); got != want {
			t.Errorf("padding(%d) = %d, want %d", tail, got, want)
		}
	}
}

func TestValueTailAtLimit(t *testing.T) {
	const room = maxOffset - metadataSize // for a value at offset 0
	if end, ok := valueTail(0, room); !ok || end != maxOffset {
		t.Errorf("at the limit: %d, %v", end, ok)
	}
	for _, tc := range [][2]int64{{0, room + 1}, {1, room - 63}, {maxOffset, 1}, {maxOffset - 64, 45}, {0, -1}} {
		if end, ok := valueTail(tc[0], tc[1]); ok {
			t.Errorf("valueTail(%d, %d) = %d", tc[0], tc[1], end)
		}
	}
}

func TestLocations(t *testing.T) {
	for _, start := range []int64{0, 64, 1 << 20, maxOffset - 64} {
		for _, size := range []int64{1, 8, maxShortSize, maxShortSize + 1, 1 << 33} {
			loc := locationOf(start, size)
			if loc == 0 || loc.end() != start+size || loc.tail() != start+size+metadataSize {
				t.Errorf("locationOf(%d, %d) = %x", start, size, loc)
			}
			if short := loc&longForm == 0; short != (size <= maxShortSize) {
				t.Errorf("locationOf(%d, %d): short %v", start, size, short)
			} else if short {
				if s, e := loc.short(); s != start || e != start+size {
					t.Errorf("short form of %d, %d: %d, %d", start, size, s, e)
				}
			}
		}
	}
}

func FuzzParseMetadata(f *testing.F) {
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xFF}, metadataSize))
	f.Add(appendMetadata(nil, metadata{1, 2, 3}))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, ok := parseMetadata(b)
		if ok != (len(b) >= metadataSize) {
			t.Fatalf("%d bytes: %v", len(b), ok)
		}
		if ok && !bytes.Equal(appendMetadata(nil, m), b[:metadataSize]) {
			t.Errorf("%x parsed as %+v", b, m)
		}
	})
}

func FuzzParseEntry(f *testing.F) {
	v := appendValue(nil, 0, 1, []byte("payload"), 2)
	f.Add(v, int64(len(v)))
	f.Add(appendTombstone(v, int64(len(v)), 1), int64(len(v)+tombstoneSize))
	f.Add(make([]byte, 40), int64(40))
	f.Add(bytes.Repeat([]byte{0xFF}, 40), int64(40))
	f.Add([]byte{}, int64(-1))
	f.Fuzz(func(t *testing.T, data []byte, tail int64) {
		e, ok := parseEntry(data, tail)
		if !ok {
			return
		}
		if e.prevOffset < 0 || e.start < e.prevOffset || e.end <= e.start || e.tail() != tail || tail > int64(len(data)) {
			t.Fatalf("%+v at %d of %d bytes", e, tail, len(data))
		}
		payload := data[e.start:e.end]
		again := appendValue(nil, e.prevOffset, e.keyHash, payload, e.checksum)
		if e.tombstone {
			if e.size() != 1 || payload[0] != 0 {
				t.Fatalf("tombstone of %x", payload)
			}
			again = append(bytes.Clone(payload), data[e.end:tail]...)
		} else if e.start%alignment != 0 {
			t.Fatalf("value at %d", e.start)
		}
		if got := again[len(again)-metadataSize:]; !bytes.Equal(got, data[e.end:tail]) {
			t.Errorf("%+v: metadata %x, in the file %x", e, got, data[e.end:tail])
		}
	})
}
