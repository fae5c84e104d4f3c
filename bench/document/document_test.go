package document

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "some.md")
	stem, err := Stem(path)
	if err != nil {
		t.Fatal(err)
	}
	if Name(stem) != "some" {
		t.Errorf("name %s", Name(stem))
	}
	if err := Write(stem, map[string]int{"n": 7}, "# Some\n"); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{path: "# Some\n", stem + ".json": "{\n\t\"n\": 7\n}\n"} {
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", file, got, err, want)
		}
	}
}

func TestStemRefusesOtherFiles(t *testing.T) {
	if stem, err := Stem("some.json"); err == nil {
		t.Errorf("%s, want an error", stem)
	}
}

func TestFiguresThatCannotBeWritten(t *testing.T) {
	if err := Write(filepath.Join(t.TempDir(), "some"), func() {}, ""); err == nil {
		t.Error("a function was written as JSON")
	}
}
