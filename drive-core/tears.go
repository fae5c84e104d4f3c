package drive

// looksTorn tells whether metadata at the given offset, with the given key hash, looks
// as if a power loss had torn it in a way that the checksum does not show.
//
// A checksum covers the payload alone. A disk writes sectors one by one, so that of
// metadata that lies across two sectors the second part may be there, previous
// offset and checksum with it, and the beginning of the key hash still be zeros: an
// entry under a hash that nobody wrote.
//
// A true entry looks like that once in tens of thousands. With SyncAlways the mark is
// brought onto stable storage before such an entry is acknowledged, so that whatever
// looks torn above the mark was not. In the other modes entries are acknowledged
// above the mark, and nothing is suspected: what is torn there, a deletion as a
// rule, is of a key that nobody asks for.
func looksTorn(metadataAt int64, hash uint64) bool {
	first := powerUnit - metadataAt%powerUnit // bytes of the metadata in the first sector
	if first >= metadataSize {
		return false
	}
	// The hash is little-endian: its first bytes are the low ones.
	return first >= 8 && hash == 0 || first < 8 && hash<<(64-8*first) == 0
}
