package chart

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"
)

func TestFolder(t *testing.T) {
	f := Folder{Stem: filepath.Join(t.TempDir(), "some")}
	names := []string{"one", "two", "nothing"}
	f.Dots("dots", "Some dots", "ops/s", true, names,
		Series{"first", map[string]float64{"one": 1, "two": 1000}}, Series{"second", map[string]float64{"two": 30}},
		Series{"third", map[string]float64{"elsewhere": 2}})
	f.Dots("none", "No dots", "ops/s", false, names, Series{"first", nil})
	f.Lines("lines", "A line", "s", "MiB", 1, 10, []Line{{"one", plotter.XYs{{X: 0, Y: 1}, {X: 1, Y: 20}}}})
	files, err := f.Files()
	if err != nil {
		t.Fatal(err)
	}
	want := []File{{"some-dots.svg", "Some dots"}, {"some-lines.svg", "A line"}}
	if len(files) != len(want) || files[0] != want[0] || files[1] != want[1] {
		t.Fatalf("files %v, want %v", files, want)
	}
	svg, err := os.ReadFile(f.Stem + "-dots.svg")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"Some dots", "ops/s", ">one<", ">two<", ">first<", ">second<", ">1,000<"} {
		if !strings.Contains(string(svg), text) {
			t.Errorf("the plot does not say %q", text)
		}
	}
	for _, text := range []string{">nothing<", ">third<"} {
		if strings.Contains(string(svg), text) {
			t.Errorf("the plot says %q, which was not measured", text)
		}
	}
}

func TestFolderThatIsNotThere(t *testing.T) {
	f := Folder{Stem: filepath.Join(t.TempDir(), "nowhere", "some")}
	f.Dots("dots", "Some dots", "ops/s", false, []string{"one"}, Series{"first", map[string]float64{"one": 1}})
	if files, err := f.Files(); err == nil || len(files) > 0 {
		t.Errorf("%v, %v, want an error", files, err)
	}
}
