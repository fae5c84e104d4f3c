package drive

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/simd-drive/go/drive-core/internal/golden"
)

// readVectors decodes testdata/vectors/name into v.
func readVectors(t *testing.T, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

func TestVectorsChecksum(t *testing.T) {
	var f struct {
		Vectors []struct {
			golden.Payload
			Input *golden.Hex `json:"input"`
			CRC   string      `json:"crc32"`
		}
	}
	readVectors(t, "crc32.json", &f)
	if len(f.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range f.Vectors {
		p := []byte(nil)
		if v.Input != nil {
			p = *v.Input
		} else {
			p = v.Bytes()
		}
		want, err := strconv.ParseUint(v.CRC, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		if got := Checksum(p); got != uint32(want) {
			t.Errorf("checksum of %d bytes: %08x, want %s", len(p), got, v.CRC)
		}
		half := len(p) / 2
		if got := updateChecksum(Checksum(p[:half]), p[half:]); got != uint32(want) {
			t.Errorf("checksum of %d bytes in two parts: %08x, want %s", len(p), got, v.CRC)
		}
	}
}

func TestVectorsKeyHash(t *testing.T) {
	var f struct {
		Vectors []struct {
			golden.Payload
			Input *golden.Hex `json:"input"`
			Hash  string      `json:"xxh3_64"`
		}
	}
	readVectors(t, "xxh3_64.json", &f)
	if len(f.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	for i, v := range f.Vectors {
		p := []byte(nil)
		if v.Input != nil {
			p = *v.Input
		} else {
			p = v.Bytes()
		}
		want, err := strconv.ParseUint(v.Hash, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := KeyHash(p); got != want {
			t.Errorf("vector %d: hash of %d bytes: %016x, want %s", i, len(p), got, v.Hash)
		}
	}
}

func TestVectorsNamespace(t *testing.T) {
	var f struct {
		Vectors []struct {
			Namespace, Key golden.Hex
			Out            string
		}
	}
	readVectors(t, "namespace.json", &f)
	if len(f.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	for i, v := range f.Vectors {
		got := NewNamespaceHasher(v.Namespace).Key(v.Key)
		if hex.EncodeToString(got[:]) != v.Out {
			t.Errorf("vector %d: %x, want %s", i, got, v.Out)
		}
	}
}
