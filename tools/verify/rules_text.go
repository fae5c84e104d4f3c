package main

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	// storageWords are the words that the generic modules do not know.
	storageWords = regexp.MustCompile(`(?i)\b(drives?|storage|data ?stores?|payload stores?|` +
		`key ?value|tombstones?|compactions?|databases?|memtables?)\b`)

	// ownPaths are the import paths in which such a word may stand.
	ownPaths = regexp.MustCompile(`((github\.com/)?simd-drive/go|@simd-drive)(/muxio[a-z-]*)?`)

	// camelCase is a place where a new word starts inside an identifier.
	camelCase = regexp.MustCompile(`([a-z0-9])([A-Z])`)

	// wordJoints join the words of an identifier, a file name or a compound.
	wordJoints = regexp.MustCompile(`[_/-]`)

	// machinePath is a path that only one machine has.
	machinePath = regexp.MustCompile(`(^|[^A-Za-z0-9_.}])/(home|root|tmp|work|Users)/`)

	// generatedFile marks a file that a program wrote.
	generatedFile = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

	// exampleTest is the head of an Example function.
	exampleTest = regexp.MustCompile(`(?m)^func Example\w*\(\) {$`)

	// testFunction is the head of a test, and namedTest the name of one in a document.
	testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w*)\(`)
	namedTest    = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z]\\w*)`")

	// goBlock is a piece of Go code in a Markdown file.
	goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")
)

// checkWords holds that the generic modules say nothing of storage.
func checkWords(r *repo, p policy, report reporter) {
	for _, f := range r.files {
		top, _, _ := strings.Cut(f.path, "/")
		if !slices.Contains(p.generic, top) || (path.Ext(f.path) != ".go" && path.Ext(f.path) != ".md") {
			continue
		}
		for number, line := range numbered(f.text) {
			line = ownPaths.ReplaceAllString(line, "")
			line = camelCase.ReplaceAllString(line, "$1 $2")
			line = wordJoints.ReplaceAllString(line, " ")
			if word := storageWords.FindString(line); word != "" {
				report(fmt.Sprintf("%s:%d", f.path, number), "the generic modules do not know the word %q", word)
			}
		}
	}
}

// checkDocs holds that each package has a doc comment.
func checkDocs(r *repo, _ policy, report reporter) {
	for _, m := range r.modules {
		for _, pk := range m.packages {
			if pk.hasCode && !pk.hasDoc {
				report(pk.dir, "package without a doc comment")
			}
		}
	}
}

// checkReadmes holds that each module has a README whose Go code is that of
// an Example test, so that the compiler and the tests have seen it.
func checkReadmes(r *repo, p policy, report reporter) {
	for _, m := range r.modules {
		var readme *file
		example := map[string]bool{}
		hasExample := false
		for i, f := range r.files {
			switch {
			case f.path == m.dir+"/README.md":
				readme = &r.files[i]
			case strings.HasSuffix(f.path, "_test.go") && r.moduleOf(f.path) == m && exampleTest.MatchString(f.text):
				hasExample = true
				for _, line := range numbered(f.text) {
					example[strings.TrimSpace(line)] = true
				}
			}
		}
		if readme == nil {
			report(m.dir, "module without a README.md")
			continue
		}
		if _, isProgram := p.programs[m.dir]; isProgram {
			continue
		}
		if !hasExample {
			report(m.dir, "module without an Example test")
			continue
		}
		checkReadmeCode(*readme, example, report)
	}
}

// checkReadmeCode holds that a README has Go code, each line of which stands
// in one of the lines of Example tests.
func checkReadmeCode(readme file, example map[string]bool, report reporter) {
	blocks := goBlock.FindAllStringSubmatch(readme.text, -1)
	if blocks == nil {
		report(readme.path, "README without Go code")
	}
	for _, block := range blocks {
		for _, line := range numbered(block[1]) {
			line = strings.TrimSpace(line)
			if line != "" && line != "package main" && line != "func main() {" && !example[line] {
				report(readme.path, "code that no Example test has: %s", line)
			}
		}
	}
}

// checkProofs holds that the tests that documents name are there.
func checkProofs(r *repo, _ policy, report reporter) {
	tests := map[string]bool{}
	for _, f := range r.files {
		if strings.HasSuffix(f.path, "_test.go") {
			for _, match := range testFunction.FindAllStringSubmatch(f.text, -1) {
				tests[match[1]] = true
			}
		}
	}
	for _, f := range r.files {
		if path.Ext(f.path) != ".md" {
			continue
		}
		for number, line := range numbered(f.text) {
			for _, match := range namedTest.FindAllStringSubmatch(line, -1) {
				if !tests[match[1]] {
					report(fmt.Sprintf("%s:%d", f.path, number), "names %s, which is no test", match[1])
				}
			}
		}
	}
}

// checkPaths holds that nothing but tests names a path of somebody's machine.
func checkPaths(r *repo, p policy, report reporter) {
	used := map[string]bool{}
	for _, f := range r.files {
		if strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		for number, line := range numbered(f.text) {
			if !machinePath.MatchString(line) {
				continue
			}
			if _, excused := p.machinePaths[f.path]; excused {
				used[f.path] = true
				continue
			}
			report(fmt.Sprintf("%s:%d", f.path, number), "path of a machine: %s", strings.TrimSpace(line))
		}
	}
	reportUnused(p.machinePaths, used, report)
}

// checkLengths holds that a long Go file has a reason.
func checkLengths(r *repo, p policy, report reporter) {
	used := map[string]bool{}
	for _, f := range r.files {
		if path.Ext(f.path) != ".go" || generatedFile.MatchString(f.text) {
			continue
		}
		lines := strings.Count(f.text, "\n")
		if lines <= maxLines {
			continue
		}
		if _, excused := p.longFiles[f.path]; excused {
			used[f.path] = true
			continue
		}
		report(f.path, "%d lines, more than %d", lines, maxLines)
	}
	reportUnused(p.longFiles, used, report)
}

// reportUnused reports the exceptions that nothing needs.
func reportUnused(exceptions map[string]string, used map[string]bool, report reporter) {
	for _, name := range slices.Sorted(maps.Keys(exceptions)) {
		if !used[name] {
			report(name, "exception in tools/verify/policy.go that nothing needs")
		}
	}
}

// numbered yields the lines of a text with their numbers from 1.
func numbered(text string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range strings.Lines(text) {
			number++
			if !yield(number, strings.TrimSuffix(line, "\n")) {
				return
			}
		}
	}
}
