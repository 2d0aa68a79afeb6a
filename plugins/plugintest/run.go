package plugintest

import "testing"

// Run runs all cases against a socket as subtests, named by their IDs. A case of level SHOULD
// that fails is logged.
func Run(t *testing.T, socket string, fixture Fixture, o Options) {
	t.Helper()
	report, err := Check(t.Context(), socket, fixture, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range report.Results {
		t.Run(result.ID, func(t *testing.T) {
			switch {
			case result.Outcome == Skipped:
				t.Skip(result.Detail)
			case result.Outcome == Failed && result.Level == Must:
				t.Errorf("%s: %s\n%s", result.Title, result.Detail, result.Hint)
			case result.Outcome == Failed:
				t.Logf("it should: %s: %s", result.Title, result.Detail)
			}
		})
	}
	t.Log(report.Verdict())
}
