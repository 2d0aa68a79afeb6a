package gotest

import (
	"testing"

	"github.com/certshim/certshim/plugins/plugintest"
)

// Run runs all cases against a socket as subtests, named by their IDs. A case of level SHOULD
// that fails is logged.
func Run(t *testing.T, socket string, fixture plugintest.Fixture, o plugintest.Options) {
	t.Helper()
	report, err := plugintest.Check(t.Context(), socket, fixture, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range report.Results {
		t.Run(result.ID, func(t *testing.T) {
			switch {
			case result.Outcome == plugintest.Skipped:
				t.Skip(result.Detail)
			case result.Outcome == plugintest.Failed && result.Level == plugintest.Must:
				t.Errorf("%s: %s\n%s", result.Title, result.Detail, result.Hint)
			case result.Outcome == plugintest.Failed:
				t.Logf("it should: %s: %s", result.Title, result.Detail)
			}
		})
	}
	t.Log(report.Verdict())
}
