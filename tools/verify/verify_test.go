package main

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// small is a policy for trees of three modules: top imports wire, tests of top
// import peer as well.
var small = policy{
	prefix: "example.com/",
	imports: map[string][]string{
		"wire": {},
		"peer": {"wire"},
		"top":  {"wire"},
	},
	testImports: map[string][]string{"top": {"peer"}},
	generic:     []string{"wire"},
	programs:    map[string]string{"peer": "a program"},
}

// healthy is a tree that breaks no rule of the policy small.
func healthy() map[string]string {
	return map[string]string{
		"Makefile":     "MODULES := wire \\\n\tpeer top\n",
		"go.work":      "go 1.26.0\n\nuse (\n\t./peer\n\t./top\n\t./wire\n)\n",
		"tools/go.mod": "module example.com/tools\n\ngo 1.26.0\n",

		"wire/go.mod":          "module example.com/wire\n\ngo 1.26.0\n",
		"wire/wire.go":         "// Package wire moves bytes.\npackage wire\n",
		"wire/README.md":       "```go\nwire.Move()\n```\n",
		"wire/example_test.go": "package wire_test\n\nimport \"example.com/wire\"\n\nfunc Example() {\n\twire.Move()\n}\n",

		"peer/go.mod":       "module example.com/peer\n\ngo 1.26.0\n\nrequire example.com/wire v0.0.0\n\nreplace example.com/wire => ../wire\n",
		"peer/main_test.go": "package main\n\nfunc TestPeer(t *testing.T) {}\n",
		"peer/main.go":      "// Command peer answers.\npackage main\n\nimport _ \"example.com/wire\"\n",
		"peer/README.md":    "Run it; `TestPeer` does.\n",

		"top/go.mod": "module example.com/top\n\ngo 1.26.0\n\nrequire (\n\texample.com/peer v0.0.0\n\texample.com/wire v0.0.0\n)\n\n" +
			"replace (\n\texample.com/peer => ../peer\n\texample.com/wire => ../wire\n)\n",
		"top/top.go":           "// Package top is on top.\npackage top\n\nimport _ \"example.com/wire\"\n",
		"top/top_test.go":      "package top\n\nimport _ \"example.com/peer\"\n",
		"top/README.md":        "```go\nfunc main() {\n\ttop.Go()\n```\n",
		"top/example_test.go":  "package top_test\n\nfunc ExampleGo() {\n\ttop.Go()\n}\n",
		"top/_asm/gen.go":      "package main\n\nimport _ \"example.com/peer\"\n",
		"top/gen.go":           "//go:build ignore\n\npackage main\n\nimport _ \"example.com/peer\"\n",
		"top/testdata/odd.go":  "not Go, and /home/someone",
		"bench/results/now.md": "made in /tmp/x\n",
	}
}

// verify runs every rule over a tree and returns the lines that it prints.
func verify(t *testing.T, files map[string]string, p policy) []string {
	t.Helper()
	tree := fstest.MapFS{}
	for name, text := range files {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	r, err := load(tree, p.prefix)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, v := range check(r, p) {
		lines = append(lines, v.String())
	}
	return lines
}

func TestHealthyTree(t *testing.T) {
	if got := verify(t, healthy(), small); len(got) != 0 {
		t.Errorf("violations in a healthy tree:\n%s", strings.Join(got, "\n"))
	}
}

// TestEachRuleFires changes one thing in a healthy tree and expects exactly
// the lines that name it.
func TestEachRuleFires(t *testing.T) {
	const importWire = "\n\nimport _ \"example.com/wire\"\n"
	tests := []struct {
		name   string
		file   string
		old    string // replaced by text; empty: text is appended, or the file is new
		text   string
		remove bool
		want   []string
	}{
		{
			name: "import against the table", file: "top/top.go", old: "example.com/wire", text: "example.com/peer/x",
			want: []string{"top/top.go:4: top may not import peer (imports)"},
		}, {
			name: "test import against the table", file: "peer/more_test.go",
			text: "package main" + importWire + "import _ \"example.com/top\"\n",
			want: []string{
				"Makefile: MODULES has peer before top, which it imports (makefile)",
				"peer/go.mod: modules import each other: peer -> top -> peer (cycle)",
				"peer/go.mod: does not require top (gomod)",
				"peer/more_test.go:4: tests of peer may not import top (imports)",
			},
		}, {
			name: "module that the table lacks", file: "new/go.mod", text: "module example.com/new\n\ngo 1.26.0\n",
			want: []string{
				"Makefile: does not list new (makefile)",
				"go.work: does not use new (gowork)",
				"new: module without a README.md (readme)",
				"new/go.mod: module new is not in the import table of tools/verify/policy.go (imports)",
			},
		}, {
			name: "module path", file: "wire/go.mod", old: "module example.com/wire", text: "module example.com/wires",
			want: []string{"wire/go.mod: module path is not example.com/wire (gomod)"},
		}, {
			name: "missing require", file: "peer/go.mod", old: "require example.com/wire v0.0.0\n", text: "",
			want: []string{
				"peer/go.mod: does not require wire (gomod)",
				"peer/go.mod: has no use for its replace of wire (gomod)",
			},
		}, {
			name: "missing replace", file: "peer/go.mod", old: "replace example.com/wire => ../wire\n", text: "",
			want: []string{"peer/go.mod: does not replace wire (gomod)"},
		}, {
			name: "require without use", file: "wire/go.mod",
			text: "require example.com/peer v0.0.0\n\nreplace example.com/peer => ../peer\n",
			want: []string{"wire/go.mod: has no use for its require of peer (gomod)"},
		}, {
			name: "version of a sibling", file: "peer/go.mod", old: "wire v0.0.0", text: "wire v0.1.0",
			want: []string{"peer/go.mod: requires example.com/wire v0.1.0 instead of v0.0.0 (gomod)"},
		}, {
			name: "replace of a stranger", file: "wire/go.mod", text: "replace example.org/x => ../x\n",
			want: []string{"wire/go.mod: replace of example.org/x is not a sibling by its folder (gomod)"},
		}, {
			name: "toolchain line", file: "wire/go.mod", text: "\ntoolchain go1.26.8\n",
			want: []string{"wire/go.mod: toolchain line (gomod)"},
		}, {
			name: "go line", file: "wire/go.mod", old: "go 1.26.0", text: "go 1.25.0",
			want: []string{"wire/go.mod: go line differs from that of go.work (gomod)"},
		}, {
			name: "replace in go.work", file: "go.work", text: "\nreplace example.org/x => ./x\n",
			want: []string{"go.work: has more than a go line and use lines (gowork)"},
		}, {
			name: "use of no module", file: "go.work", old: "./top\n", text: "./top\n\t./tools\n",
			want: []string{"go.work: has no use for its use of tools (gowork)"},
		}, {
			name: "order in the Makefile", file: "Makefile", old: "wire \\\n\tpeer top", text: "peer wire top",
			want: []string{"Makefile: MODULES has peer before wire, which it imports (makefile)"},
		}, {
			name: "no list in the Makefile", file: "Makefile", old: "MODULES", text: "FOLDERS",
			want: []string{
				"Makefile: does not list peer (makefile)",
				"Makefile: does not list top (makefile)",
				"Makefile: does not list wire (makefile)",
			},
		}, {
			name: "package without a doc comment", file: "top/sub/sub.go", text: "// A notice.\n\npackage sub\n",
			want: []string{"top/sub: package without a doc comment (doc)"},
		}, {
			name: "no README", file: "peer/README.md", remove: true,
			want: []string{"peer: module without a README.md (readme)"},
		}, {
			name: "README without code", file: "wire/README.md", old: "```go", text: "```sh",
			want: []string{"wire/README.md: README without Go code (readme)"},
		}, {
			name: "README with other code", file: "wire/README.md", old: "wire.Move()", text: "wire.Lift()",
			want: []string{"wire/README.md: code that no Example test has: wire.Lift() (readme)"},
		}, {
			name: "no Example", file: "wire/example_test.go", remove: true,
			want: []string{"wire: module without an Example test (readme)"},
		}, {
			name: "promise without a test", file: "peer/README.md", text: "Proven by `TestPear` and `FuzzWire`.\n",
			want: []string{
				"peer/README.md:2: names TestPear, which is no test (proofs)",
				"peer/README.md:2: names FuzzWire, which is no test (proofs)",
			},
		}, {
			name: "path of a machine", file: "peer/README.md", text: "See /home/me/notes.\nKept in \"/tmp/x\".\n",
			want: []string{
				"peer/README.md:2: path of a machine: See /home/me/notes. (paths)",
				"peer/README.md:3: path of a machine: Kept in \"/tmp/x\". (paths)",
			},
		}, {
			name: "long file", file: "top/long.go", text: "package top\n" + strings.Repeat("\n", maxLines),
			want: []string{"top/long.go: 501 lines, more than 500 (length)"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files := healthy()
			switch {
			case test.remove:
				delete(files, test.file)
			case test.old != "":
				if !strings.Contains(files[test.file], test.old) {
					t.Fatalf("%s has no %q", test.file, test.old)
				}
				files[test.file] = strings.Replace(files[test.file], test.old, test.text, 1)
			default:
				files[test.file] += test.text
			}
			if got := verify(t, files, small); !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestStorageWords(t *testing.T) {
	tests := []struct {
		line string
		word string // what the report names, empty when the line is allowed
	}{
		{"// a drive of frames", "drive"},
		{"type DriveReader struct{}", "Drive"},
		{"const max_storage = 1", "storage"},
		{"// a key-value pair", "key value"},
		{"// as in simd-r-drive", "drive"},
		{"// see example.com/drive-core", "drive"},
		{"// see github.com/simd-drive/go/drive-core", "drive"},
		{"// Tombstones, compaction", "Tombstones"},
		{"// a data store", "data store"},
		{`import "github.com/simd-drive/go/muxio-rpc-caller"`, ""},
		{"// the driver is driven", ""},
		{"v.Store(key, value)", ""},
	}
	for _, test := range tests {
		files := healthy()
		files["wire/more.go"] = "package wire\n\n" + test.line + "\n"
		if strings.HasPrefix(test.line, "import") {
			files["wire/more.go"] = "package wire\n" + test.line + "\n"
		}
		var want []string
		if test.word != "" {
			want = []string{`wire/more.go:3: the generic modules do not know the word "` + test.word + `" (words)`}
		}
		if got := verify(t, files, small); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", test.line, got, want)
		}
	}
}

func TestExceptions(t *testing.T) {
	p := small
	p.longFiles = map[string]string{"top/long.go": "a table"}
	p.machinePaths = map[string]string{"peer/README.md": "shows a listing"}
	files := healthy()
	want := []string{
		"peer/README.md: exception in tools/verify/policy.go that nothing needs (paths)",
		"top/long.go: exception in tools/verify/policy.go that nothing needs (length)",
	}
	if got := verify(t, files, p); !slices.Equal(got, want) {
		t.Errorf("unused exceptions: got %q, want %q", got, want)
	}
	files["top/long.go"] = "package top\n" + strings.Repeat("\n", maxLines)
	files["peer/README.md"] += "/tmp/x\n"
	if got := verify(t, files, p); len(got) != 0 {
		t.Errorf("used exceptions: got %q", got)
	}
}

func TestGeneratedFilesMayBeLong(t *testing.T) {
	files := healthy()
	files["top/table.go"] = "// Code generated by gen. DO NOT EDIT.\n\npackage top\n" + strings.Repeat("\n", maxLines)
	if got := verify(t, files, small); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}

// TestPolicy holds that the import table of the repository has no cycle, that
// it names only modules that it has, and that no exception lacks its reason.
func TestPolicy(t *testing.T) {
	for module := range repository.imports {
		if repository.allowed(module, false)[module] {
			t.Errorf("%s may import itself", module)
		}
		for sibling := range repository.allowed(module, true) {
			if _, known := repository.imports[sibling]; !known {
				t.Errorf("%s may import %s, which is no module", module, sibling)
			}
			if sibling != module && repository.allowed(sibling, true)[module] {
				t.Errorf("%s and %s may import each other", module, sibling)
			}
		}
	}
	for _, exceptions := range []map[string]string{repository.programs, repository.longFiles, repository.machinePaths} {
		for name, reason := range exceptions {
			if reason == "" {
				t.Errorf("%s is excepted without a reason", name)
			}
		}
	}
}

func TestRun(t *testing.T) {
	tests := []struct {
		name           string
		change         map[string]string
		status         int
		stdout, stderr string
	}{
		{"healthy", nil, 0, "verify: 3 modules, 18 files, 11 rules: ok\n", ""},
		{
			"violation",
			map[string]string{"wire/tape.md": "storage\n"},
			1,
			"wire/tape.md:1: the generic modules do not know the word \"storage\" (words)\n", "verify: 1 violations\n",
		},
		{"unreadable go.mod", map[string]string{"wire/go.mod": "modul\n"}, 2, "", "verify: wire/go.mod:1: unknown directive: modul\n"},
		{"Go file with a syntax error", map[string]string{"wire/x.go": "packag\n"}, 2, "", "verify: wire/x.go:1:1: expected 'package', found packag\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files := healthy()
			maps.Copy(files, test.change)
			tree := fstest.MapFS{}
			for name, text := range files {
				tree[name] = &fstest.MapFile{Data: []byte(text)}
			}
			var stdout, stderr bytes.Buffer
			status := run(tree, small, &stdout, &stderr)
			if status != test.status || stdout.String() != test.stdout || stderr.String() != test.stderr {
				t.Errorf("got %d, %q, %q, want %d, %q, %q",
					status, stdout.String(), stderr.String(), test.status, test.stdout, test.stderr)
			}
		})
	}
}
