package certificate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/certificate"
)

// rule is one of an operator's, written as managers, operations and fields, each separated by commas,
// or - for all, and what then.
func rule(t *testing.T, text string) certificate.OwnershipRule {
	t.Helper()
	words := strings.Fields(text)
	list := func(word string) []string {
		if word == "-" {
			return nil
		}
		return strings.Split(word, ",")
	}
	out := certificate.OwnershipRule{Managers: list(words[0]), Operations: list(words[1]), Then: certificate.Then(words[3])}
	for _, field := range list(words[2]) {
		prefix, err := certificate.ParseField(field)
		if err != nil {
			t.Fatal(err)
		}
		out.Fields = append(out.Fields, prefix)
	}
	return out
}

func TestOwnershipRules(t *testing.T) {
	const applied, updated = "helm Apply 11:00 spec>duration", "kubectl-edit Update 11:00 spec>duration"
	for name, row := range map[string]struct {
		rules  []string
		may    []certificate.Then
		chosen string
		entry  string
		field  string // which has another value, spec.duration if empty
		want   string
	}{
		"no rule, applied":                {entry: applied, want: "none left .spec.duration by helm 0"},
		"no rule, updated":                {entry: updated, want: "apply force put back .spec.duration by kubectl-edit 0"},
		"force over an applier":           {rules: []string{"helm Apply spec.duration force"}, entry: applied, want: "apply force put back .spec.duration by helm 1"},
		"yield to who updates":            {rules: []string{"- Update - yield"}, entry: updated, want: "none left .spec.duration by kubectl-edit 1"},
		"fail":                            {rules: []string{"- - spec fail"}, entry: updated, want: "keep failed by ownership.rules[0]"},
		"the first that matches counts":   {rules: []string{"flux - - fail", "hel* - - force", "- - - fail"}, entry: applied, want: "apply force put back .spec.duration by helm 2"},
		"a beginning of a name":           {rules: []string{"kubectl* - - yield"}, entry: updated, want: "none left .spec.duration by kubectl-edit 1"},
		"no beginning without *":          {rules: []string{"kubectl - - yield"}, entry: updated, want: "apply force put back .spec.duration by kubectl-edit 0"},
		"another operation":               {rules: []string{"helm Update - force"}, entry: applied, want: "none left .spec.duration by helm 0"},
		"another field":                   {rules: []string{"- - spec.subject,metadata.labels[duration] force"}, entry: applied, want: "none left .spec.duration by helm 0"},
		"what ties it to its source":      {rules: []string{"- - - yield"}, entry: "helm Apply 11:00 spec>secretName", field: "secretName", want: "apply put back .spec.secretName by helm 0"},
		"a shim's field":                  {rules: []string{shim + " - - yield"}, entry: shim + " Update 11:00 spec>duration", want: "none left .spec.duration by " + shim + " 1"},
		"the source's choice":             {may: certificate.Thens(), chosen: "fail", entry: applied, want: "keep failed by the annotation certshim.io/conflicts"},
		"a choice in place of a default":  {may: certificate.Thens(), chosen: "yield", entry: updated, want: "none left .spec.duration by kubectl-edit 0"},
		"a rule comes before the choice":  {rules: []string{"helm - - force"}, may: certificate.Thens(), chosen: "fail", entry: applied, want: "apply force put back .spec.duration by helm 1"},
		"a choice that isn't allowed":     {may: []certificate.Then{certificate.Yield}, chosen: "fail", entry: applied, want: "none left .spec.duration by helm 0 choice refused: yield"},
		"no choice is allowed":            {chosen: "force", entry: applied, want: "none left .spec.duration by helm 0 choice refused: nothing, by ownership.sourcesMay"},
		"a choice doesn't spare the shim": {may: certificate.Thens(), chosen: "yield", entry: shim + " Update 11:00 spec>duration", want: "apply takeover"},
	} {
		t.Run(name, func(t *testing.T) {
			in := input(withDuration)
			for _, text := range row.rules {
				in.Policy.Ownership.Rules = append(in.Policy.Ownership.Rules, rule(t, text))
			}
			in.Policy.Ownership.SourcesMay, in.Request.Conflicts = row.may, row.chosen
			field := "duration"
			if row.field != "" {
				field = row.field
			}
			live := liveOf(t, in, set(field, "other"), without(ownOf(in, "10:00"), "spec>"+field), row.entry)
			if diff := cmp.Diff(row.want, conflictsTold(decideLive(in, live))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// conflictsTold is a decision about one field that another holds, on one line.
func conflictsTold(d certificate.Decision) string {
	out := []string{string(d.Action)}
	if d.Force {
		out = append(out, "force")
		if d.Guard.ResourceVersion != "7" {
			out = append(out, "unguarded")
		}
	}
	for _, p := range d.PutBack {
		out = append(out, fmt.Sprintf("put back %s by %s %d", p.Field, p.Manager, p.Rule))
	}
	for _, c := range d.Yielded {
		out = append(out, fmt.Sprintf("left %s by %s %d", c.Field, c.Manager, c.Rule))
	}
	if d.TakeOver != nil && len(d.PutBack) == 0 {
		out = append(out, "takeover")
	}
	for _, p := range d.Problems.All() {
		_, by, failed := strings.Cut(p.Message, "nothing of the Certificate changes, by ")
		switch {
		case failed && d.Config == nil:
			out = append(out, "failed by "+by)
		case p.Key != "":
			out = append(out, "choice refused: "+p.Allowed)
		}
	}
	return strings.Join(out, " ")
}

func TestParseField(t *testing.T) {
	for text, valid := range map[string]bool{
		"spec": true, "spec.duration": true, "spec.subject": true, "spec.subject.countries": true, "metadata.labels": true, "metadata.labels[team]": true,
		"metadata.annotations[example.com/a.b]": true, "spec.secretTemplate.labels[app.kubernetes.io/name]": true,
		"": false, "metadata": false, "status": false, "spec.duratoin": false, "spec.isCA": false, "spec.secretName": false, "metadata.ownerReferences": false,
		"metadata.labels.team": false, "metadata.labels[]": false, "metadata.labels[team": false, "metadata.labels[team].x": false, "spec.duration[x]": false, "spec.subject[x]": false,
	} {
		if _, err := certificate.ParseField(text); (err == nil) != valid {
			t.Errorf("%q: %v, want it to be valid: %t", text, err, valid)
		}
	}
}

// What is left to others, or fails for their sake, is decided anew once they change it or give it up.
func TestWhatOthersHoldIsObserved(t *testing.T) {
	in := input(withDuration)
	own := without(ownOf(in, "10:00"), "spec>duration")
	seen := func(value any, entries ...string) uint64 {
		return certificate.Observe(liveOf(t, in, set("duration", value), append(entries, own)...)).Others
	}
	theirs := seen("3h", "helm Apply 11:00 spec>duration")
	if again := seen("3h", "helm Apply 12:00 spec>duration", status); theirs == 0 || again != theirs {
		t.Errorf("%d and %d, want the same whatever else changes", theirs, again)
	}
	for name, other := range map[string]uint64{
		"another value": seen("2h", "helm Apply 11:00 spec>duration"), "nobody": seen("3h"), "more": seen("3h", "helm Apply 11:00 spec>duration spec>usages"),
	} {
		if other == theirs {
			t.Errorf("%s isn't seen", name)
		}
	}
}
