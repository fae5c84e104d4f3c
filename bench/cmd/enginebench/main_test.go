package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/simd-drive/go/bench/engine/driver"
)

// line runs a command line that prints one result.
func line(t *testing.T, args ...string) driver.Result {
	t.Helper()
	var out, log bytes.Buffer
	if err := run(t.Context(), args, &out, &log); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	var r driver.Result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%s: %v", out.String(), err)
	}
	return r
}

func TestCase(t *testing.T) {
	r := line(t, "a_append_8b_batch1024", filepath.Join(t.TempDir(), "x.drive"), "1000")
	if r.Case != "a_append_8b_batch1024" || r.Ops != 1000 || r.Check != 63964 {
		t.Errorf("%+v", r)
	}
}

func TestStore(t *testing.T) {
	r := line(t, "store", "map", "get", t.TempDir(), "1000")
	if r.Case != "get" || r.Ops != 300 {
		t.Errorf("%+v", r)
	}
}

func TestList(t *testing.T) {
	var out, log bytes.Buffer
	if err := run(t.Context(), []string{"list"}, &out, &log); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"e1_read_touch\n", "store pebble get\n", "limits\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the list has no %q", want)
		}
	}
	if strings.Contains(out.String(), "store map reopen") {
		t.Error("the list has a case that does not fit")
	}
}

func TestRefusedCommandLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	for _, args := range [][]string{
		nil,
		{"a_append_8b_batch1024"},
		{"a_append_8b_batch1024", path, "1", "2"},
		{"store", "map", "get"},
		{"report"},
		{"limits"},
	} {
		var out, log bytes.Buffer
		if err := run(t.Context(), args, &out, &log); !errors.Is(err, errUsage) {
			t.Errorf("%v: %v, want %v", args, err, errUsage)
		}
	}
	for _, args := range [][]string{
		{"none", path},
		{"a_append_8b_batch1024", path, "0"},
		{"a_append_8b_batch1024", path, "x"},
		{"store", "none", "get", path},
		{"store", "map", "none", path},
		{"report", "-o", "x.txt", "-cases", "["},
		{"report", "-o", "x.md", "-rounds", "0"},
	} {
		var out, log bytes.Buffer
		if err := run(t.Context(), args, &out, &log); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
}
