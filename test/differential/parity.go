package differential

import (
	"fmt"
	"slices"

	"github.com/google/go-cmp/cmp"
)

// Finding is what came of one input.
type Finding struct {
	// Hit are the names of the rows that hit, Changed those among them without which
	// another result would be expected.
	Hit, Changed []string
	// Made is true when certshim leaves a Certificate of the source behind.
	Made bool
	// Difference is what no row explains, empty where the two sides are equal, and what
	// plan prints is what certshim does.
	Difference string
}

// Compare asks both sides about an input, rewrites upstream's result by the rows, and holds
// plan to the decision.
func Compare(in *Input) (Finding, error) {
	rows := Rows()
	want, err := Expected(in, rows)
	if err != nil {
		return Finding{}, err
	}
	got, err := ours(in)
	if err != nil {
		return Finding{}, fmt.Errorf("certshim: %w", err)
	}
	finding := Finding{Hit: want.Hit, Made: made(got, in), Difference: cmp.Diff(want.After, got)}
	if finding.Changed, err = changed(in, rows, want); err != nil || finding.Difference != "" {
		return finding, err
	}
	finding.Difference, err = comparePlan(in)
	return finding, err
}

// changed are the rows that hit without which upstream's result would be another.
func changed(in *Input, rows []Row, want Expectation) ([]string, error) {
	var out []string
	for _, name := range want.Hit {
		others := slices.DeleteFunc(slices.Clone(rows), func(row Row) bool { return row.Name == name })
		without, err := Expected(in, others)
		if err != nil {
			return nil, err
		}
		if !cmp.Equal(want.After, without.After) {
			out = append(out, name)
		}
	}
	return out, nil
}

func comparePlan(in *Input) (string, error) {
	want, err := toBePlanned(in)
	if err != nil {
		return "", err
	}
	got, err := planned(in)
	if err != nil {
		return "", err
	}
	if difference := cmp.Diff(want, got); difference != "" {
		return "plan -o json prints (-decided +printed):\n" + difference, nil
	}
	return "", nil
}

// made says whether the Certificates of a source are among some.
func made(after certificates, in *Input) bool {
	for _, certificate := range after {
		owners, _ := get(certificate, "metadata", "ownerReferences").([]any)
		for _, reference := range owners {
			if reference, _ := reference.(map[string]any); text(reference, "uid") == in.Object.UID {
				return true
			}
		}
	}
	return false
}
