// Command verify checks the rules of the repository that no compiler and no
// linter checks: which module may import which, what each go.mod says, which
// words the generic modules avoid, and what must be documented.
//
// Usage: verify [root]
//
// It prints one line for each violation and exits with status 1 if there is any.
package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	os.Exit(run(os.DirFS(root), repository, os.Stdout, os.Stderr))
}

// run checks the tree against the policy and returns the exit status.
func run(tree fs.FS, p policy, stdout, stderr io.Writer) int {
	repo, err := load(tree, p.prefix)
	if err != nil {
		fmt.Fprintln(stderr, "verify:", err)
		return 2
	}
	violations := check(repo, p)
	for _, v := range violations {
		fmt.Fprintln(stdout, v)
	}
	if len(violations) > 0 {
		fmt.Fprintf(stderr, "verify: %d violations\n", len(violations))
		return 1
	}
	fmt.Fprintf(stdout, "verify: %d modules, %d files, %d rules: ok\n", len(repo.modules), len(repo.files), len(rules))
	return 0
}
