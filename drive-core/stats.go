package drive

import "errors"

// Stats describes what a drive holds. FileSize is LiveBytes + DeadBytes +
// PaddingBytes + 20 bytes of metadata for each live entry.
type Stats struct {
	Entries      int64 // entries in the file: live, superseded, tombstones
	LiveEntries  int64 // entries that a read finds
	LiveBytes    int64 // payload of the live entries
	Tombstones   int64 // deletions
	DeadBytes    int64 // payload and metadata of superseded entries and of tombstones
	PaddingBytes int64 // padding, of live and other entries
	FileSize     int64 // bytes
	IndexBytes   int64 // memory that the index takes
}

// counts is what is counted of a file while it is opened and written.
type counts struct {
	entries    int64
	tombstones int64
	padding    int64
	liveBytes  int64
	liveSpan   int64 // payload and metadata of the live entries, each rounded up to alignment
	unknown    bool  // a size could not be read from the file
	live       int64 // live entries; filled in by snapshotCounts, like fileSize
	fileSize   int64
}

// add counts an entry.
func (c *counts) add(pad int64, tombstone bool) {
	c.entries++
	if tombstone {
		c.tombstones++
		return
	}
	c.padding += pad
}

// addLive counts an entry that is live, dropLive one that no longer is.
func (c *counts) addLive(size int64) {
	c.liveBytes += size
	c.liveSpan += span(size)
}

func (c *counts) dropLive(size int64) {
	c.liveBytes -= size
	c.liveSpan -= span(size)
}

// merge adds the counts of d.
func (c *counts) merge(d *counts) {
	c.entries += d.entries
	c.tombstones += d.tombstones
	c.padding += d.padding
	c.liveBytes += d.liveBytes
	c.liveSpan += d.liveSpan
	c.unknown = c.unknown || d.unknown
}

// span returns how far a value moves the start of the next one.
func span(size int64) int64 {
	end := size + metadataSize
	return end + padding(end)
}

// sizeAt returns the size of the value at loc, for counting it out.
func (g *generation) sizeAt(loc location) (int64, bool) {
	if loc&longForm == 0 {
		start, end := loc.short()
		return end - start, true
	}
	var b [metadataSize]byte
	if _, err := g.file.ReadAt(b[:], loc.end()); err != nil {
		return 0, false
	}
	m, _ := parseMetadata(b[:])
	if m.prevOffset < 0 || m.prevOffset >= loc.end() {
		return 0, false
	}
	return loc.end() - m.prevOffset - padding(m.prevOffset), true
}

// snapshotCounts returns the counts together with the file they are of.
func (s *Store) snapshotCounts() (counts, *generation, error) {
	for {
		g := s.gen.Load()
		if g == nil {
			return counts{}, nil, ErrClosed
		}
		c, tail, err := s.countsOf(g)
		if errors.Is(err, ErrClosed) {
			continue // or replaced
		}
		if c.unknown {
			return counts{}, nil, &CorruptError{Path: s.path, Reason: "the size of a replaced entry could not be read"}
		}
		c.fileSize = tail
		return c, g, nil
	}
}

// countsOf returns the counts of g, with the tail that they are of. ErrClosed when g is no
// longer the store's.
func (s *Store) countsOf(g *generation) (c counts, tail int64, err error) {
	owed := g.index.owed()
	s.countsMu.Lock()
	defer s.countsMu.Unlock()
	if s.gen.Load() != g {
		return counts{}, 0, ErrClosed
	}
	c = s.counts
	c.merge(&owed)
	c.live = g.index.live.Load() + owed.live
	return c, g.tail.Load(), nil
}

// Stats tells what the drive holds. It is cheap: the figures are kept up to date
// by writing. Error: ErrClosed, or a *CorruptError when an entry that was replaced
// could not be measured.
func (s *Store) Stats() (Stats, error) {
	c, g, err := s.snapshotCounts()
	if err != nil {
		return Stats{}, err
	}
	return Stats{
		Entries:      c.entries,
		LiveEntries:  c.live,
		LiveBytes:    c.liveBytes,
		Tombstones:   c.tombstones,
		DeadBytes:    c.fileSize - c.padding - c.liveBytes - metadataSize*c.live,
		PaddingBytes: c.padding,
		FileSize:     c.fileSize,
		IndexBytes:   g.index.bytes(),
	}, nil
}

// savingsTries is how often CompactionSavings starts again because of a write.
const savingsTries = 4

// CompactionSavings returns by how many bytes Compact would make the file smaller:
// exactly, padding included, so that it is 0 right after Compact. (While others
// write all the time it may be off by less than 64 bytes.) Errors: as for Stats.
//
// Upstream: the original counts all padding as savings, which no compaction
// reaches.
func (s *Store) CompactionSavings() (int64, error) {
	var c counts
	var last int64
	for range savingsTries {
		var g *generation
		var err error
		if c, g, err = s.snapshotCounts(); err != nil {
			return 0, err
		}
		if c.live == 0 {
			return c.fileSize, nil
		}
		if last, err = g.newestLive(c.fileSize); err != nil {
			return 0, err
		}
		if last > 0 {
			break
		}
	}
	// All entries but the last one are followed by the padding of the next.
	return c.fileSize - (c.liveSpan - span(last) + last + metadataSize), nil
}

// newestLive returns the size of the last live entry before tail; 0 if writes have
// replaced them all meanwhile.
func (g *generation) newestLive(tail int64) (size int64, err error) {
	m, err := g.cover(tail)
	if err != nil {
		return 0, err
	}
	err = m.guard(func() error {
		for tail > 0 {
			e, ok := parseEntry(m.data, tail)
			if !ok {
				return brokenChain(m.path, tail)
			}
			if !e.tombstone && g.index.get(e.keyHash) == locationIn(e) {
				size = e.size()
				return nil
			}
			tail = e.prevOffset
		}
		return nil
	})
	return size, err
}

// brokenChain returns the error for an entry that ended at tail and no longer does.
func brokenChain(path string, tail int64) error {
	return &CorruptError{Path: path, Offset: max(0, tail-metadataSize), Reason: "no entry ends here"}
}
