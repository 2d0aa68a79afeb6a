package certificate_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/ownership"
)

// What a report says of the fields is what is decided about them, and what is foreseen is what the
// API server makes of it.
func TestReportsForetellDecisions(t *testing.T) {
	const worlds, steps = 20, 20
	seen, short := map[ownership.Verdict]int{}, 0
	for seed := range uint64(worlds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &world{server: newServer(), T: t, random: rand.New(rand.NewPCG(seed, 2))}
			w.in = asked(w.random)
			rules := rulesOf(w.random)
			for range steps {
				w.in.Policy.Ownership = rules
				w.in.Request.Conflicts = pick(w.random, "", "", "force", "yield", "fail")
				w.foretold(seen)
				w.disturb()
				w.foretellsApply()
			}
			short += w.short
		})
	}
	if short == 0 {
		t.Error("no report was ever made the short way")
	}
	for _, v := range []ownership.Verdict{ownership.Untracked, ownership.Yielded, ownership.Drifted, ownership.Unowned, ownership.Shared, ownership.Foreign, ownership.Ours} {
		if seen[v] == 0 {
			t.Errorf("no field was ever %s: %v", v, seen)
		}
	}
}

// foretold decides and executes until nothing is to be written, and compares with what was foreseen.
func (w *world) foretold(seen map[ownership.Verdict]int) {
	w.Helper()
	for range 4 {
		d, live := w.decide(), w.object()
		var next ownership.Prediction
		if live != nil && d.Asked != nil {
			next = w.reported(d, live, seen)
		}
		if d.Action != certificate.Create && d.Action != certificate.Apply {
			return
		}
		if err := w.execute(d); err != nil {
			w.failf("the API server refuses what was decided: %v", err)
		}
		if next.Object != nil && !d.Continues {
			w.becomes(next.Object)
		}
	}
}

// rulesOf are some rules of an operator.
func rulesOf(r *rand.Rand) certificate.Ownership {
	out := certificate.Ownership{SourcesMay: pick(r, nil, certificate.Thens())}
	for range r.IntN(4) {
		rule := certificate.OwnershipRule{
			Managers:   pick(r, nil, []string{"helm"}, []string{"kubectl*", "argocd-controller"}, []string{"cert-manager-ingress-shim"}),
			Operations: pick(r, nil, []string{"Apply"}, []string{"Update"}),
			Then:       pick(r, certificate.Force, certificate.Yield, certificate.Yield, certificate.Fail),
		}
		for _, text := range pick(r, nil, []string{"spec.duration"}, []string{"spec.issuerRef.kind", "spec.privateKey"}, []string{"metadata.labels[team]", "spec.secretTemplate"}) {
			field, err := certificate.ParseField(text)
			if err != nil {
				panic(err)
			}
			rule.Fields = append(rule.Fields, field)
		}
		out.Rules = append(out.Rules, rule)
	}
	return out
}

// reported compares the report of a live Certificate with the decision about it.
func (w *world) reported(d certificate.Decision, live map[string]any, seen map[ownership.Verdict]int) ownership.Prediction {
	w.Helper()
	report := ownership.Of(ownership.Input{Live: live, Asked: d.Asked, Choice: d.Choice})
	acts := false
	for _, f := range report.Fields {
		seen[f.Verdict]++
		left := f.Cause == "" || f.Cause == certificate.FieldLeft || f.Cause == certificate.FieldLeftWithUnit
		acts = acts || !left
		if atRest := slices.Contains([]ownership.Verdict{ownership.Yielded, ownership.Shared, ownership.Foreign, ownership.Ours}, f.Verdict); atRest != left && f.Verdict != ownership.Untracked {
			w.failf("a field is %s, and the next apply does this: %s", f.Verdict, f.Cause)
		}
	}
	fails := slices.ContainsFunc(report.Fields, func(f ownership.Field) bool { return f.Cause == certificate.FieldFails })
	if fails != (d.Action == certificate.Keep) {
		w.failf("the decision is %s, %s, and the report says that nothing may change: %t", d.Action, d.Reason, fails)
	}
	tracked := len(report.Entries) > 0 && !fails
	if writes := d.Action == certificate.Apply; tracked && writes != acts {
		w.failf("the decision is %s, %s, and the report has %v", d.Action, d.Reason, report.Fields)
	}
	w.reportedShort(d, live, report)
	w.stands(live, report)
	next, err := ownership.Next(live, d.Asked, d.Choice)
	if err != nil || len(next.Conflicts) > 0 {
		w.failf("what comes next isn't foreseen: %v, %v", err, next.Conflicts)
	}
	return next
}

// reportedShort compares the report that is made the short way, where it is, with the other.
func (w *world) reportedShort(d certificate.Decision, live map[string]any, want ownership.Report) {
	w.Helper()
	if _, settled := ownership.Settled(certificate.Observe(live), certificate.Want(d.Asked)); !settled {
		return
	}
	w.short++
	if got, ok := ownership.OfSettled(live); !ok || !reflect.DeepEqual(got, want) {
		w.failf("the short way reports (%t)\n%+v\nand the long one\n%+v", ok, got, want)
	}
}

// stands compares how many fields are whose with the report. Where a decision changes nothing, the
// verdicts follow from that.
func (w *world) stands(live map[string]any, report ownership.Report) {
	w.Helper()
	n := report.Counts()
	if n[ownership.Drifted]+n[ownership.Yielded]+n[ownership.Unowned] > 0 || hasEmpty(live["spec"]) || hasEmpty(live["metadata"]) {
		return // an empty map is a field unless something in it is asked for, which isn't known here
	}
	want := certificate.Standing{
		Ours: uint16(n[ownership.Ours]), Shared: uint16(n[ownership.Shared]), Foreign: uint16(n[ownership.Foreign]),
		Untracked: uint16(n[ownership.Untracked]), Unserved: uint16(n[ownership.Unserved]),
	}
	if got := certificate.Observe(live).Standing; got != want {
		w.failf("its fields stand as %+v, and are reported as %+v", got, want)
	}
}

func hasEmpty(value any) bool {
	inner, isMap := value.(map[string]any)
	if isMap && len(inner) == 0 {
		return true
	}
	for name, value := range inner {
		if name != "managedFields" && hasEmpty(value) {
			return true
		}
	}
	return false
}

// becomes fails unless the Certificate is as it was foreseen.
func (w *world) becomes(foreseen map[string]any) {
	w.Helper()
	now := w.object()
	// The API server stores no empty ones, which this one does.
	maps.DeleteFunc(now["metadata"].(map[string]any), func(_ string, value any) bool {
		inner, isMap := value.(map[string]any)
		return isMap && len(inner) == 0
	})
	if got, want := content(now), content(foreseen); !reflect.DeepEqual(got, want) {
		w.failf("it was foreseen as\n%v\nand is\n%v", want, got)
	}
	if got, want := entriesOf(now), entriesOf(foreseen); !slices.Equal(got, want) {
		w.failf("managedFields were foreseen as\n%s\nand are\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
	}
}

// entriesOf are the entries of managedFields without times, as comparable lines.
func entriesOf(object map[string]any) []string {
	metadata, _ := object["metadata"].(map[string]any)
	items, _ := metadata["managedFields"].([]any)
	var lines []string
	for _, item := range items {
		entry, _ := item.(map[string]any)
		text, _ := json.Marshal(entry["fieldsV1"])
		set := fieldpath.NewSet()
		if err := set.FromJSON(strings.NewReader(string(text))); err != nil {
			panic(err)
		}
		lines = append(lines, fmt.Sprint(entry["manager"], entry["operation"], entry["apiVersion"], entry["subresource"], set))
	}
	slices.Sort(lines)
	return lines
}

// foretellsApply lets somebody apply, and compares with what was foreseen: conflicts, or what
// becomes of the Certificate.
func (w *world) foretellsApply() {
	w.Helper()
	if !w.exists {
		return
	}
	r := w.random
	manager, force, config := pick(r, "helm", "argocd-controller", "certshim", "kubectl"), pick(r, true, false), part(r)
	if manager == certificate.FieldManager {
		config = certificate.Build(asked(r))
	}
	foreseen, err := ownership.Predict(w.object(), config, manager, force)
	if err != nil {
		w.failf("an apply can't be foreseen: %v", err)
	}
	w.log = append(w.log, fmt.Sprintf("%s applies %v, force %t", manager, config, force))
	before := w.version
	err = w.apply(manager, config, force)
	if got := conflictsIn(err); !slices.Equal(got, foreseen.Conflicts) {
		w.failf("it was foreseen to conflict by %v, and does by %v: %v", foreseen.Conflicts, got, err)
	}
	if err != nil {
		return
	}
	w.becomes(foreseen.Object)
	if wrote := w.version != before; wrote && !foreseen.Writes {
		w.failf("it was foreseen to write nothing")
	}
}

// conflictsIn are the conflicts of an error of the API server, sorted.
func conflictsIn(err error) []certificate.Conflict {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return nil
	}
	var out []certificate.Conflict
	for _, cause := range status.Status().Details.Causes {
		rest, _ := strings.CutPrefix(cause.Message, "conflict with ")
		quoted, _ := strconv.QuotedPrefix(rest)
		manager, _ := strconv.Unquote(quoted)
		operation := "Apply"
		if strings.Contains(rest[len(quoted):], " using ") {
			operation = "Update"
		}
		out = append(out, certificate.Conflict{Field: cause.Field, Manager: manager, Operation: operation})
	}
	slices.SortFunc(out, func(a, b certificate.Conflict) int {
		return strings.Compare(a.Field+"\x00"+a.Manager+"\x00"+a.Operation, b.Field+"\x00"+b.Manager+"\x00"+b.Operation)
	})
	return out
}
