package main

import "slices"

// A policy is what the rules compare a tree with.
type policy struct {
	// prefix is the import path of the repository, with a slash at the end.
	prefix string

	// imports lists, for each module folder, the sibling folders that its
	// packages may import. What those may import is allowed as well.
	imports map[string][]string

	// testImports lists the siblings that its tests may import beyond that.
	testImports map[string][]string

	// generic holds the folders in which no word of storage may stand.
	generic []string

	// programs holds the modules that need no Example test, with the reason.
	programs map[string]string

	// longFiles holds the Go files that may exceed maxLines, with the reason.
	longFiles map[string]string

	// machinePaths holds the files that may name a path of a machine, with
	// the reason.
	machinePaths map[string]string
}

// maxLines is the length of a Go file in lines up to which it needs no reason.
const maxLines = 500

// repository is the policy of this repository.
var repository = policy{
	prefix: "github.com/simd-drive/go/",

	imports: map[string][]string{
		"drive-core":               {},
		"muxio":                    {},
		"muxio-rpc-service":        {"muxio"},
		"muxio-rpc-caller":         {"muxio", "muxio-rpc-service"},
		"muxio-rpc-endpoint":       {"muxio", "muxio-rpc-service"},
		"muxio-ws-client":          {"muxio", "muxio-rpc-service", "muxio-rpc-caller", "muxio-rpc-endpoint"},
		"muxio-ws-server":          {"muxio", "muxio-rpc-service", "muxio-rpc-caller", "muxio-rpc-endpoint"},
		"drive-service-definition": {"muxio-rpc-service"},
		"drive-ws-server":          {"drive-core", "muxio-ws-server", "drive-service-definition"},
		"drive-ws-client":          {"muxio-ws-client", "drive-service-definition"},
		"drive-cli":                {"drive-core", "drive-ws-client"},
		"bench":                    {"drive-core", "drive-ws-client", "drive-ws-server"},
		"interop":                  {},
	},

	// Tests of a server use the client of the same layer, never the reverse,
	// or the module graph would have a cycle.
	testImports: map[string][]string{
		"muxio-ws-server": {"muxio-ws-client"},
		"drive-ws-client": {"muxio-ws-server"},
		"drive-ws-server": {"drive-ws-client"},
		"drive-cli":       {"drive-ws-server"},
		"interop":         {"drive-core", "drive-ws-client"},
	},

	generic: []string{
		"muxio", "muxio-rpc-service", "muxio-rpc-caller", "muxio-rpc-endpoint",
		"muxio-ws-client", "muxio-ws-server", "muxio-js",
	},

	programs: map[string]string{
		"bench":     "a program: its README shows shell commands",
		"drive-cli": "a program: its README shows shell commands",
		"interop":   "only tests: nothing imports it",
	},

	longFiles: map[string]string{},

	machinePaths: map[string]string{},
}

// allowed returns the siblings that a module may import: those listed for it
// and what those may import in turn. With tests, those of testImports too.
func (p policy) allowed(module string, tests bool) map[string]bool {
	seen := map[string]bool{}
	var visit func(string)
	visit = func(m string) {
		if seen[m] {
			return
		}
		seen[m] = true
		for _, next := range p.imports[m] {
			visit(next)
		}
	}
	roots := p.imports[module]
	if tests {
		roots = slices.Concat(roots, p.testImports[module])
	}
	for _, m := range roots {
		visit(m)
	}
	return seen
}
