// Package golden reads the manifests of the golden files in testdata: drives that
// the Rust original wrote, the calls that made them, and damaged copies with what
// can be saved from each. Only tests import it.
package golden

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Hex is a byte string, written in hexadecimal digits.
type Hex []byte

// UnmarshalJSON implements json.Unmarshaler.
func (h *Hex) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	p, err := hex.DecodeString(s)
	*h = p
	return err
}

// Number is a u64, written as a string with the prefix 0x.
type Number uint64

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	v, err := strconv.ParseUint(s, 0, 64)
	*n = Number(v)
	return err
}

// Payload is a value: its bytes, or the rule that makes them.
type Payload struct {
	Hex     *Hex   `json:"hex"`
	Len     int    `json:"len"`
	Seed    uint64 `json:"seed"`
	Fill    byte   `json:"fill"`
	Pattern string `json:"pattern"`
}

// Bytes returns the value. It panics on a pattern it does not know, which a
// manifest of this directory does not have.
func (p Payload) Bytes() []byte {
	switch {
	case p.Hex != nil:
		return *p.Hex
	case p.Pattern == "splitmix64-le":
		return SplitMix(p.Len, p.Seed)
	case p.Pattern == "fill":
		return bytes.Repeat([]byte{p.Fill}, p.Len)
	}
	panic("golden: unknown payload pattern " + p.Pattern)
}

// SplitMix returns n bytes of the generator splitmix64, little-endian.
func SplitMix(n int, seed uint64) []byte {
	out := make([]byte, 0, n+8)
	for state := seed; len(out) < n; {
		state += 0x9E3779B97F4A7C15
		z := state
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		out = binary.LittleEndian.AppendUint64(out, z^z>>31)
	}
	return out[:n:n]
}

// Pair is a key and its value.
type Pair struct {
	Key     Hex     `json:"key"`
	Payload Payload `json:"payload"`
}

// Result is what a call returned: a tail, or the kind of an error and its text.
type Result struct {
	OK  int64  `json:"ok"`
	Err string `json:"err"`
	Msg string `json:"msg"`
}

// Op is one call on the store.
type Op struct {
	Op            string  `json:"op"`
	Key           Hex     `json:"key"`
	NewKey        Hex     `json:"new_key"`
	Keys          []Hex   `json:"keys"`
	Payload       Payload `json:"payload"`
	Entries       []Pair  `json:"entries"`
	File          string  `json:"file"`
	Result        Result  `json:"result"`
	FileSizeAfter int64   `json:"file_size_after"`
}

// Entry is one entry of a file.
type Entry struct {
	Kind         string `json:"kind"` // "value" or "tombstone"
	PrevTail     int64  `json:"prev_tail"`
	PayloadStart int64  `json:"payload_start"`
	PayloadEnd   int64  `json:"payload_end"`
	Tail         int64  `json:"tail"`
	KeyHash      Number `json:"key_hash"`
	CRC32        Number `json:"crc32"`
}

// Case is an undamaged file and how it was made.
type Case struct {
	Case        string   `json:"case"`
	File        string   `json:"file"`
	FileSize    int64    `json:"file_size"`
	ExpectedLen int      `json:"expected_len"`
	Ops         []Op     `json:"ops"`
	Entries     []Entry  `json:"entries"`
	Live        []Pair   `json:"live"`
	DeletedKeys []Hex    `json:"deleted_keys"`
	IterOrder   []Number `json:"rust_iter_order_key_hashes"`
	Formula     *Formula `json:"formula"`
}

// Formula stands for Ops where a list would be too long; the steps are written
// out in the manifest for people and in the test as code.
type Formula struct {
	N        int    `json:"n"`
	BaseSeed uint64 `json:"base_seed"`
}

// Load returns the cases of the directory, in the order of its index.
func Load(dir string) ([]Case, error) {
	var index struct {
		Cases []string `json:"cases"`
	}
	if err := decode(filepath.Join(dir, "INDEX.json"), &index); err != nil {
		return nil, err
	}
	cases := make([]Case, len(index.Cases))
	for i, name := range index.Cases {
		if err := decode(filepath.Join(dir, name+".json"), &cases[i]); err != nil {
			return nil, err
		}
	}
	return cases, nil
}

// BaseEntry is an entry of a file before it was damaged.
type BaseEntry struct {
	Key          Hex    `json:"key"`
	Kind         string `json:"kind"` // "value" or "tombstone"
	PrevTail     int64  `json:"prev_tail"`
	PayloadStart int64  `json:"payload_start"`
	PayloadEnd   int64  `json:"payload_end"`
	Tail         int64  `json:"tail"`
}

// LivePair is a key and the value that a reader must return for it.
type LivePair struct {
	Key   Hex `json:"key"`
	Value Hex `json:"value"`
}

// Damaged is one file of the directory of damaged ones.
type Damaged struct {
	Case  string `json:"case"`
	File  string `json:"file"`
	Size  int64  `json:"size"`
	Class string `json:"class"` // "intact", "damaged-store", "no-valid-entry", "foreign", "ambiguous"
	// Entries are those of the file before the damage.
	Entries []BaseEntry `json:"base_entries"`
	// PrefixEntries, PrefixLen and PrefixLive describe the longest prefix of entries
	// that the damage did not touch.
	PrefixEntries int        `json:"ideal_prefix_entries"`
	PrefixLen     int64      `json:"ideal_prefix_len"`
	PrefixLive    []LivePair `json:"ideal_prefix_live"`
	// Lost numbers the entries that the damage itself destroyed; nil where the
	// manifest leaves that open.
	Lost []int `json:"salvage_lost_entries"`
}

// LoadDamaged returns the damaged files of the directory.
func LoadDamaged(dir string) ([]Damaged, error) {
	var manifest struct {
		Cases []Damaged `json:"cases"`
	}
	if err := decode(filepath.Join(dir, "MANIFEST.json"), &manifest); err != nil {
		return nil, err
	}
	return manifest.Cases, nil
}

// decode reads the JSON file path into v.
func decode(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("golden: %s: %w", path, err)
	}
	return nil
}
