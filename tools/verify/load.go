package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"
)

// A repo is what the rules look at: every file of interest, read once, and the
// modules with their packages.
type repo struct {
	files   []file
	work    *modfile.WorkFile
	modules []*module // by folder, without those outside the workspace
}

// A file is one text file of the repository.
type file struct {
	path string // slash-separated, from the root
	text string
}

// A module is one folder with a go.mod, listed in go.work or not.
type module struct {
	dir      string
	mod      *modfile.File
	packages []*pkg
}

// A pkg is one folder with Go files. Files of every platform count.
type pkg struct {
	dir     string
	path    string // import path
	hasCode bool   // it has a file that is not a test
	hasDoc  bool
	imports []siblingImport
}

// A siblingImport is one import of a package of this repository.
type siblingImport struct {
	path     string // import path
	module   string // folder of the module
	test     bool   // it stands in a test or an example program
	position string // file:line
}

// skipped holds folder names that are not looked into: what git or a build
// leaves there, and bytes that tests read.
var skipped = map[string]bool{".git": true, ".bin": true, "testdata": true, "results": true}

// outside holds folders with a go.mod that are not part of the workspace.
func outside(dir string) bool {
	return dir == "tools" || strings.HasPrefix(dir, "tools/") || dir == "muxio-js/test/peer" || strings.HasPrefix(path.Base(dir), "_")
}

// textSuffixes are the ends of the names of the files that are read.
var textSuffixes = []string{
	".go", ".md", ".mod", ".work", ".yml", ".yaml", ".toml", ".json", ".sh", ".service",
	".html", ".js", ".css", "Makefile", "Dockerfile", ".ci/run", ".editorconfig", ".gitignore",
}

// load reads the tree. Import paths that start with prefix are siblings.
func load(tree fs.FS, prefix string) (*repo, error) {
	r := &repo{}
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if skipped[entry.Name()] {
				return fs.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() || !slices.ContainsFunc(textSuffixes, func(s string) bool { return strings.HasSuffix(name, s) }) {
			return nil
		}
		data, err := fs.ReadFile(tree, name)
		r.files = append(r.files, file{path: name, text: string(data)})
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := r.loadModules(prefix); err != nil {
		return nil, err
	}
	if r.work == nil {
		return nil, errors.New("no go.work at the root")
	}
	return r, nil
}

// loadModules parses go.work, every go.mod and every Go file.
func (r *repo) loadModules(prefix string) error {
	for _, f := range r.files {
		var err error
		switch {
		case f.path == "go.work":
			r.work, err = modfile.ParseWork(f.path, []byte(f.text), nil)
		case path.Base(f.path) == "go.mod" && !outside(path.Dir(f.path)):
			m := &module{dir: path.Dir(f.path)}
			m.mod, err = modfile.Parse(f.path, []byte(f.text), nil)
			r.modules = append(r.modules, m)
		}
		if err != nil {
			return err
		}
	}
	for _, f := range r.files {
		m := r.moduleOf(f.path)
		if m == nil || !strings.HasSuffix(f.path, ".go") {
			continue
		}
		if err := m.addFile(f, prefix); err != nil {
			return err
		}
	}
	return nil
}

// moduleOf returns the module that a file belongs to, nil if there is none.
func (r *repo) moduleOf(name string) *module {
	for _, m := range r.modules {
		rest, inside := strings.CutPrefix(name, m.dir+"/")
		if inside && !strings.HasPrefix(rest, "_") && !strings.Contains(rest, "/_") {
			return m
		}
	}
	return nil
}

// addFile notes the package, the doc comment and the sibling imports of f.
func (m *module) addFile(f file, prefix string) error {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, f.path, f.text, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return err
	}
	if ignored(parsed) {
		return nil
	}
	p := m.packageIn(path.Dir(f.path))
	// Example programs are read and run, never imported: they may use what tests may.
	test := strings.HasSuffix(f.path, "_test.go") || strings.Contains(f.path, "/example/")
	if !test {
		p.hasCode = true
		p.hasDoc = p.hasDoc || strings.TrimSpace(parsed.Doc.Text()) != ""
	}
	for _, spec := range parsed.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
		rest, sibling := strings.CutPrefix(name, prefix)
		if !sibling {
			continue
		}
		dir, _, _ := strings.Cut(rest, "/")
		position := fset.Position(spec.Pos())
		p.imports = append(p.imports, siblingImport{
			path: name, module: dir, test: test,
			position: fmt.Sprintf("%s:%d", f.path, position.Line),
		})
	}
	return nil
}

// packageIn returns the package in a folder, a new one the first time.
func (m *module) packageIn(dir string) *pkg {
	for _, p := range m.packages {
		if p.dir == dir {
			return p
		}
	}
	p := &pkg{dir: dir, path: m.mod.Module.Mod.Path + strings.TrimPrefix(dir, m.dir)}
	m.packages = append(m.packages, p)
	return p
}

// ignored tells whether no build takes the file: its constraint asks for the
// tag "ignore". The go command counts the imports of all others.
func ignored(f *ast.File) bool {
	for _, group := range f.Comments {
		for _, c := range group.List {
			if c.Pos() > f.Package || !constraint.IsGoBuild(c.Text) {
				continue
			}
			expr, err := constraint.Parse(c.Text)
			if err != nil {
				continue
			}
			if tag, ok := expr.(*constraint.TagExpr); ok && tag.Tag == "ignore" {
				return true
			}
		}
	}
	return false
}
