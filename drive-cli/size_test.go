package main

import (
	"encoding/json"
	"os"
	"strconv"
	"testing"
)

// readVectors loads results of the original from testdata/vectors.
func readVectors(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

func TestParseBufferSize(t *testing.T) {
	var vectors struct {
		Vectors []struct {
			In  string
			OK  *uint64
			Err string
		}
		Overflow []struct{ In string }
	}
	readVectors(t, "parse_buffer_size.json", &vectors)
	for _, v := range vectors.Vectors {
		got, err := parseBufferSize(v.In)
		switch {
		case v.OK != nil && (err != nil || got != *v.OK):
			t.Errorf("parseBufferSize(%q) = %d, %v; want %d", v.In, got, err, *v.OK)
		case v.OK == nil && err == nil:
			t.Errorf("parseBufferSize(%q) = %d; want error %q", v.In, got, v.Err)
		case v.OK == nil && lowerFirst(v.Err) != err.Error():
			t.Errorf("parseBufferSize(%q): error %q; want %q", v.In, err, lowerFirst(v.Err))
		}
	}
	for _, v := range vectors.Overflow { // these wrap around in the original
		if got, err := parseBufferSize(v.In); err == nil {
			t.Errorf("parseBufferSize(%q) = %d; want an error", v.In, got)
		}
	}
	if len(vectors.Vectors) == 0 || len(vectors.Overflow) == 0 {
		t.Error("no vectors")
	}
}

func lowerFirst(s string) string { return string(s[0]|0x20) + s[1:] }

func TestFormatBytes(t *testing.T) {
	var vectors struct {
		Vectors []struct{ In, Out string }
	}
	readVectors(t, "format_bytes.json", &vectors)
	for _, v := range vectors.Vectors {
		n, err := strconv.ParseUint(v.In, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := formatBytes(n); got != v.Out {
			t.Errorf("formatBytes(%d) = %q, want %q", n, got, v.Out)
		}
	}
	if len(vectors.Vectors) == 0 {
		t.Error("no vectors")
	}
}
