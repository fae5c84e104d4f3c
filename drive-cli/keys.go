package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/simd-drive/go/drive-core"
)

// keyHashDigits is the length of a key hash in hex.
const keyHashDigits = 16

// keyFlags say how the keys of a verb are written.
type keyFlags struct {
	Hex    bool `name:"key-hex" xor:"keyform" help:"Keys are written in hex."`
	Base64 bool `name:"key-base64" xor:"keyform" help:"Keys are written in base64."`
	Hash   bool `name:"key-hash" xor:"keyform" help:"Keys are given by their hash: 16 hex digits, as in entries."`
}

// key names one entry. Stores find entries by the hash alone; the bytes are
// what the user knows it by.
type key struct {
	text  string // as the user wrote it
	bytes []byte // nil when only the hash is known
	hash  uint64
}

// keyOf returns the key of the given bytes.
func keyOf(b []byte) key {
	return key{text: string(b), bytes: append([]byte{}, b...), hash: drive.KeyHash(b)}
}

// keyOfHash returns the key of which only the hash is known.
func keyOfHash(hash uint64) key { return key{text: hashText(hash), hash: hash} }

// parse reads a key as the flags say. The error is a usageError.
func (f keyFlags) parse(text rawString) (key, error) {
	k := key{text: string(text)}
	var err error
	switch {
	case f.Hash:
		k.hash, err = parseHash(string(text))
		if err != nil {
			return key{}, usageError{err}
		}
		return k, nil
	case f.Hex:
		k.bytes, err = hex.DecodeString(string(text))
	case f.Base64:
		k.bytes, err = decodeBase64(string(text))
	default:
		k.bytes = []byte(text)
	}
	if err != nil {
		return key{}, usagef("key %s: %s", k, strings.TrimPrefix(err.Error(), "encoding/hex: "))
	}
	k.hash = drive.KeyHash(k.bytes)
	return k, nil
}

// parsePair reads two keys.
func (f keyFlags) parsePair(a, b rawString) (first, second key, err error) {
	if first, err = f.parse(a); err != nil {
		return key{}, key{}, err
	}
	second, err = f.parse(b)
	return first, second, err
}

// decodeBase64 takes both alphabets, with padding or without.
func decodeBase64(s string) ([]byte, error) {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(s)
	if strings.HasSuffix(s, "=") {
		return base64.StdEncoding.DecodeString(s)
	}
	return base64.RawStdEncoding.DecodeString(s)
}

// parseHash reads a key hash as hashText writes it.
func parseHash(s string) (uint64, error) {
	hash, err := strconv.ParseUint(s, 16, 64)
	if err != nil || len(s) != keyHashDigits {
		return 0, fmt.Errorf("key hash %s: need %d hex digits", quoted(s), keyHashDigits)
	}
	return hash, nil
}

// hashText writes a key hash as 16 hex digits.
func hashText(hash uint64) string { return fmt.Sprintf("%016x", hash) }

// String returns the key in quotes, as the user wrote it.
func (k key) String() string { return quoted(k.text) }

// bare returns the key without quotes where it can do without.
func (k key) bare() string { return strings.Trim(k.String(), "'") }

// keyJSON is a key within a JSON result: as text if it is UTF-8, else in hex,
// and always with its hash.
type keyJSON struct {
	Key     *string `json:"key,omitempty"`
	KeyHex  string  `json:"key_hex,omitempty"`
	KeyHash string  `json:"key_hash"`
}

// record returns the key for a JSON result.
func (k key) record() keyJSON {
	r := keyJSON{KeyHash: hashText(k.hash)}
	switch {
	case k.bytes == nil:
	case utf8.Valid(k.bytes):
		s := string(k.bytes)
		r.Key = &s
	default:
		r.KeyHex = hex.EncodeToString(k.bytes)
	}
	return r
}

// quoted puts s in single quotes; when it holds anything that a terminal does
// not print, it is written as a Go string instead.
func quoted(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return "'" + s + "'"
	}
	return strconv.Quote(s)
}
