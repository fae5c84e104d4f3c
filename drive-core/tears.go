package drive

// tornUnseen tells whether a power loss tore an entry in a way that its checksum does
// not show. It is to be asked only where nothing was acknowledged: a true entry may
// look like that, once in tens of thousands.
//
// A checksum covers the payload alone. A disk writes sectors one by one, so that of
// metadata that lies across two sectors the second part may be there, previous
// offset and checksum with it, and the beginning of the key hash still be zeros: an
// entry under a hash that nobody wrote. (Where writes were acknowledged before they
// were synced, such an entry, a deletion as a rule, stays; nobody asks for its key.)
func tornUnseen(data []byte, e located) bool {
	first := powerUnit - e.end%powerUnit // bytes of the metadata in the first sector
	if first >= metadataSize {
		return false
	}
	for _, b := range data[e.end : e.end+min(first, 8)] {
		if b != 0 {
			return false
		}
	}
	return true
}
