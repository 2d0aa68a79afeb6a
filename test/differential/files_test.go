package differential

import (
	"path/filepath"
	"testing"

	"github.com/certshim/certshim/test/oracle"
)

// TestFiles holds the two sides, and plan, against each other on manifests that people
// wrote: the examples of the documentation, and what once failed.
func TestFiles(t *testing.T) {
	options := oracle.Defaults()
	options.DefaultIssuerName = "default"
	made := 0
	for _, pattern := range []string{"../../examples/*.yaml", "testdata/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files, %v", pattern, err)
		}
		for _, file := range files {
			inputs, err := inputsOf(file, options)
			if err != nil {
				t.Fatal(err)
			}
			for _, in := range inputs {
				t.Run(filepath.Base(file)+"/"+in.Object.Name, func(t *testing.T) {
					if holds(t, in).Made {
						made++
					}
				})
			}
		}
	}
	if made == 0 {
		t.Error("no file leads to a Certificate")
	}
}

// holds fails the test where the two sides differ.
func holds(t *testing.T, in *Input) Finding {
	t.Helper()
	finding, err := Compare(in)
	if err != nil || finding.Difference != "" {
		t.Errorf("%s\nrows: %v\nerror: %v\n(-upstream, rewritten +certshim):\n%s", in.YAML(), finding.Hit, err, finding.Difference)
	}
	return finding
}
