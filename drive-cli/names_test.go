package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simd-drive/go/drive-core"
)

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "a/b/c", ".hidden", "a..b", "...", "-", "a b", "ü", "\xff\xfe", "--force", "a\\b"} {
		if err := checkName(name); err != nil && filepath.Separator == '/' {
			t.Errorf("checkName(%q): %v", name, err)
		}
	}
	for _, name := range []string{
		"", ".", "..", "../a", "a/..", "a/../b", "a/../../b", "/", "/a", "//a", "a/", "a//b", "./a", "a/./b",
		"a\x00b", "a\nb", "\x1b]0;x\a", "a\u0085b", "a\x7f",
	} {
		if checkName(name) == nil {
			t.Errorf("checkName(%q) accepts", name)
		}
	}
}

func TestReadKeysFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"key":"a/b","key_hash":"00","size":3}` + "\n\n" + `{"key_hex":"ff"}` + "\r\n" + `{"key":""}`)
	got, err := readKeysFile(path)
	want := map[uint64]string{
		drive.KeyHash([]byte("a/b")): "a/b", drive.KeyHash([]byte{0xff}): "\xff", drive.KeyHash(nil): "",
	}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("readKeysFile = %v, %v; want %v", got, err, want)
	}
	for _, bad := range []string{"a/b\n", "{}\n", `{"key":1}`, `{"key_hex":"f"}`, `["a"]`, `{"key":"a"`} {
		write(bad)
		if got, err := readKeysFile(path); err == nil {
			t.Errorf("readKeysFile of %q = %v", bad, got)
		}
	}
}
