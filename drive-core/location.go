package drive

// location is where an entry lies, in one word, so that the index can change it
// with one atomic store. Zero stands for nowhere.
//
// Most values fit the short form, which tells start and size without a look into
// the file: 42 bits of start/64, 21 bits of size. Larger values and tombstones
// have the long form: the top bit, and the offset of their metadata, where the
// file says the rest.
type location uint64

const (
	longForm     location = 1 << 63
	sizeBits              = 21
	maxShortSize          = 1<<sizeBits - 1
)

// locationOf returns the location of a value entry with the given payload.
func locationOf(start, size int64) location {
	if size <= maxShortSize {
		return location(start/alignment)<<sizeBits | location(size)
	}
	return longForm | location(start+size)
}

// locationIn returns the location of any entry, found in a file.
func locationIn(e located) location {
	if e.tombstone {
		return longForm | location(e.end)
	}
	return locationOf(e.start, e.size())
}

// short returns where the payload of a location in short form begins and ends.
func (l location) short() (start, end int64) {
	start = int64(l>>sizeBits) * alignment
	return start, start + int64(l&maxShortSize)
}

// end returns the offset of the metadata.
func (l location) end() int64 {
	if l&longForm != 0 {
		return int64(l &^ longForm)
	}
	_, end := l.short()
	return end
}

// tail returns where the entry ends.
func (l location) tail() int64 { return l.end() + metadataSize }

// place returns a number that grows from value to value of a file: where the payload
// begins, or its metadata, in units of alignment. No two values have the same.
func (l location) place() uint64 {
	if l&longForm != 0 {
		return uint64(l&^longForm) / alignment
	}
	return uint64(l >> sizeBits)
}
