package drive

import (
	"io"
	"runtime"
)

// Entry is an entry of a drive, found by a read: a small value to copy and pass
// on, without a copy of the bytes. It stays valid when its key is overwritten or
// deleted, when the drive is compacted and when the Store is closed: the file it
// is in stays mapped as long as an Entry of it is reachable.
//
// The zero Entry stands for "no entry"; its methods return zero values.
//
// The file is mapped, not copied. If somebody cuts it, or the disk fails, looking
// at the bytes that Bytes returned raises a fault that ends the program. The
// methods that return an error report it instead, and so do Store.Get and
// Store.View; those that return none return zero.
//
// The methods are safe for concurrent use.
type Entry struct {
	m   *mapping
	loc location
}

// IsZero tells whether e is the zero Entry.
func (e Entry) IsZero() bool { return e.m == nil }

// span returns where the payload begins and ends.
func (e Entry) span() (start, end int64) {
	if e.loc&longForm == 0 {
		return e.loc.short()
	}
	l := e.located()
	return l.start, l.end
}

// located returns all about the entry, from its metadata. If the file no longer
// says what it said when the entry was found, the payload is empty.
func (e Entry) located() located {
	end := e.loc.end()
	if e.m == nil {
		return located{}
	}
	l, ok := parseEntry(e.m.data, end+metadataSize)
	runtime.KeepAlive(e.m)
	if !ok {
		return located{start: end, end: end}
	}
	return l
}

// look calls fn, which reads the mapping; bytes that are gone say nothing.
func (e Entry) look(fn func()) {
	if e.m != nil {
		_ = e.m.guard(func() error { fn(); return nil })
	}
}

// Bytes returns the payload without copying it. The slice is read-only memory:
// writing to it ends the program. It is valid while e, or another Entry of the
// same file, or the open Store is reachable; a program that closes its Store
// calls runtime.KeepAlive(e) after the last use of the slice. The checksum is
// not verified; see Verify. The payload of a tombstone is one zero byte.
func (e Entry) Bytes() []byte {
	if e.m == nil {
		return nil
	}
	start, end := e.span()
	return e.m.data[start:end:end]
}

// Size returns the length of the payload in bytes.
func (e Entry) Size() int64 {
	start, end := e.spanOrNothing()
	return end - start
}

// Offset returns where in the file the payload begins, a multiple of 64 except
// for tombstones.
func (e Entry) Offset() int64 {
	start, _ := e.spanOrNothing()
	return start
}

// spanOrNothing is span for callers that may stand outside of a guard.
func (e Entry) spanOrNothing() (start, end int64) {
	if e.loc&longForm == 0 {
		return e.loc.short()
	}
	e.look(func() { start, end = e.span() })
	return start, end
}

// Tail returns the offset just after the entry: what the call that wrote it
// returned, if it was the last one of that call.
func (e Entry) Tail() int64 {
	if e.m == nil {
		return 0
	}
	return e.loc.tail()
}

// metadata reads the metadata from the file.
func (e Entry) metadata() metadata {
	if e.m == nil {
		return metadata{}
	}
	m, _ := parseMetadata(e.m.data[e.loc.end():])
	runtime.KeepAlive(e.m)
	return m
}

// KeyHash returns the hash of the key, which is all that is stored of it.
func (e Entry) KeyHash() (hash uint64) {
	e.look(func() { hash = e.metadata().keyHash })
	return hash
}

// PrevOffset returns the tail of the entry before this one in the file, whatever
// its key; 0 for the first.
func (e Entry) PrevOffset() (offset int64) {
	e.look(func() { offset = e.metadata().prevOffset })
	return offset
}

// Checksum returns the CRC-32/IEEE that is stored with the entry.
func (e Entry) Checksum() (sum uint32) {
	e.look(func() { sum = e.metadata().checksum })
	return sum
}

// IsTombstone tells whether the entry records a deletion. Only Store.History and
// Store.LastEntry return tombstones.
func (e Entry) IsTombstone() (is bool) {
	if e.loc&longForm != 0 {
		e.look(func() { is = e.located().tombstone })
	}
	return is
}

// Verify computes the checksum of the payload and compares it with the stored
// one. A difference, or bytes that cannot be read, is a *CorruptError.
func (e Entry) Verify() error {
	if e.m == nil {
		return nil
	}
	return e.m.guard(e.verify)
}

// verify is Verify for callers inside a guard.
func (e Entry) verify() error {
	if !matches(e.Bytes(), e.Checksum()) {
		return e.damaged()
	}
	return nil
}

// damaged returns the error for a checksum that does not match.
func (e Entry) damaged() error {
	return &CorruptError{Path: e.m.path, Offset: e.Offset(), Reason: "checksum does not match"}
}

// AppendTo appends a copy of the payload to dst and verifies the copy. On error,
// a *CorruptError, it returns dst as it was.
func (e Entry) AppendTo(dst []byte) ([]byte, error) {
	if e.m == nil {
		return dst, nil
	}
	out := dst
	err := e.m.guard(func() (err error) {
		out, err = e.appendVerified(dst)
		return err
	})
	if err != nil {
		return dst, err
	}
	return out, nil
}

// appendVerified is AppendTo for callers inside a guard.
func (e Entry) appendVerified(dst []byte) ([]byte, error) {
	out, ok := appendMatching(dst, e.Bytes(), e.Checksum())
	if !ok {
		return dst, e.damaged()
	}
	return out, nil
}

// WriteTo writes the payload to w, in pieces of up to 1 MiB and without copying
// it, and returns how many bytes it wrote. It does not verify the checksum. Bytes
// that cannot be read are a *CorruptError.
func (e Entry) WriteTo(w io.Writer) (int64, error) { return e.NewReader().WriteTo(w) }

// NewReader returns a reader of the payload, which keeps the entry alive.
func (e Entry) NewReader() *EntryReader { return &EntryReader{e: e} }
