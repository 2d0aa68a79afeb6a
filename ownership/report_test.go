package ownership_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/ownership"
)

// asked is a configuration as a source asks for it.
const asked = `
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web-tls, namespace: shop, labels: {team: a}}
spec: {secretName: web-tls, dnsNames: [a.example.com], duration: 1h0m0s, issuerRef: {name: ca, kind: Issuer, group: cert-manager.io}}
`

// fields are all that is asked for.
const fields = "metadata>labels>team spec>secretName spec>dnsNames spec>duration spec>issuerRef>name spec>issuerRef>kind spec>issuerRef>group"

func object(t testing.TB, text string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := yaml.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// live is what is asked for as it lives, after change, with entries of managedFields as [entry]
// reads them.
func live(t testing.TB, change func(metadata, spec map[string]any), entries ...string) map[string]any {
	t.Helper()
	out := object(t, asked)
	metadata, spec := out["metadata"].(map[string]any), out["spec"].(map[string]any)
	metadata["uid"], metadata["resourceVersion"], metadata["generation"] = "certificate-uid", "7", float64(3)
	if change != nil {
		change(metadata, spec)
	}
	var managed []any
	for _, text := range entries {
		managed = append(managed, entry(text))
	}
	if managed != nil {
		metadata["managedFields"] = managed
	}
	return out
}

// entry reads an entry of managedFields: manager, operation with /subresource and @version if they
// matter, and paths whose elements are joined by >.
func entry(text string) map[string]any {
	words := strings.Fields(text)
	operation, version, other := strings.Cut(words[1], "@")
	if !other {
		version = "v1"
	}
	operation, subresource, _ := strings.Cut(operation, "/")
	root := map[string]any{}
	for _, path := range words[2:] {
		node := root
		for element := range strings.SplitSeq(path, ">") {
			name := "f:" + element
			if strings.ContainsAny(element[:1], ".kvi") && (element == "." || strings.Contains(element, ":")) {
				name = element
			}
			if node[name] == nil {
				node[name] = map[string]any{}
			}
			node = node[name].(map[string]any)
		}
	}
	out := map[string]any{
		"manager": words[0], "operation": operation, "apiVersion": "cert-manager.io/" + version, "fieldsType": "FieldsV1",
		"fieldsV1": root, "time": "2026-01-01T00:00:00Z",
	}
	if subresource != "" {
		out["subresource"] = subresource
	}
	return out
}

// line is what a report says of a field, on one line.
func line(f ownership.Field) string {
	holders := make([]string, len(f.Holders))
	for i, h := range f.Holders {
		holders[i] = fmt.Sprintf("%s %s", h.Manager, h.Operation)
	}
	out := fmt.Sprintf("%s: %s", f.Path, f.Verdict)
	if f.Cause != "" {
		out += " (" + string(f.Cause) + ")"
	}
	if len(holders) > 0 {
		out += " held by " + strings.Join(holders, ", ")
	}
	if f.Stays {
		out += ", stays"
	}
	if f.Should.Manager != certificate.FieldManager {
		out += fmt.Sprintf(", should: %q by %s", f.Should.Manager, f.Should.By)
	}
	return out
}

const ours = "certshim Apply " + fields

func TestVerdicts(t *testing.T) {
	helm := func(_, spec map[string]any) { spec["duration"] = "2h0m0s" }
	for name, row := range map[string]struct {
		live map[string]any
		want []string // but for what is ours and as it is asked for
	}{
		"all ours": {live: live(t, nil, ours)},
		"a status is not looked at": {
			live: live(t, nil, ours, "cert-manager-certificates-readiness Update/status status>conditions"),
		},
		"held with another, who updated it": {
			live: live(t, nil, ours, "kubectl-edit Update spec>duration"),
			want: []string{".spec.duration: shared held by certshim Apply, kubectl-edit Update"},
		},
		"held with another, who applies it": {
			live: live(t, nil, ours, "helm Apply spec>duration"),
			want: []string{".spec.duration: shared held by certshim Apply, helm Apply, stays"},
		},
		"taken by an update": {
			live: live(t, helm, strings.ReplaceAll(ours, "spec>duration ", ""), "helm Update spec>duration"),
			want: []string{".spec.duration: drifted (put-back) held by helm Update"},
		},
		"taken by an apply": {
			live: live(t, helm, strings.ReplaceAll(ours, "spec>duration ", ""), "helm Apply spec>duration"),
			want: []string{`.spec.duration: yielded (left) held by helm Apply, stays, should: "helm" by rule`},
		},
		"applied by another alone, as it is asked for": {
			live: live(t, nil, strings.ReplaceAll(ours, "spec>duration ", ""), "helm Apply spec>duration"),
			want: []string{".spec.duration: drifted (not-held) held by helm Apply, stays"},
		},
		"left with its unit": {
			live: live(t, func(_, spec map[string]any) {
				spec["issuerRef"] = map[string]any{"name": "other", "kind": "ClusterIssuer", "group": "cert-manager.io"}
			}, strings.ReplaceAll(ours, "spec>issuerRef>name spec>issuerRef>kind ", ""), "helm Apply spec>issuerRef>name", "kubectl-edit Update spec>issuerRef>kind"),
			want: []string{
				`.spec.issuerRef.kind: yielded (left-with-unit) held by kubectl-edit Update, should: "helm" by rule`,
				`.spec.issuerRef.name: yielded (left) held by helm Apply, stays, should: "helm" by rule`,
			},
		},
		"what ties it to its source": {
			live: live(t, func(_, spec map[string]any) { spec["secretName"] = "other" }, strings.ReplaceAll(ours, "spec>secretName ", ""), "helm Apply spec>secretName"),
			want: []string{".spec.secretName: drifted (taken-back) held by helm Apply, stays"},
		},
		"of cert-manager's shim": {
			live: live(t, nil, strings.ReplaceAll(ours, "spec>duration ", ""), "cert-manager-ingress-shim Update spec>. spec>duration"),
			want: []string{".spec.duration: drifted (taken-over) held by cert-manager-ingress-shim Update"},
		},
		"set before anything was recorded": {
			live: live(t, nil, strings.ReplaceAll(ours, "spec>duration ", ""), "before-first-apply Update spec>duration"),
			want: []string{".spec.duration: untracked (taken-over) held by before-first-apply Update"},
		},
		"taken away": {
			live: live(t, func(_, spec map[string]any) { delete(spec, "duration") }, strings.ReplaceAll(ours, "spec>duration ", "")),
			want: []string{".spec.duration: drifted (missing)"},
		},
		"the last key of a map taken away": {
			live: live(t, func(metadata, _ map[string]any) { metadata["labels"] = map[string]any{} }, strings.ReplaceAll(ours, "metadata>labels>team ", "")),
			want: []string{".metadata.labels.team: drifted (missing)"},
		},
		"recorded for nobody": {
			live: live(t, nil, strings.ReplaceAll(ours, "spec>duration ", "")),
			want: []string{".spec.duration: unowned (unrecorded)"},
		},
		"changed under our name": {
			live: live(t, helm, ours),
			want: []string{".spec.duration: drifted (changed) held by certshim Apply"},
		},
		"no longer asked for": {
			live: live(t, func(_, spec map[string]any) { spec["isCA"] = true }, ours+" spec>isCA"),
			want: []string{`.spec.isCA: drifted (given-up) held by certshim Apply, should: "" by nobody`},
		},
		"no longer asked for, and applied by another": {
			live: live(t, func(_, spec map[string]any) { spec["isCA"] = true }, ours+" spec>isCA", "helm Apply spec>isCA"),
			want: []string{`.spec.isCA: drifted (left-behind) held by certshim Apply, helm Apply, should: "" by nobody`},
		},
		"set by others, and not asked for": {
			live: live(t, func(metadata, spec map[string]any) {
				spec["subject"] = map[string]any{"serialNumber": "1"}
				metadata["finalizers"] = []any{"example.com/x"}
			}, ours, `kubectl-edit Update spec>subject>. spec>subject>serialNumber metadata>finalizers>. metadata>finalizers>v:"example.com/x"`),
			want: []string{
				`.metadata.finalizers[="example.com/x"]: foreign held by kubectl-edit Update, should: "" by nobody`,
				`.spec.subject.serialNumber: foreign held by kubectl-edit Update, should: "" by nobody`,
			},
		},
		"there, not asked for and recorded for nobody": {
			live: live(t, func(_, spec map[string]any) { spec["isCA"] = true }, ours),
			want: []string{`.spec.isCA: untracked, should: "" by nobody`},
		},
		"a version that isn't served": {
			live: live(t, nil, ours, "kubectl-edit Update@v1alpha2 spec>duration"),
			want: []string{".spec.duration: unserved held by certshim Apply, kubectl-edit Update"},
		},
		"a key with dots isn't the key below another": {
			live: live(t, func(metadata, _ map[string]any) {
				metadata["labels"] = map[string]any{"team": "a", "x.y": "1"}
			}, ours, "helm Apply metadata>labels>x>y"),
			want: []string{`.metadata.labels.x.y: untracked, should: "" by nobody`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range ownership.Of(ownership.Input{Live: row.live, Asked: object(t, asked)}).Fields {
				if f.Verdict != ownership.Ours {
					got = append(got, line(f))
				}
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Where nothing of a Certificate changes, no field of it is said to be set, and one that is left to somebody still is.
func TestWhatStaysAsItIs(t *testing.T) {
	edited := func(_, spec map[string]any) { spec["duration"], spec["dnsNames"] = "2h0m0s", []any{"b.example.com"} }
	without := strings.NewReplacer("spec>duration ", "", "spec>dnsNames ", "")
	for name, row := range map[string]struct {
		in   ownership.Input
		want []string
	}{
		"held": {
			ownership.Input{Held: true, Live: live(t, edited, without.Replace(ours), "helm Apply spec>duration", "kubectl-edit Update spec>dnsNames")},
			[]string{
				".spec.dnsNames: drifted (held) held by kubectl-edit Update",
				`.spec.duration: yielded (left) held by helm Apply, stays, should: "helm" by rule`,
			},
		},
		"another field fails": {
			ownership.Input{
				Live:   live(t, edited, without.Replace(ours), "helm Apply spec>duration", "kubectl-edit Update spec>dnsNames"),
				Choice: certificate.Choice{Ownership: certificate.Ownership{Rules: []certificate.OwnershipRule{{Managers: []string{"helm"}, Then: certificate.Fail}}}},
			},
			[]string{
				".spec.dnsNames: drifted (kept) held by kubectl-edit Update",
				".spec.duration: drifted (fails) held by helm Apply, stays",
			},
		},
	} {
		row.in.Asked = object(t, asked)
		var got []string
		for _, f := range ownership.Of(row.in).Fields {
			if f.Verdict != ownership.Ours {
				got = append(got, line(f))
			}
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestNothingRecorded(t *testing.T) {
	r := ownership.Of(ownership.Input{Live: live(t, nil), Asked: object(t, asked)})
	if got := r.Counts(); len(got) != 1 || got[ownership.Untracked] != len(r.Fields) || len(r.Fields) != 7 {
		t.Errorf("got %v of %d fields, want all of them untracked", got, len(r.Fields))
	}
}

// A field is contested while the one who takes it again and again holds it with another value.
func TestAFightIsToldOfWhoHoldsTheField(t *testing.T) {
	for name, row := range map[string]struct {
		fight    certificate.Fight
		contests bool
	}{
		"its holder":        {certificate.Fight{Field: ".spec.duration", Manager: "kubectl-edit", Operation: "Update", Rounds: 3}, true},
		"another operation": {certificate.Fight{Field: ".spec.duration", Manager: "kubectl-edit", Operation: "Apply", Rounds: 3}, false},
		"another manager":   {certificate.Fight{Field: ".spec.duration", Manager: "helm", Operation: "Update", Rounds: 3}, false},
		"another field":     {certificate.Fight{Field: ".spec.usages", Manager: "kubectl-edit", Operation: "Update", Rounds: 3}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := ownership.Of(ownership.Input{
				Live: live(t, func(_, spec map[string]any) { spec["duration"] = "9h0m0s" },
					strings.Replace(ours, "spec>duration ", "", 1), "kubectl-edit Update spec>duration"),
				Asked: object(t, asked), Choice: certificate.Choice{Fights: []certificate.Fight{row.fight}},
			})
			i := slices.IndexFunc(r.Fields, func(f ownership.Field) bool { return f.Path == ".spec.duration" })
			f := r.Fields[i]
			want := &ownership.Fight{Path: ".spec.duration", Manager: "kubectl-edit", Operation: "Update", Rounds: 3}
			if f.Verdict == ownership.Contested != row.contests || row.contests && (f.Cause != certificate.FieldContested || *f.Fight != *want) {
				t.Errorf("it is %s (%s): %+v", f.Verdict, f.Cause, f.Fight)
			}
			if r.Counts()[ownership.Contested] > 1 {
				t.Errorf("got %v", r.Counts())
			}
		})
	}
}

// A Certificate that no source asks for has fields and holders, and no verdict.
func TestACertificateOfOthersHasNoVerdicts(t *testing.T) {
	r := ownership.Of(ownership.Input{Live: live(t, nil, "helm Apply "+fields)})
	if r.Ours || len(r.Fields) != 7 || len(r.Counts()) != 0 {
		t.Errorf("got %+v", r)
	}
	for _, f := range r.Fields {
		if len(f.Holders) != 1 || f.Holders[0].Class != ownership.Helm || f.Should != (ownership.Should{}) || f.Cause != "" {
			t.Errorf("got %+v", f)
		}
	}
}

func TestEntriesAreCounted(t *testing.T) {
	r := ownership.Of(ownership.Input{Asked: object(t, asked), Live: live(t, nil, ours,
		"kubectl-edit Update spec>. spec>duration", "ancient-changes Update status>revision spec>gone")})
	got := map[string][3]int{}
	for _, e := range r.Entries {
		got[e.Manager] = [3]int{e.Fields, e.Status, e.Alone}
	}
	want := map[string][3]int{"certshim": {7, 0, 6}, "kubectl-edit": {1, 0, 0}, "ancient-changes": {1, 1, 0}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields, of the status, alone (-want +got):\n%s", diff)
	}
	if r.Generation != 3 || r.Name != "web-tls" || r.Namespace != "shop" || r.UID != "certificate-uid" {
		t.Errorf("got %+v", r)
	}
}

func TestEveryVerdictAndCauseHasWords(t *testing.T) {
	for _, v := range ownership.Verdicts() {
		if v.Words() == "" {
			t.Errorf("verdict %s has none", v)
		}
	}
	for _, c := range certificate.FieldCauses() {
		if c.Words() == "" {
			t.Errorf("cause %s has none", c)
		}
	}
}

func TestSettledKnowsTheCommonCase(t *testing.T) {
	for name, row := range map[string]struct {
		live map[string]any
		want bool
	}{
		"all ours":           {live(t, nil, ours, "cert-manager-certificates-readiness Update/status status>revision"), true},
		"others hold a part": {live(t, nil, ours, "kubectl-edit Update spec>duration"), false},
		"nothing recorded":   {live(t, nil), false},
		"a shim's":           {live(t, nil, "cert-manager-ingress-shim Update "+fields), false},
		"another value":      {live(t, func(_, spec map[string]any) { spec["duration"] = "2h" }, ours), false},
		"an old version":     {live(t, nil, ours, "x Update/status@v1alpha2 status>revision"), false},
		"a label that nobody is recorded for": {live(t, func(metadata, _ map[string]any) {
			metadata["labels"].(map[string]any)["stray"] = "x"
		}, ours), false},
		"a finalizer":                                 {live(t, func(metadata, _ map[string]any) { metadata["finalizers"] = []any{"a/b"} }, ours, "x Update metadata>finalizers"), false},
		"a spec by a subresource":                     {live(t, nil, ours, "x Update/status spec>duration"), false},
		"two entries of ours":                         {live(t, nil, ours, ours), false},
		"an operation that is none":                   {live(t, nil, ours, "x Delete/status status>revision"), false},
		"an entry without a version":                  {live(t, nil, ours, "x Update/status@ status>revision"), false},
		"others hold what isn't of the main resource": {live(t, nil, ours, "x Update status>revision", "y Update metadata>name"), true},
		"conditions":                                  {live(t, nil, ours, `x Update/status status>conditions>. status>conditions>k:{"type":"Ready"}>. status>conditions>k:{"type":"Ready"}>f:message`), true},
	} {
		t.Run(name, func(t *testing.T) {
			fields, settled := ownership.Settled(certificate.Observe(row.live), certificate.Want(object(t, asked)))
			if settled != row.want || fields != 7 {
				t.Errorf("got %t, %d fields", settled, fields)
			}
			long := ownership.Of(ownership.Input{Live: row.live, Asked: object(t, asked)})
			if all := long.Counts()[ownership.Ours]; settled && all != fields {
				t.Errorf("%d fields are ours of %d", all, fields)
			}
			if short, ok := ownership.OfSettled(row.live); settled && ok {
				if diff := cmp.Diff(long, short); diff != "" {
					t.Errorf("the short way and the long one differ: -long +short\n%s", diff)
				}
			}
		})
	}
}
