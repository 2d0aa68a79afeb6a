package app_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/certshim/certshim/cmd/certshim/app"
	generated "github.com/certshim/certshim/declaration/pages"
)

// asProgram is set in the environment of a test binary that is to be the program.
const asProgram = "CERTSHIM_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	program := func() { os.Exit(app.Main()) }
	if os.Getenv(asProgram) != "" {
		program()
	}
	if os.Getenv(asDeaf) != "" {
		deaf()
	}
	testscript.Main(m, map[string]func(){"certshim": program, "kubectl-certshim": program})
}

// TestScripts runs testdata/*.txtar: the commands as people type them, with what they
// print and their exit status. The manifests of examples/ are in the folder of each.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		UpdateScripts:       generated.Update(),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": func(ts *testscript.TestScript, negated bool, args []string) {
			status(ts, negated, args)
			app.PrintsReport(t, ts.ReadFile("stdout"))
		}},
	})
}

func setUp(env *testscript.Env) error {
	env.Setenv("KUBECONFIG", filepath.Join(env.WorkDir, "no-kubeconfig"))
	return os.CopyFS(filepath.Join(env.WorkDir, "examples"), os.DirFS("../../../examples"))
}

// status N COMMAND… runs a command, whose exit status must be N.
func status(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	err = ts.Exec(args[1], args[2:]...)
	if errors.As(err, &exit) {
		got, err = exit.ExitCode(), nil
	}
	ts.Check(err)
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}
