package drive

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// The mark: a small file beside the drive, PATH.synced, that tells how much of the
// drive is known to be on stable storage. The drive itself has no room for it. What
// a power loss tears lies above the mark and is cut; damage below it is no torn
// write, and is never cut.
//
// The mark is written after each sync of the drive. An older mark than the last one
// is still true, so that it is itself synced only when it begins to be one of this
// very file: when it is made, when a compaction has replaced the file, when it was
// found not to agree. A drive without a mark, or with that of another file, is
// judged by its bytes alone.
//
// Bytes, little-endian:
//
//	magic "DRVSYNC1" | flags u32 | count u32 | file u64 | markPoints × (tail u64, print u64) | CRC-32/IEEE u32
//
// Flag markFailed is set after a sync failed: then the system may hold bytes above
// the mark in memory that it will never write. The points are tails, newest first, that
// were on stable storage, each with the XXH3-64 of the metadata that ends there. By
// the newest the drive is known again; by an older one, or by tail 0, which is a point
// until there is another, only if the number of its file agrees as well.
const (
	markSuffix = ".synced"
	markMagic  = "DRVSYNC1"
	// markPoints is how many tails a mark remembers: an older one still names the drive when the metadata at the
	// newest one is damaged.
	markPoints = 4
	markHead   = 24
	markSize   = markHead + markPoints*16 + 4

	markFailed = 1
)

// markPoint is a tail up to which the drive was on stable storage.
type markPoint struct {
	tail int64
	sum  uint64
}

// mark is the contents of a mark file. The zero mark knows nothing.
type mark struct {
	failed bool
	file   uint64      // number of the file, 0 if it has none
	points []markPoint // newest first, at most markPoints
}

// fingerprint returns by what the metadata that ends at a tail is known again.
func fingerprint(metadata []byte) uint64 {
	if len(metadata) == 0 {
		return 0
	}
	return xxh3.Hash(metadata)
}

// appendMark appends the bytes of m.
func appendMark(dst []byte, m mark) []byte {
	begin := len(dst)
	dst = append(dst, markMagic...)
	var flags uint32
	if m.failed {
		flags |= markFailed
	}
	dst = binary.LittleEndian.AppendUint32(dst, flags)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(m.points)))
	dst = binary.LittleEndian.AppendUint64(dst, m.file)
	for i := range markPoints {
		var p markPoint
		if i < len(m.points) {
			p = m.points[i]
		}
		dst = binary.LittleEndian.AppendUint64(dst, uint64(p.tail))
		dst = binary.LittleEndian.AppendUint64(dst, p.sum)
	}
	return binary.LittleEndian.AppendUint32(dst, Checksum(dst[begin:]))
}

// parseMark reads a mark. It reports false for anything that is none.
func parseMark(b []byte) (m mark, ok bool) {
	if len(b) != markSize || string(b[:8]) != markMagic {
		return mark{}, false
	}
	body, sum := b[:markSize-4], binary.LittleEndian.Uint32(b[markSize-4:])
	flags, count := binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:])
	if !matches(body, sum) || flags&^markFailed != 0 || count > markPoints {
		return mark{}, false
	}
	m.failed = flags&markFailed != 0
	m.file = binary.LittleEndian.Uint64(b[16:])
	for i := range int(count) {
		at := b[markHead+16*i:]
		p := markPoint{tail: int64(binary.LittleEndian.Uint64(at)), sum: binary.LittleEndian.Uint64(at[8:])}
		if p.tail < 0 || p.tail > maxOffset {
			return mark{}, false
		}
		m.points = append(m.points, p)
	}
	return m, true
}

// add notes that the drive is on stable storage up to p.
func (m *mark) add(p markPoint) {
	m.failed = false
	if len(m.points) > 0 && m.points[0] == p {
		return
	}
	// Points at or above the new one are of a tail that has been cut since; tail 0 names no drive.
	m.points = slices.DeleteFunc(m.points, func(old markPoint) bool { return old.tail >= p.tail || old.tail == 0 })
	m.points = slices.Insert(m.points, 0, p)
	m.points = m.points[:min(len(m.points), markPoints)]
}

// knowledge is what a mark says of a certain drive.
type knowledge struct {
	known bool // the mark is of this drive
	exact bool // and the drive agrees with its newest point
	// synced is how far the drive has been on stable storage. It may lie behind the end of a drive that
	// somebody has cut.
	synced int64
	base   int64 // the highest point that the drive confirms; an entry ends there
	failed bool  // what lies above may be in memory only
}

// of compares m with the bytes of a drive, and with the number of its file.
func (m mark) of(data []byte, file uint64) knowledge {
	for i, p := range m.points {
		if (i > 0 || p.tail == 0) && (file == 0 || file != m.file) {
			continue
		}
		if p.tail > int64(len(data)) || p.tail > 0 && p.tail < minEntrySize {
			continue
		}
		if fingerprint(data[max(0, p.tail-metadataSize):p.tail]) == p.sum {
			return knowledge{known: true, exact: i == 0, synced: m.points[0].tail, base: p.tail, failed: m.failed}
		}
	}
	return knowledge{}
}

// readMark reads the mark of the drive at path; the zero mark if there is none.
func readMark(fsys vfs.FS, path string) (mark, error) {
	f, err := fsys.Open(path+markSuffix, vfs.ReadOnly, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return mark{}, nil
	}
	if err != nil {
		return mark{}, err
	}
	b := make([]byte, markSize)
	n, err := f.ReadAt(b, 0)
	_ = f.Close() // nothing was written
	if n < markSize {
		return mark{}, err
	}
	m, _ := parseMark(b)
	return m, nil
}

// marker keeps the mark of a drive that is open for writing. It is guarded by the
// store's syncMu.
type marker struct {
	fsys vfs.FS
	path string
	file vfs.File // nil until the mark is first written
	mark mark
	buf  []byte
}

// note writes the mark. When it is made, and when durable is set, it is brought onto
// stable storage; made tells that it was made, and the names in dir synced with it.
func (k *marker) note(drive vfs.File, dir string, durable bool) (made bool, err error) {
	if k.file == nil {
		if made, err = k.open(drive); err != nil {
			return false, err
		}
	}
	k.buf = appendMark(k.buf[:0], k.mark)
	if _, err := k.file.WriteAt(k.buf, 0); err != nil || !made && !durable {
		return false, err
	}
	if err := k.file.Sync(); err != nil {
		return false, err
	}
	return true, k.fsys.SyncDir(dir) // its maker may have been killed before
}

// open opens the mark file. made tells that it was not there, or was no mark.
func (k *marker) open(drive vfs.File) (made bool, err error) {
	f, err := k.fsys.Open(k.path, vfs.Create, filePerm)
	if err != nil {
		return false, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() != markSize {
		made = true
		if err = f.Truncate(0); err == nil {
			_ = f.CopyAttributes(drive) // a mark that others cannot write only ages
		}
	}
	if err != nil {
		return false, errors.Join(err, f.Close())
	}
	k.file = f
	return made, nil
}

// covers tells whether the mark says that the drive is synced up to tail.
func (k *marker) covers(tail int64) bool {
	return len(k.mark.points) > 0 && k.mark.points[0].tail == tail
}

// close closes the file; with remove it is removed.
func (k *marker) close(remove bool) error {
	if k.file == nil {
		return nil
	}
	err := k.file.Close()
	k.file = nil
	if remove {
		err = errors.Join(err, k.fsys.Remove(k.path))
	}
	return err
}
