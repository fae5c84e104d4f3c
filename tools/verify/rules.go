package main

import (
	"cmp"
	"fmt"
	"slices"
)

// A violation is one place that breaks a rule.
type violation struct {
	position string // a file, or file:line
	rule     string
	text     string
}

// String returns the line that is printed.
func (v violation) String() string {
	return fmt.Sprintf("%s: %s (%s)", v.position, v.text, v.rule)
}

// A reporter takes the violations of one rule.
type reporter func(position, format string, args ...any)

// rules holds every rule by name.
var rules = []struct {
	name  string
	check func(*repo, policy, reporter)
}{
	{"imports", checkImports},
	{"cycle", checkCycles},
	{"gomod", checkGoMod},
	{"gowork", checkGoWork},
	{"makefile", checkMakefile},
	{"words", checkWords},
	{"doc", checkDocs},
	{"readme", checkReadmes},
	{"proofs", checkProofs},
	{"paths", checkPaths},
	{"length", checkLengths},
}

// check applies every rule and returns the violations in order of position.
func check(r *repo, p policy) []violation {
	var found []violation
	for _, rule := range rules {
		rule.check(r, p, func(position, format string, args ...any) {
			found = append(found, violation{position, rule.name, fmt.Sprintf(format, args...)})
		})
	}
	slices.SortStableFunc(found, func(a, b violation) int { return cmp.Compare(a.position, b.position) })
	return found
}
