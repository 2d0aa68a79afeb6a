package certificate_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

const stranger = "Gateway"

func ownedBy(owner certificate.Owner) func(map[string]any) {
	return func(object map[string]any) {
		version := owner.Group + "/v1"
		object["metadata"].(map[string]any)["ownerReferences"] = []any{map[string]any{
			"apiVersion": version, "kind": owner.Kind, "name": owner.Name, "uid": owner.UID, "controller": true,
		}}
	}
}

func deleting(object map[string]any) {
	object["metadata"].(map[string]any)["deletionTimestamp"] = "2026-01-01T00:00:00Z"
}

func noHosts(in *certificate.Input) { in.Ask.Hosts, in.Ask.Entries = nil, nil }

func unread(fields ...annotations.Field) func(*certificate.Input) {
	return func(in *certificate.Input) { in.Request.Unread = fields }
}

func brokenEntry(in *certificate.Input) { in.Ask.Broken = []source.EntryRef{{Path: "spec.tls[1]"}} }

func writers(names ...string) func(*certificate.Input) {
	return func(in *certificate.Input) {
		for _, name := range names {
			in.Writers = append(in.Writers, certificate.Observed{Namespace: "shop", Name: name, Secret: "web-tls"})
		}
	}
}

func firstIs(kind, name string) func(*certificate.Input) {
	return func(in *certificate.Input) {
		in.First = &certificate.Rival{Source: source.Ref{Kind: kind, Namespace: "shop", Name: name}, Claim: certificate.NewClaim(in.Ask, in.Request, in.Issuer.Ref)}
	}
}

type decideTest struct {
	in     certificate.Input
	action certificate.Action
	reason certificate.Reason
	told   []string
}

func (tt decideTest) check(t *testing.T, d certificate.Decision) {
	t.Helper()
	if d.Action != tt.action || !same(d.Reason, tt.reason) || d.Name != "web-tls" || d.Namespace != "shop" {
		t.Errorf("%s/%s: %s, %q; want %s, %q", d.Namespace, d.Name, d.Action, d.Reason, tt.action, tt.reason)
	}
	if diff := cmp.Diff(tt.told, told(d.Problems)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	writes := d.Action == certificate.Create || d.Action == certificate.Apply
	if (d.Config != nil) != (writes || d.Action == certificate.None) {
		t.Errorf("%s with the configuration %v", d.Action, d.Config)
	}
}

// Without a Certificate of that name: the checks in order, each before the later ones.
func TestDecideWithoutCertificate(t *testing.T) {
	taken := because(certificate.CauseOtherWriter, "other", "web-tls")
	late := because(certificate.CauseOtherSource, "Gateway edge", "web-tls")
	tests := map[string]decideTest{
		"another Certificate writes the Secret": {
			in: input(writers("other"), firstIs(stranger, "edge"), noHosts, unread("spec.duration")), action: certificate.Refuse, reason: taken,
			told: []string{"SecretTaken e spec: " + taken.String() + ` (value "web-tls")`},
		},
		"one that another tool made writes the Secret": {
			in: input(writers("other"), func(in *certificate.Input) {
				in.Writers[0].Owner = certificate.Owner{Group: "kuadrant.io", Kind: "TLSPolicy", Name: "edge", UID: "policy"}
			}), action: certificate.Refuse, reason: because(certificate.CauseOtherWriter, "other of TLSPolicy edge", "web-tls"),
			told: []string{`SecretTaken e spec.tls[0]: Certificate other of TLSPolicy edge writes Secret web-tls too (value "web-tls")`},
		},
		"one that is being deleted doesn't count": {
			in: input(writers("other"), func(in *certificate.Input) { in.Writers[0].Flags = certificate.Deleting }), action: certificate.Create, reason: because(certificate.CauseNew),
		},
		"another source comes first": {
			in: input(firstIs(stranger, "edge")), action: certificate.Refuse, reason: late,
			told: []string{`SecretShared i spec.tls[0]: Gateway edge comes first for Secret web-tls; its certificate has all names of this object, from the same issuer (value "web-tls")`},
		},
		"nothing asks": {
			in: input(noHosts, unread("spec.duration"), firstIs(stranger, "edge")), action: certificate.Refuse, reason: because(certificate.CauseLeftOut),
		},
		"nothing valid asks": {in: input(noHosts, brokenEntry), action: certificate.Refuse, reason: because(certificate.CauseNoValidEntry)},
		"what is asked for can't be read": {
			in: input(unread("")), action: certificate.Refuse, reason: because(certificate.CauseAskUnreadable),
		},
		"an annotation can't be read": {
			in: input(unread("spec.duration", "spec.usages"), firstIs(stranger, "edge")), action: certificate.Refuse, reason: because(certificate.CauseAnnotation, "spec.duration"),
		},
		"a broken entry beside a valid one": {in: input(brokenEntry), action: certificate.Create, reason: because(certificate.CauseNew)},
		"all is well":                       {in: input(), action: certificate.Create, reason: because(certificate.CauseNew)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := certificate.Decide(tt.in)
			tt.check(t, d)
			if d.Action != certificate.Create {
				return
			}
			if !reflect.DeepEqual(d.Config, certificate.Build(tt.in)) || d.Want != certificate.Want(d.Config) || d.Reissue != certificate.ReissueUnknown {
				t.Errorf("%v, reissue %s", d.Config, d.Reissue)
			}
			if (d.Guard != certificate.Guard{}) || d.TakeOver != nil {
				t.Errorf("a create has no guard of its own: %+v", d.Guard)
			}
			if d.Paced {
				t.Error("a first certificate waits for its turn")
			}
		})
	}
}

// The problem's path is where the source first names the Secret.
func TestProblemsNameTheEntry(t *testing.T) {
	in := input(firstIs(stranger, "edge"), brokenEntry)
	if got := certificate.Decide(in).Problems.All()[0].Path; got != "spec.tls[0]" {
		t.Errorf("got %s", got)
	}
	in.Ask.Entries = nil
	if got := certificate.Decide(in).Problems.All()[0].Path; got != "spec.tls[1]" {
		t.Errorf("got %s", got)
	}
}

// With a Certificate: the checks in order, based on the cached state.
func TestDecideWithCertificate(t *testing.T) {
	in := input()
	up := ownOf(in, "10:00")
	owner := certificate.Owner{Group: "networking.k8s.io", Kind: "Ingress", Name: "web", UID: "source-uid"}
	as := func(change func(*certificate.Owner)) func(map[string]any) {
		other := owner
		change(&other)
		return ownedBy(other)
	}
	var (
		shared  = because(certificate.CauseOtherWriter, "other", "web-tls")
		read    = because(certificate.CauseLiveNeeded)
		differs = because(certificate.CauseDiffers)
	)
	refused := func(reason problem.Reason, why string) []string {
		return []string{string(reason) + " e spec.tls[0]: " + why + ` (value "web-tls")`}
	}
	tests := map[string]struct {
		decideTest
		change  func(map[string]any)
		entries []string
	}{
		"it is being deleted": {
			decideTest{input(writers("other"), noHosts), certificate.Wait, because(certificate.CauseDeleting), nil},
			func(o map[string]any) { deleting(o); ownedBy(certificate.Owner{})(o) }, nil,
		},
		"nobody controls it": {
			decideTest{input(), certificate.Refuse, because(certificate.CauseNoOwner, "web-tls"), refused("CertificateNotOurs", "Certificate web-tls exists and has no controller owner")},
			func(o map[string]any) { delete(o["metadata"].(map[string]any), "ownerReferences") }, []string{without(up, "metadata>ownerReferences>{source-uid}")},
		},
		"nobody controls it, and our entry names an owner": {
			decideTest{input(), certificate.Wait, because(certificate.CauseLiveNeeded), nil},
			func(o map[string]any) { delete(o["metadata"].(map[string]any), "ownerReferences") }, []string{up},
		},
		"an owner that doesn't control it": {
			decideTest{input(), certificate.Refuse, because(certificate.CauseNoOwner, "web-tls"), refused("CertificateNotOurs", "Certificate web-tls exists and has no controller owner")},
			func(o map[string]any) {
				delete(o["metadata"].(map[string]any)["ownerReferences"].([]any)[0].(map[string]any), "controller")
			}, []string{without(up, "metadata>ownerReferences>{source-uid}")},
		},
		"an earlier object of the same name": {
			decideTest{input(), certificate.Refuse, because(certificate.CauseEarlierOwner, "web-tls", "Ingress", "old"), refused("CertificateNotOurs", "Certificate web-tls belongs to an earlier Ingress of this name, with uid old")},
			as(func(o *certificate.Owner) { o.UID = "old" }), []string{up},
		},
		"our uid under another name": {
			decideTest{input(), certificate.Refuse, because(certificate.CauseMisnamedOwner, "web-tls", "Ingress other"), refused("CertificateNotOurs", "Certificate web-tls has an owner reference with this object's uid, but to Ingress other")},
			as(func(o *certificate.Owner) { o.Name = "other" }), []string{up},
		},
		"our uid under another kind": {
			decideTest{input(), certificate.Refuse, because(certificate.CauseMisnamedOwner, "web-tls", "Service web"), refused("CertificateNotOurs", "Certificate web-tls has an owner reference with this object's uid, but to Service web")},
			as(func(o *certificate.Owner) { o.Kind = "Service" }), []string{up},
		},
		"our uid under another group": {
			decideTest{input(), certificate.Refuse, because(certificate.CauseMisnamedOwner, "web-tls", "Ingress web"), refused("CertificateNotOurs", "Certificate web-tls has an owner reference with this object's uid, but to Ingress web")},
			as(func(o *certificate.Owner) { o.Group = "extensions" }), []string{up},
		},
		"somebody else's, whose name is a trap": {
			decideTest{input(writers("other"), noHosts), certificate.Refuse, because(certificate.CauseOtherOwner, "web-tls", `"Gate\nway" "e\x1bdge"`), []string{`SecretTaken e spec: Certificate web-tls belongs to "Gate\nway" "e\x1bdge" (value "web-tls")`}},
			as(func(o *certificate.Owner) { o.Kind, o.Name, o.UID = "Gate\nway", "e\x1bdge", "x" }), []string{up},
		},
		"another Certificate writes the Secret too": {
			decideTest{input(writers("other"), noHosts, firstIs(stranger, "edge")), certificate.Keep, shared, []string{"SecretTaken e spec: " + shared.String() + ` (value "web-tls")`}},
			nil, nil,
		},
		"nothing asks any more": {
			decideTest{input(noHosts), certificate.Keep, because(certificate.CauseLeftOut), nil},
			nil, []string{shim + " Update 10:00 spec>secretName"},
		},
		"nothing valid asks any more": {
			decideTest{input(noHosts, brokenEntry), certificate.Keep, because(certificate.CauseNoValidEntry), nil},
			nil, []string{shim + " Update 10:00 spec>secretName"},
		},
		"it is up to date":                       {decideTest{input(firstIs(stranger, "edge")), certificate.None, because(certificate.CauseUpToDate), nil}, nil, []string{up}},
		"up to date, though somebody holds more": {decideTest{input(), certificate.None, because(certificate.CauseUpToDate), nil}, set("isCA", true), []string{up, "kubectl-edit Update 11:00 spec>isCA"}},
		"up to date, and an annotation can't be read": {
			decideTest{input(unread("spec.duration")), certificate.None, because(certificate.CauseUpToDate), nil}, nil, []string{up},
		},
		"up to date, though an entry is of a version no longer served": {
			decideTest{input(), certificate.None, because(certificate.CauseUpToDate), nil}, nil, []string{up, "old Update@v1alpha2 09:00 spec>isCA"},
		},
		"a shim holds a field of it":              {decideTest{input(), certificate.Wait, read, nil}, nil, []string{up, shim + " Update 11:00 spec>secretName"}},
		"we never applied it":                     {decideTest{input(), certificate.Wait, read, nil}, nil, []string{entryOf("certshim", "Update", "10:00", in)}},
		"nobody is recorded":                      {decideTest{input(), certificate.Wait, read, nil}, nil, nil},
		"a value differs":                         {decideTest{input(), certificate.Apply, differs, nil}, set("secretName", "x"), []string{up}},
		"a value differs, and an entry is broken": {decideTest{input(brokenEntry), certificate.Wait, read, nil}, set("secretName", "x"), []string{up}},
		"a value differs, and an annotation can't be read": {
			decideTest{input(unread("spec.duration")), certificate.Wait, read, nil}, set("secretName", "x"), []string{up},
		},
		"a value differs, and others hold fields": {
			decideTest{input(), certificate.Wait, read, nil}, set("secretName", "x"), []string{up, "kubectl-edit Update 11:00 metadata>labels>x"},
		},
		"a value differs, and a version is no longer served": {
			decideTest{input(), certificate.Wait, read, nil}, set("secretName", "x"), []string{up, "old Update/status@v1alpha2 09:00 status>conditions"},
		},
		"status writers don't matter": {
			decideTest{input(), certificate.Apply, differs, nil}, set("secretName", "x"), []string{up, status, "meta Update 11:00 metadata>finalizers>=x/y"},
		},
		"a field is ours that we don't want": {
			decideTest{input(), certificate.Apply, differs, nil}, set("commonName", "x"), []string{ownOf(in, "10:00", "spec>commonName")},
		},
		"a field is wanted that isn't ours": {decideTest{input(withDuration), certificate.Apply, differs, nil}, nil, []string{up}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := decideSeen(tt.in, liveOf(t, in, tt.change, tt.entries...))
			tt.check(t, d)
			if d.NeedsLive != (tt.reason.Cause == certificate.CauseLiveNeeded) {
				t.Errorf("needs live values: %v", d.NeedsLive)
			}
			switch d.Action {
			case certificate.Apply:
				if (d.Guard != certificate.Guard{UID: "certificate-uid"}) || d.Want != certificate.Want(d.Config) || d.Reissue != certificate.ReissueUnknown {
					t.Errorf("guard %+v, reissue %s", d.Guard, d.Reissue)
				}
			case certificate.None:
				if d.Reissue != certificate.ReissueNo || (d.Guard != certificate.Guard{}) {
					t.Errorf("reissue %s", d.Reissue)
				}
			default:
			}
		})
	}
}

// A source from a manifest has no uid, so the owner is compared by the other fields.
func TestOwnershipWithoutUID(t *testing.T) {
	in := input()
	live := liveOf(t, in, nil, ownOf(in, "10:00"))
	in.Source.UID = ""
	if d := decideLive(in, live); d.Action == certificate.Refuse {
		t.Errorf("%s: %s", d.Action, d.Reason)
	}
	in.Source.Name = "other"
	if d := decideLive(in, live); d.Action != certificate.Refuse || !same(d.Reason, because(certificate.CauseOtherOwner, "web-tls", "Ingress web")) {
		t.Errorf("%s: %s", d.Action, d.Reason)
	}
}

// The live object takes precedence over the cache.
func TestLiveWinsOverTheCache(t *testing.T) {
	in := input()
	seen := certificate.Observe(liveOf(t, in, set("secretName", "x"), ownOf(in, "10:00")))
	seen.Live = liveOf(t, in, nil, ownOf(in, "10:00"))
	in.Existing = &seen
	if d := certificate.Decide(in); d.Action != certificate.None {
		t.Errorf("%s: %s", d.Action, d.Reason)
	}
}

// A Certificate from a file has no managedFields, so that its values are compared.
func TestWithoutManagedFieldsValuesDecide(t *testing.T) {
	in := input(withDuration)
	tests := map[string]struct {
		in     certificate.Input
		change func(map[string]any)
		action certificate.Action
		reason certificate.Reason
	}{
		"equal":                         {in, nil, certificate.None, because(certificate.CauseEqualValues)},
		"equal, and more":               {in, set("isCA", true), certificate.None, because(certificate.CauseEqualValues)},
		"another value":                 {in, set("duration", "3h0m0s"), certificate.Apply, because(certificate.CauseDiffers)},
		"a value is missing":            {in, func(o map[string]any) { delete(spec(o), "duration") }, certificate.Apply, because(certificate.CauseDiffers)},
		"an unread annotation's field":  {input(unread("spec.duration")), set("duration", "3h0m0s"), certificate.None, because(certificate.CauseEqualValues)},
		"names stay while one is wrong": {input(brokenEntry), set("dnsNames", []any{"b.example.com", "a.example.com"}), certificate.None, because(certificate.CauseEqualValues)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := decideLive(tt.in, liveOf(t, in, tt.change))
			if d.Action != tt.action || !same(d.Reason, tt.reason) || d.Want != certificate.Want(d.Config) {
				t.Errorf("%s: %s", d.Action, d.Reason)
			}
		})
	}
}

// If a shim has entries on a Certificate that this process has written, the shim still runs.
func TestAShimThatStillWrites(t *testing.T) {
	in := input()
	switches := map[string]string{
		"cert-manager-ingress-shim": "--controllers=*,-ingress-shim",
		"cert-manager-gateway-shim": "--controllers=*,-gateway-shim, or --enable-gateway-api=false",
		"cert-manager-listenerset":  "--enable-gateway-api-listenerset=false",
	}
	for manager, flag := range switches {
		t.Run(manager, func(t *testing.T) {
			seen := certificate.Observe(liveOf(t, in, set("secretName", "x"), ownOf(in, "10:00"), manager+" Update 11:00 spec>secretName"))
			seen.Flags |= certificate.TakenOver
			in := in
			in.Existing = &seen
			if d := certificate.Decide(in); !d.NeedsLive {
				t.Fatalf("%s: %s", d.Action, d.Reason)
			}
			seen.Live = liveOf(t, in, set("secretName", "x"), ownOf(in, "10:00"), "before-first-apply Update 11:00 spec>usages", manager+" Update 11:00 spec>secretName")
			why := because(certificate.CauseShimWrites, manager, "web-tls")
			decideTest{action: certificate.Keep, reason: why, told: []string{
				"OtherShimActive e spec.tls[0]: " + why.String() + "; switch it off by " + flag +
					`. certshim leaves the Certificate alone until then; a restart of certshim takes it over again (value "web-tls")`,
			}}.check(t, certificate.Decide(in))
		})
	}
	quiet := map[string][]string{
		"what a take-over left behind": {ownOf(in, "10:00"), shim + " Update 10:00 spec>isCA"},
		"a shim's status":              {ownOf(in, "10:00"), shim + " Update/status 11:00 spec>isCA"},
		"an update of our own name":    {ownOf(in, "10:00"), "certshim Update 11:00 spec>duration"},
	}
	for name, entries := range quiet {
		t.Run(name, func(t *testing.T) {
			live := liveOf(t, in, set("commonName", "x"), entries...)
			in := in
			in.Existing = &certificate.Observed{Flags: certificate.TakenOver, Live: live}
			if d := certificate.Decide(in); d.Action == certificate.Keep {
				t.Errorf("%s: %s", d.Action, d.Reason)
			}
		})
	}
}

// There is never an apply without a spec, which would delete what only we own: the secretName is
// never left to others.
func TestOthersHoldAllOfTheSpec(t *testing.T) {
	in := input()
	live := liveOf(t, in, func(o map[string]any) {
		o["spec"] = map[string]any{"secretName": "x", "dnsNames": []any{"x"}, "usages": []any{"any"}, "issuerRef": map[string]any{"group": "x", "kind": "x", "name": "x"}}
	}, "certshim Apply 10:00 metadata>labels>app", entryOf("helm", "Apply", "11:00", in))
	d := decideLive(in, live)
	if diff := cmp.Diff(map[string]any{"secretName": "web-tls"}, spec(d.Config)); d.Action != certificate.Apply || diff != "" {
		t.Errorf("%s: %s\n%s", d.Action, d.Reason, diff)
	}
}

// Decisions are plain data: equal inputs give equal decisions that share nothing.
func TestDecideIsPure(t *testing.T) {
	in := input(everything, brokenEntry, unread("spec.duration"))
	live := liveOf(t, in, set("dnsNames", []any{"z"}), entryOf(shim, "Update", "10:00", in), "helm Apply 10:00 spec>dnsNames")
	one, two := decideLive(in, live), decideLive(in, live)
	if !reflect.DeepEqual(one.Config, two.Config) || !slices.Equal(one.TakeOver, two.TakeOver) || !slices.Equal(one.Problems.All(), two.Problems.All()) {
		t.Error("two decisions differ")
	}
	spec(one.Config)["usages"].([]any)[0] = "changed"
	if spec(live)["usages"].([]any)[0] == "changed" || spec(two.Config)["usages"].([]any)[0] == "changed" {
		t.Error("decisions share memory")
	}
}

func TestAnIssuerThatNeedsTheSameKeyAgain(t *testing.T) {
	needs := func(verdict resolver.Verdict) func(*certificate.Input) {
		return func(in *certificate.Input) {
			in.Statement.Constraints.RotationPolicy = &resolver.RotationRule{Must: resolver.RotateNever, Verdict: verdict}
		}
	}
	refused := certificate.Decide(input(needs(resolver.Refuse)))
	p := refused.Problems.All()[0]
	if refused.Action != certificate.Refuse || p.Reason != problem.IssuerCannotIssue || p.Lines != "  cert-manager.io/private-key-rotation-policy: Never" {
		t.Errorf("got %s, %+v", refused.Action, p)
	}
	asked := certificate.Decide(input(needs(resolver.Refuse), func(in *certificate.Input) { in.Request.PrivateKey.RotationPolicy = "Never" }))
	set := certificate.Decide(input(needs(resolver.Refuse), func(in *certificate.Input) {
		in.Statement.Values.PrivateKey.RotationPolicy = resolver.RotateNever
	}))
	for name, d := range map[string]certificate.Decision{"asked for": asked, "set by the issuer": set} {
		if d.Action != certificate.Create || !d.Problems.Empty() {
			t.Errorf("%s: %s, %v", name, d.Action, d.Problems.All())
		}
	}
}

// That a Secret must be there first concerns who asks for a new Certificate, and nobody later.
func TestAnIssuerThatNeedsTheSecretFirst(t *testing.T) {
	needs := func(in *certificate.Input) {
		in.Statement.Constraints.Secret = &resolver.SecretRule{MustExist: true, Verdict: resolver.Warn}
	}
	made := input(needs)
	d := certificate.Decide(made)
	if all := d.Problems.All(); d.Action != certificate.Create || len(all) != 1 || all[0].Reason != problem.IssuerMayRefuse ||
		all[0].Severity != problem.Warning || all[0].Value != "web-tls" || all[0].Path != "spec.tls[0]" {
		t.Errorf("a new one: %s, %+v", d.Action, all)
	}
	if d := decideSeen(input(needs), liveOf(t, made, nil, ownOf(made, "10:00"))); d.Action != certificate.None || !d.Problems.Empty() {
		t.Errorf("one that is there: %s, %v", d.Action, d.Problems.All())
	}
}
