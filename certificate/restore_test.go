package certificate_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/source"
)

// later is the source as it was restored, with another uid, and all others are known to be gone.
func later(in *certificate.Input) {
	in.Source.UID = "later-uid"
	in.IsGone = func(uid string) bool { return uid == "source-uid" }
}

// restored is a Certificate as Velero restores it: without owner references, and then with the
// managedFields that it had.
func restored(t *testing.T, happens func(*world)) *world {
	t.Helper()
	w := &world{server: newServer(), T: t, in: input(withDuration)}
	w.converge()
	if happens != nil {
		happens(w)
	}
	content, fields := w.object(), w.object()["metadata"].(map[string]any)["managedFields"]
	delete(content["metadata"].(map[string]any), "ownerReferences")
	delete(content["metadata"].(map[string]any), "managedFields")
	w.server = newServer()
	w.must(w.update("velero-server", func(o map[string]any) {
		for name, value := range content {
			o[name] = value
		}
	}))
	w.must(w.update("velero-server", func(o map[string]any) { o["metadata"].(map[string]any)["managedFields"] = fields }))
	return w
}

// What was restored from a backup, together with its source, gets its owner again by one apply, and is
// certshim's from then on as it was before.
func TestRestoredCertificate(t *testing.T) {
	for name, happens := range map[string]func(*world){
		"as it was": nil,
		"with a field of somebody else's": func(w *world) {
			w.must(w.update("kubectl-edit", func(o map[string]any) { spec(o)["isCA"] = false }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := restored(t, happens)
			before := spec(w.object())
			w.in = input(withDuration, later)
			d := w.decide()
			if d.Action != certificate.Apply || d.TakeOver != nil || d.Force || d.Guard.ResourceVersion == "" || d.Reissue != certificate.ReissueNo {
				t.Fatalf("%s: %s\n%+v", d.Action, d.Reason, d)
			}
			w.must(w.execute(d))
			if seen := certificate.Observe(w.object()); !certificate.Referred(w.in.Source, seen) || !reflect.DeepEqual(before, spec(w.object())) {
				t.Errorf("owner %+v, spec %v", seen.Owner, spec(w.object()))
			}
			w.converge()
			w.in.Request.Duration = nil
			w.converge()
			if now := spec(w.object()); now["duration"] != nil {
				t.Errorf("%v", now)
			}
		})
	}
}

// Where anything is in doubt, it stays as it is, and what is missing is said.
func TestRestoredCertificateInDoubt(t *testing.T) {
	const exists = "Certificate web-tls exists and has no controller owner"
	unowned := func(o map[string]any) { delete(o["metadata"].(map[string]any), "ownerReferences") }
	up := ownOf(input(withDuration), "10:00")
	other := func(in *certificate.Input) { in.Other = &source.Ref{Kind: "Gateway", Name: "edge"} }
	alive := func(in *certificate.Input) { in.IsGone = func(string) bool { return false } }
	unknown := func(in *certificate.Input) { in.IsGone = nil }
	for name, tt := range map[string]struct {
		in      certificate.Input
		change  func(map[string]any)
		entry   string
		missing string
	}{
		"the owner is there":               {input(withDuration, later, alive), unowned, up, "; certshim made it for an object of uid source-uid, which may still be there"},
		"it can't be known":                {input(withDuration, later, unknown), unowned, up, "; certshim made it for an object of uid source-uid, which may still be there"},
		"two owners":                       {input(withDuration, later), unowned, up + " metadata>ownerReferences>{other-uid}", "; certshim made it for 2 objects that aren't its owner"},
		"an owner that doesn't control":    {input(withDuration, later), func(o map[string]any) { ownerOf(o)["controller"] = false }, up, "; certshim made it for 0 objects that aren't its owner"},
		"another value":                    {input(withDuration, later), both(unowned, set("duration", "3h0m0s")), up, "; certshim made it for an object that isn't there any more, and it isn't as asked for: .spec.duration"},
		"another Secret":                   {input(withDuration, later), both(unowned, set("secretName", "x")), up, "; certshim made it for an object that isn't there any more, and it isn't as asked for: .spec.secretName"},
		"less is asked for":                {input(later), unowned, up, "; certshim made it for an object that isn't there any more, and it isn't as asked for: .spec.duration"},
		"a field isn't ours any more":      {input(withDuration, later), unowned, without(up, "spec>duration"), "; certshim made it for an object that isn't there any more, and it isn't as asked for: .spec.duration"},
		"another object asks for it":       {input(withDuration, later, other), unowned, up, "; Gateway edge names Secret web-tls too"},
		"another Certificate writes it":    {input(withDuration, later, writers("other")), unowned, up, "; Certificate other writes Secret web-tls too"},
		"nothing valid asks":               {input(withDuration, later, noHosts), unowned, up, "; no valid entry asks for it"},
		"an entry is broken":               {input(withDuration, later, brokenEntry), unowned, up, "; not all that is asked for can be read"},
		"an orphan":                        {input(withDuration, later), unowned, without(up, "metadata>ownerReferences>{source-uid}"), ""},
		"certshim has updated it":          {input(withDuration, later), unowned, strings.Replace(up, "Apply", "Update", 1), ""},
		"somebody else names that owner":   {input(withDuration, later), unowned, strings.Replace(up, "certshim", "velero-server", 1), ""},
		"another controller owns it":       {input(withDuration, later), ownedBy(certificate.Owner{Group: "apps", Kind: "Deployment", Name: "x", UID: "x"}), up, "-"},
		"the earlier object still owns it": {input(withDuration, later), nil, up, "--"},
	} {
		t.Run(name, func(t *testing.T) {
			why := exists + tt.missing
			switch tt.missing {
			case "-":
				why = "Certificate web-tls belongs to Deployment x"
			case "--":
				why = "Certificate web-tls belongs to an earlier Ingress of this name, with uid source-uid"
			}
			d := decideLive(tt.in, liveOf(t, input(withDuration), tt.change, tt.entry))
			if d.Action != certificate.Refuse || d.Reason != why || d.Config != nil {
				t.Errorf("%s: %s; want %s", d.Action, d.Reason, why)
			}
		})
	}
}
