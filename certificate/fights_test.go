package certificate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/certificate"
)

// disturbances are ways to change a field that the source asks for, or one beside those, with what is told of the
// fight about it.
var disturbances = map[string]struct {
	path  []string
	other any
	write func(w *world) error
	fight certificate.Fight
	told  string
}{
	"updated": {
		[]string{"spec", "duration"}, "5h0m0s",
		func(w *world) error {
			return w.update("kubectl-edit", set("duration", "5h0m0s"))
		},
		certificate.Fight{Field: ".spec.duration", Manager: "kubectl-edit", Operation: "Update", Rounds: 3},
		`FieldContested w spec.duration: field manager "kubectl-edit" has taken .spec.duration of Certificate web-tls from certshim 3 times, and set it to "5h0m0s", by Update; it stays so until certshim tries again (value "2h0m0s")`,
	},
	"applied, against a rule": {
		[]string{"metadata", "labels", "app"}, "theirs",
		func(w *world) error {
			w.in.Policy.Ownership.Rules = []certificate.OwnershipRule{{Then: certificate.Force}}
			return w.apply("argocd-controller", partOf([]string{"metadata", "labels", "app"}, "theirs"), true)
		},
		certificate.Fight{Field: ".metadata.labels.app", Manager: "argocd-controller", Operation: "Apply", Rounds: 4},
		`FieldContested w metadata.labels.app: field manager "argocd-controller" has taken .metadata.labels.app of Certificate web-tls from certshim 4 times, and set it to "theirs", by Apply; it stays so until certshim tries again (value "web")`,
	},
	"applied under our own name": {
		[]string{"spec", "privateKey", "size"}, int64(384),
		func(w *world) error {
			other := certificate.Build(w.in)
			setAt(other, []string{"spec", "privateKey", "size"}, int64(384))
			return w.apply(certificate.FieldManager, other, false)
		},
		certificate.Fight{Field: ".spec.privateKey.size", Manager: "certshim", Operation: "Apply", Rounds: 3},
		`FieldContested w spec.privateKey.size: another process of the name certshim, or admission, has taken .spec.privateKey.size of Certificate web-tls from certshim 3 times, and set it to "384", by Apply; it stays so until certshim tries again (value "256")`,
	},
	"applied under our own name, and asked for by nobody": {
		[]string{"metadata", "labels", "team"}, "theirs",
		func(w *world) error {
			other := certificate.Build(w.in)
			setAt(other, []string{"metadata", "labels", "team"}, "theirs")
			return w.apply(certificate.FieldManager, other, false)
		},
		certificate.Fight{Field: ".metadata.labels.team", Manager: "certshim", Operation: "Apply", Rounds: 3},
		`FieldContested w metadata.labels.team: another process of the name certshim, or admission, has taken .metadata.labels.team of Certificate web-tls from certshim 3 times, and set it to "theirs", by Apply; it stays so until certshim tries again`,
	},
	"removed": {
		[]string{"metadata", "labels", "app"}, nil,
		func(w *world) error {
			return w.update("kubectl-edit", func(o map[string]any) { setAt(o, []string{"metadata", "labels", "app"}, nil) })
		},
		certificate.Fight{Field: ".metadata.labels.app", Rounds: 3},
		`FieldContested w metadata.labels.app: somebody who isn't recorded has taken .metadata.labels.app of Certificate web-tls from certshim 3 times, and removed it; it stays so until certshim tries again (value "web")`,
	},
}

// fighting is a Certificate that was as it is asked for, and of which somebody changed a field.
func fighting(t *testing.T, write func(w *world) error) *world {
	t.Helper()
	w := &world{server: newServer(), T: t, in: input(withKey, withDuration)}
	w.converge()
	w.must(write(w))
	w.known.Flags = certificate.Settled | certificate.Disturbed
	return w
}

// What is fought over stays with whoever takes it, and the rest is applied; without the fight it is put back, and
// who took it is named alike.
func TestWhatIsFoughtOverIsLeft(t *testing.T) {
	for name, row := range disturbances {
		t.Run(name, func(t *testing.T) {
			w := fighting(t, row.write)
			about := func(c certificate.Conflict) bool {
				return c.Field == row.fight.Field && c.Manager == row.fight.Manager && c.Operation == row.fight.Operation
			}
			d := w.decide()
			if d.Action != certificate.Apply || !slices.ContainsFunc(d.PutBack, func(p certificate.PutBack) bool { return about(p.Conflict) }) {
				t.Fatalf("without a fight: %s %v", d.Action, d.PutBack)
			}
			w.known.Fights = []certificate.Fight{row.fight}
			w.in.Source.Labels["more"] = "1"
			if d = w.decide(); !slices.ContainsFunc(d.Yielded, func(c certificate.Conflict) bool { return about(c) && c.Rounds == row.fight.Rounds }) {
				t.Errorf("it isn't left: %v", d.Yielded)
			}
			if diff := cmp.Diff([]string{row.told}, told(d.Problems)); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			w.must(w.execute(d))
			if diff := cmp.Diff(row.other, getAt(w.object(), row.path)); diff != "" {
				t.Errorf("(-theirs +now):\n%s", diff)
			}
			if getAt(w.object(), []string{"metadata", "labels", "more"}) != "1" {
				t.Error("the rest isn't applied")
			}
			if d = w.decide(); d.Action != certificate.None {
				t.Errorf("it goes on: %s, %s", d.Action, d.Reason)
			}

			// Over, or taken by another: as ever.
			w.known.Fights[0].Manager = "another"
			w.must(w.execute(w.decide()))
			if diff := cmp.Diff(getAt(certificate.Build(w.in), row.path), getAt(w.object(), row.path)); diff != "" {
				t.Errorf("it isn't put back once the fight is over (-want +got):\n%s", diff)
			}
		})
	}
}

// Once the other gives a field up, it is ours again at once, though the fight isn't forgotten.
func TestWhatIsGivenUpInAFightIsTaken(t *testing.T) {
	row := disturbances["applied, against a rule"]
	w := fighting(t, row.write)
	w.known.Fights = []certificate.Fight{row.fight}
	if d := w.decide(); d.Action != certificate.None {
		t.Fatalf("it isn't left: %s", d.Action)
	}
	w.must(w.apply("argocd-controller", partOf([]string{"metadata", "labels", "theirs"}, "1"), true))
	w.must(w.execute(w.decide()))
	if got := getAt(w.object(), row.path); got != "web" {
		t.Errorf("the label is %v", got)
	}
}

// What ties a Certificate to its source is taken back, however often it is taken.
func TestIdentityIsNeverLeftInAFight(t *testing.T) {
	w := fighting(t, func(w *world) error { return w.update("kubectl-edit", set("secretName", "theirs")) })
	w.known.Fights = []certificate.Fight{{Field: ".spec.secretName", Manager: "kubectl-edit", Operation: "Update", Rounds: 3}}
	d := w.decide()
	if len(d.Yielded) != 0 || d.Action != certificate.Apply {
		t.Fatalf("%s, and %v is left", d.Action, d.Yielded)
	}
	w.must(w.execute(d))
	if got := spec(w.object())["secretName"]; got != "web-tls" {
		t.Errorf("the Secret is %v", got)
	}
}

// What others wrote is quoted, and cut.
func TestAFightIsToldInertly(t *testing.T) {
	hostile := "\x1b[31m\u202e<script>\n" + strings.Repeat("x", 500)
	w := fighting(t, func(w *world) error { return w.update("kubectl-edit", set("commonName", hostile)) })
	w.in.Request.CommonName = "a.example.com"
	w.known.Fights = []certificate.Fight{{Field: ".spec.commonName", Manager: "kubectl-edit", Operation: "Update", Rounds: 3}}
	all := strings.Join(told(w.decide().Problems), " ")
	if !strings.Contains(all, "FieldContested") || strings.ContainsAny(all, "\x1b\u202e\n") || len(all) > 600 {
		t.Errorf("%d bytes: %q", len(all), all)
	}
}
