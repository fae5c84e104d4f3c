package main

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/simd-drive/go/drive-core"
)

func TestKeyForms(t *testing.T) {
	binary := []byte{0xff, 0x00, 0xfe}
	for name, tc := range map[string]struct {
		flags keyFlags
		text  rawString
		bytes []byte
		hash  uint64
	}{
		"text":                {text: "k", bytes: []byte("k"), hash: drive.KeyHash([]byte("k"))},
		"empty":               {text: "", bytes: []byte{}, hash: drive.KeyHash(nil)},
		"dash":                {text: "-", bytes: []byte("-"), hash: drive.KeyHash([]byte("-"))},
		"bytes in text":       {text: "\xff\x00\xfe", bytes: binary, hash: drive.KeyHash(binary)},
		"hex":                 {flags: keyFlags{Hex: true}, text: "fF00fe", bytes: binary, hash: drive.KeyHash(binary)},
		"empty hex":           {flags: keyFlags{Hex: true}, bytes: []byte{}, hash: drive.KeyHash(nil)},
		"base64":              {flags: keyFlags{Base64: true}, text: "/wD+", bytes: binary, hash: drive.KeyHash(binary)},
		"base64 for URLs":     {flags: keyFlags{Base64: true}, text: "_wD-", bytes: binary, hash: drive.KeyHash(binary)},
		"base64 with padding": {flags: keyFlags{Base64: true}, text: "aw==", bytes: []byte("k"), hash: drive.KeyHash([]byte("k"))},
		"base64 without":      {flags: keyFlags{Base64: true}, text: "aw", bytes: []byte("k"), hash: drive.KeyHash([]byte("k"))},
		"hash":                {flags: keyFlags{Hash: true}, text: "00000000DEADbeef", hash: 0xdeadbeef},
	} {
		k, err := tc.flags.parse(tc.text)
		if err != nil || string(k.bytes) != string(tc.bytes) || (k.bytes == nil) != (tc.bytes == nil) || k.hash != tc.hash {
			t.Errorf("%s: %+v, %v; want bytes %q, hash %x", name, k, err, tc.bytes, tc.hash)
		}
	}
}

func TestBadKeysAreUsageErrors(t *testing.T) {
	for _, tc := range []struct {
		flags keyFlags
		text  rawString
	}{
		{keyFlags{Hex: true}, "f"},
		{keyFlags{Hex: true}, "zz"},
		{keyFlags{Base64: true}, "a"},
		{keyFlags{Base64: true}, "a!=="},
		{keyFlags{Hash: true}, ""},
		{keyFlags{Hash: true}, "0"},
		{keyFlags{Hash: true}, "00000000deadbeef0"},
		{keyFlags{Hash: true}, "+0000000deadbeef"},
		{keyFlags{Hash: true}, "0x00000deadbeef0"},
	} {
		var usage usageError
		if k, err := tc.flags.parse(tc.text); !errors.As(err, &usage) {
			t.Errorf("parse(%+v, %q) = %+v, %v; want a usageError", tc.flags, tc.text, k, err)
		}
	}
}

func TestKeyRecord(t *testing.T) {
	for _, tc := range []struct {
		key  key
		want string
	}{
		{keyOf([]byte("a/ü")), `{"key":"a/ü","key_hash":"` + hashText(drive.KeyHash([]byte("a/ü"))) + `"}`},
		{keyOf(nil), `{"key":"","key_hash":"2d06800538d394c2"}`},
		{keyOf([]byte{0xff}), `{"key_hex":"ff","key_hash":"` + hashText(drive.KeyHash([]byte{0xff})) + `"}`},
		{keyOfHash(7), `{"key_hash":"0000000000000007"}`},
	} {
		got, err := json.Marshal(tc.key.record())
		if err != nil || string(got) != tc.want {
			t.Errorf("%s: %s, %v; want %s", tc.key, got, err, tc.want)
		}
	}
}

func TestQuotedShowsControlCharacters(t *testing.T) {
	for s, want := range map[string]string{
		"":           `''`,
		"plain key":  `'plain key'`,
		"ключ":       `'ключ'`,
		"a\nb":       `"a\nb"`,
		"\x1b[31m":   `"\x1b[31m"`,
		"\xff":       `"\xff"`,
		"\u202etxt.": `"\u202etxt."`,
	} {
		if got := quoted(s); got != want {
			t.Errorf("quoted(%q) = %s, want %s", s, got, want)
		}
	}
}
