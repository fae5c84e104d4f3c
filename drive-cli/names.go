package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/simd-drive/go/drive-core"
)

// maxKeysLine bounds one line of a keys file.
const maxKeysLine = 1 * mib

// readKeysFile reads what import -o json lists, one object a line, and returns
// the keys by their hash.
func readKeysFile(path string) (map[uint64]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written through it
	keys := map[uint64]string{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxKeysLine)
	for number := 1; lines.Scan(); number++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		name, err := parseKeysLine(line)
		if err != nil {
			return nil, fmt.Errorf("%s line %d: %w", quoted(path), number, err)
		}
		keys[drive.KeyHash([]byte(name))] = name
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", quoted(path), err)
	}
	return keys, nil
}

// parseKeysLine returns the key of one line.
func parseKeysLine(line []byte) (string, error) {
	var k keyJSON
	if err := json.Unmarshal(line, &k); err != nil {
		return "", err
	}
	if k.Key != nil {
		return *k.Key, nil
	}
	if k.KeyHex == "" {
		return "", errors.New(`no "key" in it`)
	}
	name, err := hex.DecodeString(k.KeyHex)
	return string(name), err
}

// checkName returns an error unless name, a key, can be a path below the
// directory that is exported to.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("an empty key is no file name")
	case strings.HasPrefix(name, "/"):
		return errors.New("an absolute path")
	case name == ".", path.Clean(name) != name, !filepath.IsLocal(filepath.FromSlash(name)):
		return errors.New("a path that is not plain, or leads out of the directory")
	case filepath.Separator != '/' && strings.ContainsRune(name, filepath.Separator):
		return errors.New("a path separator of this system within a name")
	case hasControl(name):
		return errors.New("a control character within a name")
	}
	return nil
}

// hasControl reports whether a name holds a control character; bytes that are
// not UTF-8 are none.
func hasControl(name string) bool {
	return strings.ContainsFunc(name, func(r rune) bool { return r != utf8.RuneError && unicode.IsControl(r) })
}
