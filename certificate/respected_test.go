package certificate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/ownership"
)

// removes takes a field out of a Certificate.
func removes(path ...string) func(o map[string]any) {
	return func(o map[string]any) { setAt(o, path, nil) }
}

// respecting is a Certificate that was as it is asked for, until somebody removed a field of it by hand.
func respecting(t *testing.T, change func(o map[string]any)) *world {
	t.Helper()
	w := &world{server: newServer(), T: t, in: input(everyKind)}
	w.in.Policy.Ownership.RespectRemovals = true
	w.converge()
	w.known.Before = certificate.Observe(w.object()).Have
	w.must(w.update("kubectl-edit", change))
	w.known.Flags = certificate.Settled | certificate.Disturbed
	return w
}

// rests does what is decided, until nothing is to be done, and forgets what happened.
func (w *world) rests() {
	w.Helper()
	if d := w.decide(); d.Action != certificate.None {
		w.must(w.execute(d))
	}
	w.known = certificate.Observed{}
	if d := w.decide(); d.Action != certificate.None {
		w.Fatalf("it goes on: %s, %s", d.Action, d.Reason)
	}
}

// A field that somebody removed stays out, also after a restart, until the source asks for another value or the
// operator wants it restored. Every report says so.
func TestRemovedByHandStaysOut(t *testing.T) {
	for name, row := range map[string]struct {
		path   []string
		change func(in *certificate.Input)
	}{
		"a scalar":       {[]string{"spec", "duration"}, func(in *certificate.Input) { in.Request.Duration = span(9 * 3600e9) }},
		"a list":         {[]string{"spec", "usages"}, func(in *certificate.Input) { in.Request.Usages = []string{"any"} }},
		"part of a unit": {[]string{"spec", "privateKey", "size"}, func(in *certificate.Input) { in.Request.PrivateKey.Size = 384 }},
		"the last key":   {[]string{"metadata", "labels", "app"}, func(in *certificate.Input) { in.Source.Labels["app"] = "other" }},
		"a deep key":     {[]string{"spec", "secretTemplate", "labels", "team"}, func(in *certificate.Input) { in.Request.SecretTemplate.Labels["team"] = "b" }},
		"a copy":         {[]string{"metadata", "annotations", "example.com/a"}, func(in *certificate.Input) { in.Request.Extra["example.com/a"] = "2" }},
	} {
		t.Run(name, func(t *testing.T) {
			w := respecting(t, removes(row.path...))
			w.rests()
			field := "." + strings.Join(row.path, ".")
			if got := getAt(w.object(), row.path); got != nil {
				t.Fatalf("it is put back: %v", got)
			}
			want := []string{fmt.Sprintf("RemovalRespected i %s: somebody removed %s of Certificate web-tls; it stays out until another value is asked for", field[1:], field)}
			d := w.decide()
			if diff := cmp.Diff(want, told(d.Problems)); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			report := ownership.Of(ownership.Input{Live: w.object(), Asked: d.Asked, Choice: d.Choice})
			for _, f := range report.Fields {
				verdict := ownership.Ours
				if f.Path == field {
					verdict = ownership.Yielded
				}
				if f.Verdict != verdict || (f.Cause == certificate.FieldRespected) != (f.Path == field) {
					t.Errorf("%s is %s (%s), want %s", f.Path, f.Verdict, f.Cause, verdict)
				}
			}

			w.in.Source.Labels["more"] = "1"
			w.rests()
			if got := getAt(w.object(), row.path); got != nil {
				t.Errorf("it is put back with something else: %v", got)
			}
			row.change(&w.in)
			w.rests()
			if diff := cmp.Diff(getAt(certificate.Build(w.in), row.path), getAt(w.object(), row.path)); diff != "" {
				t.Errorf("another value isn't set (-want +got):\n%s", diff)
			}
			if list := annotationsOf(w.object())[certificate.RespectedKey]; list != nil {
				t.Errorf("%v is still listed", list)
			}
		})
	}
}

func TestRemovedByHandIsRestored(t *testing.T) {
	for name, row := range map[string]struct {
		path   []string
		change func(w *world)
	}{
		"by default": {[]string{"spec", "duration"}, func(w *world) { w.in.Policy.Ownership.RespectRemovals = false }},
		"where the source changed meanwhile, so that it may be new": {
			[]string{"spec", "duration"}, func(w *world) { w.in.Source.Labels["more"] = "1" },
		},
		"where this process didn't see it": {[]string{"spec", "duration"}, func(w *world) { w.known = certificate.Observed{} }},
		"a list of names":                  {[]string{"spec", "dnsNames"}, func(*world) {}},
		"a part of the issuer":             {[]string{"spec", "issuerRef", "kind"}, func(*world) {}},
	} {
		t.Run(name, func(t *testing.T) {
			w := respecting(t, removes(row.path...))
			row.change(w)
			w.rests()
			if diff := cmp.Diff(getAt(certificate.Build(w.in), row.path), getAt(w.object(), row.path)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What is respected is restored once the operator wants that.
func TestRespectIsGivenUp(t *testing.T) {
	w := respecting(t, removes("spec", "duration"))
	w.rests()
	w.in.Policy.Ownership.RespectRemovals = false
	w.rests()
	if spec(w.object())["duration"] != "2h0m0s" || annotationsOf(w.object())[certificate.RespectedKey] != nil {
		t.Errorf("got %v", w.object())
	}
}

// A removal is respected beside a field that is left to somebody.
func TestRemovedByHandBesideAnApplier(t *testing.T) {
	w := &world{server: newServer(), T: t, in: input(everyKind)}
	w.in.Policy.Ownership.RespectRemovals = true
	w.converge()
	w.must(w.apply("helm", partOf([]string{"spec", "usages"}, []any{"any"}), true))
	w.rests()
	w.known = certificate.Observed{Before: certificate.Observe(w.object()).Have, Flags: certificate.Settled | certificate.Disturbed}
	w.must(w.update("kubectl-edit", removes("spec", "duration")))
	w.rests()
	if got := spec(w.object()); got["duration"] != nil || !cmp.Equal(got["usages"], []any{"any"}) {
		t.Errorf("got %v", got)
	}
}

// Who may edit a Certificate may write the list, too: it lets nothing go that mayn't be removed by hand.
func TestAForgedListOfRemovals(t *testing.T) {
	for name, list := range map[string]string{
		"garbage":                    "= == a=b \x00 .spec.dnsNames .spec.secretName=0 .spec.dnsNames=\u202e",
		"too long":                   strings.Repeat(certificate.RespectedItem("2h0m0s", "spec", "duration")+" ", 500),
		"what may never stay out":    certificate.RespectedItem("web-tls", "spec", "secretName") + " " + certificate.RespectedItem("ca", "spec", "issuerRef", "name"),
		"names":                      certificate.RespectedItem([]any{"a.example.com"}, "spec", "dnsNames"),
		"a value of an earlier time": certificate.RespectedItem("9h0m0s", "spec", "duration"),
	} {
		t.Run(name, func(t *testing.T) {
			w := respecting(t, func(o map[string]any) { setAt(o, []string{"metadata", "annotations", certificate.RespectedKey}, list) })
			w.rests()
			if diff := cmp.Diff(certificate.Build(w.in)["spec"], w.object()["spec"]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The list is bounded: what finds no room is put back.
func TestTheListOfRemovalsIsBounded(t *testing.T) {
	w := &world{server: newServer(), T: t, in: input()}
	w.in.Policy.Ownership.RespectRemovals = true
	w.in.Request.Extra = map[string]string{}
	for i := range 200 {
		w.in.Request.Extra[fmt.Sprintf("example.com/a-rather-long-name-of-an-annotation-%d", i)] = "1"
	}
	w.converge()
	w.known = certificate.Observed{Before: certificate.Observe(w.object()).Have, Flags: certificate.Settled | certificate.Disturbed}
	w.must(w.update("kubectl-edit", removes("metadata", "annotations")))
	w.rests()
	there := annotationsOf(w.object())
	list, _ := there[certificate.RespectedKey].(string)
	if out := len(strings.Fields(list)); out == 0 || len(list) > 4096 || out+len(there)-1 != 200 {
		t.Errorf("%d stay out in %d bytes, and %d are there", out, len(list), len(there)-1)
	}
}

// Names that a Certificate had aren't left to somebody who takes them away, by whatever rule: nothing of it
// changes. What it never had is.
func TestNamesThatAreLost(t *testing.T) {
	for name, row := range map[string]struct {
		names []any
		known func(w *world)
		fails bool
	}{
		"one is missing":                {[]any{"a.example.com"}, nil, true},
		"all are other ones":            {[]any{"x.example.com"}, nil, true},
		"in another order and more":     {[]any{"x.example.com", "B.example.com", "a.example.com"}, nil, false},
		"it isn't known what there was": {[]any{"a.example.com"}, func(w *world) { w.known = certificate.Observed{} }, false},
		"the source asks for one more at the same time": {
			[]any{"a.example.com", "b.example.com"}, func(w *world) { w.in.Ask.Hosts = append(w.in.Ask.Hosts, "c.example.com") }, false,
		},
		"they were lost before": {
			[]any{"a.example.com"}, func(w *world) {
				w.known = certificate.Observed{Flags: certificate.Settled | certificate.Disturbed | certificate.LacksNames}
				w.in.Source.Labels["more"] = "1"
			}, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{server: newServer(), T: t, in: input(everyKind)}
			w.in.Ask.Hosts = []string{"a.example.com", "b.example.com"}
			w.in.Policy.Ownership.Rules = []certificate.OwnershipRule{{Managers: []string{"helm"}, Then: certificate.Yield}}
			w.converge()
			w.known = certificate.Observed{Before: certificate.Observe(w.object()).Have, Flags: certificate.Settled | certificate.Disturbed}
			w.must(w.apply("helm", partOf([]string{"spec", "dnsNames"}, row.names), true))
			if row.known != nil {
				row.known(w)
			}
			d := w.decide()
			if got := d.Action == certificate.Keep; got != row.fails {
				t.Fatalf("%s: %s", d.Action, d.Reason)
			}
			all := strings.Join(told(d.Problems), " ")
			if strings.Contains(all, "and would lose it") != row.fails || !strings.Contains(all, "FieldConflict") {
				t.Errorf("told %s", all)
			}
			if row.fails && (len(d.Failed) != 1 || d.Failed[0].Lost == "" || !slices.Contains(w.in.Ask.Hosts, d.Failed[0].Lost)) {
				t.Errorf("failed: %+v", d.Failed)
			}
		})
	}
}
