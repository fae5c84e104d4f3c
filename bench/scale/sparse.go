package scale

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/simd-drive/go/bench/engine/driver"
	"github.com/simd-drive/go/bench/memory"
	"github.com/simd-drive/go/drive-core"
)

const (
	// holeBytes is the size of the values of a sparse drive: zeros that take no room.
	holeBytes = 64 << 20
	// entryBytes is a value with what stands behind it, up to the next multiple of
	// 64, where the next value begins.
	entryBytes = holeBytes + 64
	// metadataBytes are key hash, offset of the entry before, and checksum.
	metadataBytes = 20
	// afterwards is what is written to it at last.
	afterwards = 1 << 20
)

// makeSparse makes a drive of about size bytes whose values are holes in the file. It
// writes the metadata only, as drive-core's FORMAT.md has it.
func makeSparse(path string, size int64) (r Result, err error) {
	if err := driver.Remove(path); err != nil {
		return Result{}, err
	}
	f, err := os.Create(path)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	begun := time.Now()
	sum := drive.Checksum(make([]byte, holeBytes))
	tail := int64(0)
	for i := int64(0); (i+1)*entryBytes <= size; i++ {
		metadata := binary.LittleEndian.AppendUint64(nil, hashOf(i))
		metadata = binary.LittleEndian.AppendUint64(metadata, uint64(tail))
		metadata = binary.LittleEndian.AppendUint32(metadata, sum)
		at := i*entryBytes + holeBytes
		if _, err := f.WriteAt(metadata, at); err != nil {
			return Result{}, err
		}
		tail = at + metadataBytes
		r.Keys++
	}
	r.Seconds, r.File = time.Since(begun).Seconds(), tail
	r.OnDisk, err = driver.OnDisk(f)
	return r, err
}

// openSparse opens a sparse drive, reads the ends of every value, and verifies the
// last one.
func openSparse(path string, size int64) (r Result, err error) {
	base := memory.Now().Anonymous
	begun := time.Now()
	store, err := drive.Open(path, unsynced)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	r.Seconds = time.Since(begun).Seconds()
	r.Keys, r.File, r.Memory = int64(store.Len()), store.FileSize(), memory.Now().Anonymous-base
	if want := size / entryBytes; r.Keys != want {
		return Result{}, fmt.Errorf("%d keys, want %d", r.Keys, want)
	}
	begun = time.Now()
	for i := range r.Keys {
		e, ok := store.ReadHash(hashOf(i))
		if !ok || e.Size() != holeBytes {
			return Result{}, fmt.Errorf("value %d: there %v, %d bytes", i, ok, e.Size())
		}
		if b := e.Bytes(); b[0] != 0 || b[holeBytes-1] != 0 {
			return Result{}, fmt.Errorf("value %d is not zero", i)
		}
	}
	r.Reads = float64(r.Keys) / time.Since(begun).Seconds()
	e, _ := store.ReadHash(hashOf(r.Keys - 1))
	return r, e.Verify()
}

// writeSparse appends a value, reads it back, opens again and reads it once more.
func writeSparse(path string) (r Result, err error) {
	key, value := []byte("afterwards"), make([]byte, afterwards)
	order := driver.NewOrder(readSeed)
	for i := range value {
		value[i] = byte(order.Next())
	}
	begun := time.Now()
	for range 2 {
		store, err := drive.Open(path, unsynced)
		if err != nil {
			return Result{}, err
		}
		if r.File == 0 {
			r.File, err = store.Write(key, value)
		}
		got, readErr := store.Get(key)
		if err = errors.Join(err, readErr, store.Close()); err != nil {
			return Result{}, err
		}
		if string(got) != string(value) {
			return Result{}, errors.New("what was written does not come back")
		}
	}
	r.Seconds = time.Since(begun).Seconds()
	return r, nil
}
