package certificate_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// unseen is an object that no server has seen, as in a file.
func unseen(in *certificate.Input) { in.Source.UID = "" }

func tie(value string) func(map[string]any) {
	return func(object map[string]any) {
		metadata := object["metadata"].(map[string]any)
		delete(metadata, "ownerReferences")
		if metadata["annotations"] == nil {
			metadata["annotations"] = map[string]any{}
		}
		metadata["annotations"].(map[string]any)[certificate.TieKey] = value
	}
}

func both(changes ...func(map[string]any)) func(map[string]any) {
	return func(object map[string]any) {
		for _, change := range changes {
			change(object)
		}
	}
}

const ourTie = "networking.k8s.io/Ingress:shop/web for=shop/web-tls"

// What was applied from the manifest of an object that was in no cluster yet becomes the object's
// once it is: by an apply that gives the tie up for the owner reference, and changes no value.
func TestTiedCertificateIsTakenOver(t *testing.T) {
	planned := certificate.Decide(input(unseen, everything))
	metadata := planned.Config["metadata"].(map[string]any)
	if metadata["ownerReferences"] != nil || annotationsOf(planned.Config)[certificate.TieKey] != ourTie {
		t.Fatalf("planned with %v", metadata)
	}
	in := input(everything)
	live := liveOf(t, input(unseen, everything), nil, ownOf(input(unseen, everything), "10:00"), status)
	if d := decideSeen(in, live); d.Action != certificate.Wait || !d.NeedsLive {
		t.Fatalf("by the cache alone: %s: %s", d.Action, d.Reason)
	}
	d := decideLive(in, live)
	decideTest{action: certificate.Apply, reason: because(certificate.CauseReclaimed)}.check(t, d)
	if (d.Guard != certificate.Guard{UID: "certificate-uid", ResourceVersion: "7"}) || d.Reissue != certificate.ReissueNo || d.Force || d.TakeOver != nil || d.Paced {
		t.Errorf("%+v", d)
	}
	if diff := cmp.Diff(certificate.Build(in), d.Config); diff != "" || d.Want != certificate.Want(d.Config) {
		t.Errorf("it isn't applied as it would be made (-made +applied):\n%s", diff)
	}
}

// Whatever else there is to say against it, a tied Certificate stays as it is, and what is missing
// is said.
func TestTiedCertificateInDoubt(t *testing.T) {
	up := ownOf(input(unseen), "10:00")
	other := func(in *certificate.Input) { in.Other = &source.Ref{Kind: "Gateway", Name: "edge"} }
	for name, tt := range map[string]struct {
		in      certificate.Input
		change  func(map[string]any)
		entries []string
		missing certificate.Reason
	}{
		"orphaned": {
			in: input(), change: func(o map[string]any) { delete(o["metadata"].(map[string]any), "annotations") },
			entries: []string{without(up, "metadata>annotations>"+certificate.TieKey)},
		},
		"nonsense": {in: input(), change: tie("web"), missing: because(certificate.CauseTieUnreadable, `"web" isn't of the form GROUP/KIND:NAMESPACE/NAME uid=UID for=NAMESPACE/NAME`)},
		"too long": {in: input(), change: tie(strings.Repeat("x", 200_000)), missing: because(certificate.CauseTieUnreadable, "it is longer than 1024 bytes")},
		"copied from another Certificate": {
			in: input(), change: tie("networking.k8s.io/Ingress:shop/web for=shop/other-tls"),
			missing: because(certificate.CauseTieCopied, "shop/other-tls"),
		},
		"copied from another namespace": {
			in: input(), change: tie("networking.k8s.io/Ingress:shop/web for=other/web-tls"),
			missing: because(certificate.CauseTieCopied, "other/web-tls"),
		},
		"of another object":                     {in: input(), change: tie("networking.k8s.io/Ingress:shop/other for=shop/web-tls"), missing: because(certificate.CauseTieOther, "Ingress shop/other")},
		"of another namespace":                  {in: input(), change: tie("networking.k8s.io/Ingress:other/web for=shop/web-tls"), missing: because(certificate.CauseTieOther, "Ingress other/web")},
		"of another kind":                       {in: input(), change: tie("networking.k8s.io/Gateway:shop/web for=shop/web-tls"), missing: because(certificate.CauseTieOther, "Gateway shop/web")},
		"of another group":                      {in: input(), change: tie("extensions/Ingress:shop/web for=shop/web-tls"), missing: because(certificate.CauseTieOther, "Ingress shop/web")},
		"nothing asks":                          {in: input(noHosts), missing: because(certificate.CauseLeftOut)},
		"another object names the Secret":       {in: input(other), missing: because(certificate.CauseOtherNames, "Gateway edge", "web-tls")},
		"another Certificate writes the Secret": {in: input(writers("other")), missing: because(certificate.CauseOtherWriter, "other", "web-tls")},
		"another value":                         {in: input(), change: set("dnsNames", []any{"b.example.com"}), missing: because(certificate.CauseNotAsAsked, ".spec.dnsNames")},
		"another issuer":                        {in: input(), change: set("issuerRef", map[string]any{"group": "cert-manager.io", "kind": "Issuer", "name": "x"}), missing: because(certificate.CauseNotAsAsked, ".spec.issuerRef.name")},
		"more than is asked for":                {in: input(), change: set("isCA", true), entries: []string{ownOf(input(unseen), "10:00", "spec>isCA")}, missing: because(certificate.CauseNotAsAsked, ".spec.isCA")},
		"less than is asked for":                {in: input(withDuration), missing: because(certificate.CauseNotAsAsked, ".spec.duration")},
		"an annotation that can't be read":      {in: input(unread("spec.usages")), missing: because(certificate.CauseAskUnreadable)},
		"an entry that is broken":               {in: input(brokenEntry), missing: because(certificate.CauseAskUnreadable)},
		"equal, but not all of it ours":         {in: input(), entries: []string{without(up, "spec>usages")}, missing: because(certificate.CauseNotAsAsked, ".spec.usages")},
		"the tie isn't ours":                    {in: input(), entries: []string{without(up, "metadata>annotations>"+certificate.TieKey)}, missing: because(certificate.CauseNotAsAsked, ".metadata.annotations."+certificate.TieKey)},
		"an owner reference that is given up":   {in: input(), entries: []string{ownOf(input(unseen), "10:00", "metadata>ownerReferences>{old}")}, missing: because(certificate.CauseNotAsAsked, `.metadata.ownerReferences[uid="old"]`)},
		"applied under another name":            {in: input(), entries: []string{strings.Replace(up, "certshim", "kubectl", 1)}, missing: because(certificate.CauseOthersHold, `"kubectl"`, "Apply")},
		"updated under ours":                    {in: input(), entries: []string{strings.Replace(up, "Apply", "Update", 1)}, missing: because(certificate.CauseOthersHold, `"certshim"`, "Update")},
		"somebody else holds one field":         {in: input(), entries: []string{up, "kubectl-edit Update 11:00 metadata>labels>x"}, missing: because(certificate.CauseOthersHold, `"kubectl-edit"`, "Update")},
		"somebody else holds a finalizer":       {in: input(), entries: []string{up, "meta Update 11:00 metadata>finalizers>=x/y"}, missing: because(certificate.CauseOthersHold, `"meta"`, "Update")},
		"nobody is recorded":                    {in: input(), entries: []string{}, missing: because(certificate.CauseUntracked)},
		"an owner reference that doesn't control": {
			in: input(), change: func(o map[string]any) {
				o["metadata"].(map[string]any)["ownerReferences"] = []any{map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "x"}}
			}, entries: []string{up, "kubectl-edit Update 11:00 metadata>ownerReferences>{x}"},
			missing: because(certificate.CauseOthersHold, `"kubectl-edit"`, "Update"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.entries == nil {
				tt.entries = []string{up}
			}
			why := because(certificate.CauseNoOwner, "web-tls")
			if !tt.missing.IsZero() {
				why = behind(why, tt.missing)
			}
			d := decideLive(tt.in, liveOf(t, input(unseen), tt.change, tt.entries...))
			if d.Action != certificate.Refuse || !same(d.Reason, why) || d.Config != nil {
				t.Errorf("%s: %s; want %s", d.Action, d.Reason, why)
			}
			if p := d.Problems.All(); len(p) == 0 || p[len(p)-1].Reason != problem.CertificateNotOurs || p[len(p)-1].Message != why.String() {
				t.Errorf("told %v", told(d.Problems))
			}
		})
	}
}

// A tie gives nothing to anybody while the Certificate has an owner.
func TestTieBesideAnOwner(t *testing.T) {
	owner := certificate.Owner{Group: "networking.k8s.io", Kind: "Ingress", Name: "other", UID: "other-uid"}
	d := decideLive(input(), liveOf(t, input(unseen), both(tie(ourTie), ownedBy(owner)), ownOf(input(unseen), "10:00")))
	if d.Action != certificate.Refuse || !same(d.Reason, because(certificate.CauseOtherOwner, "web-tls", "Ingress other")) {
		t.Errorf("%s: %s", d.Action, d.Reason)
	}
	owner.Name, owner.UID = "web", "source-uid"
	d = decideLive(input(), liveOf(t, input(unseen), both(tie(ourTie), ownedBy(owner)), ownOf(input(unseen), "10:00", "metadata>ownerReferences>{source-uid}")))
	if d.Action != certificate.Apply || annotationsOf(d.Config)[certificate.TieKey] != nil {
		t.Errorf("%s: %s", d.Action, d.Reason)
	}
}

// Of documents, plan says what the controller would say: of one without managedFields by its
// values, of an object from a file by its name.
func TestTiedCertificateOfADocument(t *testing.T) {
	offline := func(in *certificate.Input) { in.Offline = true }
	reason := because(certificate.CauseReclaimed)
	for name, tt := range map[string]struct {
		in      certificate.Input
		change  func(map[string]any)
		entries []string
		action  certificate.Action
		reason  certificate.Reason
	}{
		"as plan printed it":                      {in: input(offline, unseen), action: certificate.Apply, reason: reason},
		"for an object of a cluster":              {in: input(offline), action: certificate.Apply, reason: reason},
		"as it is in a cluster":                   {in: input(offline), entries: []string{ownOf(input(unseen), "10:00")}, action: certificate.Apply, reason: reason},
		"with another value":                      {in: input(offline, unseen), change: set("duration", "3h0m0s"), action: certificate.Apply, reason: reason},
		"with another value of what is asked for": {in: input(offline, unseen), change: set("dnsNames", []any{"x"}), action: certificate.Refuse, reason: behind(because(certificate.CauseNoOwner, "web-tls"), because(certificate.CauseNotAsAsked, ".spec.dnsNames"))},
		"with another value, as it is in a cluster": {
			in: input(offline), change: set("duration", "3h0m0s"), entries: []string{ownOf(input(unseen), "10:00", "spec>duration")},
			action: certificate.Refuse, reason: behind(because(certificate.CauseNoOwner, "web-tls"), because(certificate.CauseNotAsAsked, ".spec.duration")),
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := decideLive(tt.in, liveOf(t, input(unseen), tt.change, tt.entries...))
			if d.Action != tt.action || !same(d.Reason, tt.reason) {
				t.Errorf("%s: %s", d.Action, d.Reason)
			}
		})
	}
}

// An object from a file is known by its name, and its uid by its Certificate's owner reference: what
// is planned over that takes the reference from nobody.
func TestOwnerReferenceOfAnObjectFromAFile(t *testing.T) {
	in := input(withDuration, unseen)
	d := decideLive(in, liveOf(t, input(), nil, ownOf(input(), "10:00")))
	owners, _ := d.Config["metadata"].(map[string]any)["ownerReferences"].([]any)
	if d.Action != certificate.Apply || len(owners) != 1 || owners[0].(map[string]any)["uid"] != "source-uid" || annotationsOf(d.Config)[certificate.TieKey] != nil {
		t.Errorf("%s: %s\n%v", d.Action, d.Reason, d.Config["metadata"])
	}
	if d := decideLive(input(unseen), liveOf(t, input(), nil, ownOf(input(), "10:00"))); d.Action != certificate.None {
		t.Errorf("up to date: %s: %s", d.Action, d.Reason)
	}
}

// No annotation of the source becomes the tie, whatever the operator has copied.
func TestTheTieIsCertshimsAlone(t *testing.T) {
	forged := func(in *certificate.Input) { in.Request.Extra = map[string]string{certificate.TieKey: "x", "a": "b"} }
	if got := annotationsOf(certificate.Build(input(forged))); got[certificate.TieKey] != nil || got["a"] != "b" {
		t.Errorf("%v", got)
	}
	if got := annotationsOf(certificate.Build(input(forged, unseen))); got[certificate.TieKey] != ourTie {
		t.Errorf("%v", got)
	}
}
