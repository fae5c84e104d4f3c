package main

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	// The scripts run this test binary under the name drive.
	testscript.Main(m, map[string]func(){"drive": main})
}

// TestVerbs runs each script of testdata/script/both with a file as $STORE, and
// again with the address of a server.
func TestVerbs(t *testing.T) {
	t.Run("local", func(t *testing.T) {
		runScripts(t, "both", func(env *testscript.Env) error {
			env.Setenv("STORE", "store.drive")
			return nil
		})
	})
	t.Run("remote", func(t *testing.T) { runScripts(t, "both", serveStore) })
}

// TestFiles runs the scripts about storage files.
func TestFiles(t *testing.T) { runScripts(t, "local", nil) }

// TestServers runs the scripts about remote stores, with the address of an
// empty one in $STORE.
func TestServers(t *testing.T) { runScripts(t, "remote", serveStore) }

func runScripts(t *testing.T, dir string, setup func(*testscript.Env) error) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script", dir),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			if setup == nil {
				return nil
			}
			return setup(env)
		},
		Condition: func(cond string) (bool, error) {
			if cond == "race" {
				return raceDetector, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"status":  status,
			"flipbit": flipBit,
			"hex":     writeHex,
			"fifo":    makeFIFO,
		},
	})
}
