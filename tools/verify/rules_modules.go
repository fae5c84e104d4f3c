package main

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// siblingVersion stands in a go.mod for a sibling, which a replace provides.
const siblingVersion = "v0.0.0"

// checkImports holds the table of allowed imports between modules.
func checkImports(r *repo, p policy, report reporter) {
	for _, m := range r.modules {
		if _, known := p.imports[m.dir]; !known {
			report(m.dir+"/go.mod", "module %s is not in the import table of tools/verify/policy.go", m.dir)
			continue
		}
		code, tests := p.allowed(m.dir, false), p.allowed(m.dir, true)
		for _, pk := range m.packages {
			for _, i := range pk.imports {
				switch {
				case i.module == m.dir:
				case i.test && !tests[i.module]:
					report(i.position, "tests of %s may not import %s", m.dir, i.module)
				case !i.test && !code[i.module]:
					report(i.position, "%s may not import %s", m.dir, i.module)
				}
			}
		}
	}
}

// checkCycles holds that the module graph has no cycle, tests included: go.sum
// lines of a release can only be computed in topological order.
func checkCycles(r *repo, _ policy, report reporter) {
	edges := map[string][]string{}
	for _, m := range r.modules {
		edges[m.dir] = slices.Sorted(maps.Keys(m.siblings()))
	}
	done := map[string]bool{}
	var visit func(m string, trail []string)
	visit = func(m string, trail []string) {
		if i := slices.Index(trail, m); i >= 0 {
			report(m+"/go.mod", "modules import each other: %s", strings.Join(append(trail[i:], m), " -> "))
			return
		}
		if done[m] {
			return
		}
		for _, next := range edges[m] {
			visit(next, append(trail, m))
		}
		done[m] = true
	}
	for _, m := range slices.Sorted(maps.Keys(edges)) {
		visit(m, nil)
	}
}

// siblings returns the folders of the modules that m imports, tests included.
func (m *module) siblings() map[string]bool {
	found := map[string]bool{}
	for _, p := range m.packages {
		for _, i := range p.imports {
			if i.module != m.dir {
				found[i.module] = true
			}
		}
	}
	return found
}

// checkGoMod holds that each go.mod requires the siblings that a build of its
// packages and tests needs, replaces those in its module graph, and has the
// go line of the workspace.
func checkGoMod(r *repo, p policy, report reporter) {
	requires := map[string][]string{}
	for _, m := range r.modules {
		for _, req := range m.mod.Require {
			if dir, sibling := strings.CutPrefix(req.Mod.Path, p.prefix); sibling {
				requires[m.dir] = append(requires[m.dir], dir)
			}
		}
	}
	for _, m := range r.modules {
		name := m.dir + "/go.mod"
		if want := p.prefix + m.dir; m.mod.Module == nil || m.mod.Module.Mod.Path != want {
			report(name, "module path is not %s", want)
		}
		if m.mod.Toolchain != nil {
			report(name, "toolchain line")
		}
		if m.mod.Go == nil || r.work.Go == nil || m.mod.Go.Version != r.work.Go.Version {
			report(name, "go line differs from that of go.work")
		}
		for _, req := range m.mod.Require {
			if strings.HasPrefix(req.Mod.Path, p.prefix) && req.Mod.Version != siblingVersion {
				report(name, "requires %s %s instead of %s", req.Mod.Path, req.Mod.Version, siblingVersion)
			}
		}
		compare(report, name, "require", requires[m.dir], r.needed(m))
		compare(report, name, "replace", replaced(m, p, report), reachable(m.dir, requires))
	}
}

// compare reports what is missing in got and what is there in vain.
func compare(report reporter, name, verb string, got []string, want map[string]bool) {
	for _, dir := range slices.Sorted(maps.Keys(want)) {
		if !slices.Contains(got, dir) {
			report(name, "does not %s %s", verb, dir)
		}
	}
	for _, dir := range got {
		if !want[dir] {
			report(name, "has no use for its %s of %s", verb, dir)
		}
	}
}

// needed returns the siblings that provide a package which m, its tests, or a
// package that these import needs: what `go mod tidy` requires.
func (r *repo) needed(m *module) map[string]bool {
	byPath := map[string]*pkg{}
	for _, other := range r.modules {
		for _, p := range other.packages {
			byPath[p.path] = p
		}
	}
	found, seen := map[string]bool{}, map[string]bool{}
	var visit func(i siblingImport)
	visit = func(i siblingImport) {
		if i.module != m.dir {
			found[i.module] = true
		}
		p := byPath[i.path]
		if p == nil || seen[i.path] {
			return
		}
		seen[i.path] = true
		for _, next := range p.imports {
			if !next.test {
				visit(next)
			}
		}
	}
	for _, p := range m.packages {
		for _, i := range p.imports {
			visit(i)
		}
	}
	return found
}

// replaced returns the siblings that m replaces by their folders.
func replaced(m *module, p policy, report reporter) []string {
	var dirs []string
	for _, rep := range m.mod.Replace {
		dir, sibling := strings.CutPrefix(rep.Old.Path, p.prefix)
		if !sibling || rep.Old.Version != "" || rep.New.Path != "../"+dir {
			report(m.dir+"/go.mod", "replace of %s is not a sibling by its folder", rep.Old.Path)
			continue
		}
		dirs = append(dirs, dir)
	}
	return dirs
}

// reachable returns the modules in the module graph of one.
func reachable(from string, requires map[string][]string) map[string]bool {
	found := map[string]bool{}
	var visit func(string)
	visit = func(m string) {
		for _, next := range requires[m] {
			if !found[next] && next != from {
				found[next] = true
				visit(next)
			}
		}
	}
	visit(from)
	return found
}

// checkGoWork holds that go.work lists exactly the modules and nothing else.
func checkGoWork(r *repo, _ policy, report reporter) {
	if len(r.work.Replace) > 0 || len(r.work.Godebug) > 0 || r.work.Toolchain != nil {
		report("go.work", "has more than a go line and use lines")
	}
	var used []string
	for _, use := range r.work.Use {
		used = append(used, path.Clean(use.Path))
	}
	want := map[string]bool{}
	for _, m := range r.modules {
		want[m.dir] = true
	}
	compare(report, "go.work", "use", used, want)
}

// modulesVariable finds the list of modules in the Makefile, with its
// continuation lines.
var modulesVariable = regexp.MustCompile(`(?m)^MODULES\s*:?=((?:.*\\\n)*.*)$`)

// checkMakefile holds that MODULES has each module once, after its imports.
func checkMakefile(r *repo, _ policy, report reporter) {
	var listed []string
	for _, f := range r.files {
		if match := modulesVariable.FindStringSubmatch(f.text); f.path == "Makefile" && match != nil {
			listed = strings.Fields(strings.ReplaceAll(match[1], "\\\n", " "))
		}
	}
	want := map[string]bool{}
	for _, m := range r.modules {
		want[m.dir] = true
		at := slices.Index(listed, m.dir)
		for _, sibling := range slices.Sorted(maps.Keys(m.siblings())) {
			if slices.Index(listed, sibling) > at {
				report("Makefile", "MODULES has %s before %s, which it imports", m.dir, sibling)
			}
		}
	}
	compare(report, "Makefile", "list", listed, want)
}
