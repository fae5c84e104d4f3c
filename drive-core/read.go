package drive

// readGroup is how many keys ReadBatch looks up together.
const readGroup = 64

// Read finds the value of key. It takes no lock, waits for nobody and allocates
// nothing; the bytes of the Entry are those of the mapped file, unverified unless
// Options.VerifyReads is set. It
// reports false if there is no such key or the store is closed.
func (s *Store) Read(key []byte) (Entry, bool) { return s.ReadHash(KeyHash(key)) }

// ReadHash is Read for the KeyHash of a key.
func (s *Store) ReadHash(hash uint64) (Entry, bool) {
	g := s.gen.Load()
	if g == nil {
		return Entry{}, false
	}
	loc := g.index.get(hash)
	if loc == 0 {
		return Entry{}, false
	}
	e, err := g.entry(loc)
	if err == nil && s.opts.VerifyReads {
		err = s.verifyRead(e)
	}
	return e, err == nil
}

// verifyRead verifies what a read without an error result found.
func (s *Store) verifyRead(e Entry) error {
	err := e.Verify()
	if err != nil {
		s.log.Error("drive: a read found damage", "path", s.path, "err", err)
	}
	return err
}

// Find is Read with the reason why there is nothing. Errors: ErrNotFound, ErrClosed,
// and with Options.VerifyReads a *CorruptError.
func (s *Store) Find(key []byte) (Entry, error) { return s.FindHash(KeyHash(key)) }

// FindHash is Find for the KeyHash of a key.
func (s *Store) FindHash(hash uint64) (Entry, error) {
	e, err := s.find(hash)
	if err == nil && s.opts.VerifyReads {
		err = e.Verify()
	}
	if err != nil {
		return Entry{}, err
	}
	return e, nil
}

// find is FindHash without verification, for those who verify themselves.
func (s *Store) find(hash uint64) (Entry, error) {
	g := s.gen.Load()
	if g == nil {
		return Entry{}, ErrClosed
	}
	loc := g.index.get(hash)
	if loc == 0 {
		if err := g.index.lost(); err != nil {
			return Entry{}, err
		}
		return Entry{}, ErrNotFound
	}
	return g.entry(loc)
}

// ReadBatch appends to dst one Entry for each key, in the order of keys; the zero
// Entry where there is no such key. It is faster than as many calls of Read: the
// searches wait for memory together. If dst has room it allocates nothing.
func (s *Store) ReadBatch(dst []Entry, keys [][]byte) []Entry {
	var hashes [readGroup]uint64
	for len(keys) > 0 {
		n := min(len(keys), readGroup)
		for i, k := range keys[:n] {
			hashes[i] = KeyHash(k)
		}
		dst = s.readGroup(dst, hashes[:n])
		keys = keys[n:]
	}
	return dst
}

// ReadBatchHash is ReadBatch for hashes of keys.
func (s *Store) ReadBatchHash(dst []Entry, hashes []uint64) []Entry {
	for len(hashes) > 0 {
		n := min(len(hashes), readGroup)
		dst = s.readGroup(dst, hashes[:n])
		hashes = hashes[n:]
	}
	return dst
}

// readGroup looks up some hashes.
func (s *Store) readGroup(dst []Entry, hashes []uint64) []Entry {
	g := s.gen.Load()
	if g == nil {
		for range hashes {
			dst = append(dst, Entry{})
		}
		return dst
	}
	g.index.touchHashes(hashes)
	for _, h := range hashes {
		var e Entry
		if loc := g.index.get(h); loc != 0 {
			var err error
			if e, err = g.entry(loc); err == nil && s.opts.VerifyReads {
				err = s.verifyRead(e)
			}
			if err != nil {
				e = Entry{} // it reads as missing, as in ReadHash
			}
		}
		dst = append(dst, e)
	}
	return dst
}

// Get returns a copy of the value of key, verified against its checksum. Errors:
// ErrNotFound, ErrClosed, *CorruptError.
func (s *Store) Get(key []byte) ([]byte, error) { return s.GetHash(KeyHash(key)) }

// GetHash is Get for the KeyHash of a key.
func (s *Store) GetHash(hash uint64) ([]byte, error) {
	e, err := s.find(hash)
	if err != nil {
		return nil, err
	}
	var value []byte
	err = e.m.guard(func() (err error) {
		if e.metadata().keyHash != hash { // the index may come from a file beside the drive
			return &CorruptError{Path: e.m.path, Offset: e.Offset(), Reason: "the entry is of another key"}
		}
		value, err = e.appendVerified(nil)
		return err
	})
	return value, err
}

// View calls fn with the value of key, without copying it. The slice is read-only
// memory, valid until fn returns, and verified only with Options.VerifyReads. If the bytes cannot be read,
// because the file was cut or the disk failed, View returns a *CorruptError from
// the middle of fn. Other errors: ErrNotFound, ErrClosed, and that of fn.
func (s *Store) View(key []byte, fn func(value []byte) error) error {
	return s.ViewHash(KeyHash(key), fn)
}

// ViewHash is View for the KeyHash of a key.
func (s *Store) ViewHash(hash uint64, fn func(value []byte) error) error {
	e, err := s.FindHash(hash)
	if err != nil {
		return err
	}
	return e.m.guard(func() error { return fn(e.Bytes()) })
}

// Exists tells whether there is a value of key.
func (s *Store) Exists(key []byte) bool { return s.ExistsHash(KeyHash(key)) }

// ExistsHash is Exists for the KeyHash of a key.
func (s *Store) ExistsHash(hash uint64) bool {
	g := s.gen.Load()
	return g != nil && g.index.get(hash) != 0
}

// Metadata is what the file holds of an entry besides the payload.
type Metadata struct {
	KeyHash    uint64 // hash of the key
	PrevOffset int64  // tail of the entry before in the file
	Checksum   uint32 // CRC-32/IEEE of the payload, as stored
	Offset     int64  // where the payload begins
	Size       int64  // length of the payload
}

// Metadata tells where and how the value of key is stored. Errors: ErrNotFound,
// ErrClosed, *CorruptError if it cannot be read.
func (s *Store) Metadata(key []byte) (Metadata, error) { return s.MetadataHash(KeyHash(key)) }

// MetadataHash is Metadata for the KeyHash of a key.
func (s *Store) MetadataHash(hash uint64) (Metadata, error) {
	e, err := s.find(hash)
	if err != nil {
		return Metadata{}, err
	}
	var md Metadata
	err = e.m.guard(func() error {
		m := e.metadata()
		md = Metadata{m.keyHash, m.prevOffset, m.checksum, e.Offset(), e.Size()}
		return nil
	})
	return md, err
}

// LastEntry returns the entry that is physically last in the file, which may be a
// tombstone. It reports false for an empty drive and a closed one.
func (s *Store) LastEntry() (Entry, bool) {
	g := s.gen.Load()
	if g == nil {
		return Entry{}, false
	}
	tail := g.tail.Load()
	m, err := g.cover(tail)
	if err != nil || tail == 0 {
		return Entry{}, false
	}
	var e Entry
	err = m.guard(func() error {
		l, ok := parseEntry(m.data, tail)
		if !ok {
			return brokenChain(m.path, tail)
		}
		e = Entry{m: m, loc: locationIn(l)}
		return nil
	})
	return e, err == nil
}

// IsLive tells whether e is what a read of its key returns now. After a compaction
// it is false for the entries of the file before.
func (s *Store) IsLive(e Entry) bool {
	g := s.gen.Load()
	if g == nil || e.m == nil || e.m.file != g.number {
		return false
	}
	live := false
	err := e.m.guard(func() error {
		live = g.index.get(e.KeyHash()) == e.loc
		return nil
	})
	return err == nil && live
}
