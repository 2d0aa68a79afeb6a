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
	unowned := func(o map[string]any) { delete(o["metadata"].(map[string]any), "ownerReferences") }
	up := ownOf(input(withDuration), "10:00")
	other := func(in *certificate.Input) { in.Other = &source.Ref{Kind: "Gateway", Name: "edge"} }
	alive := func(in *certificate.Input) { in.IsGone = func(string) bool { return false } }
	unknown := func(in *certificate.Input) { in.IsGone = nil }
	for name, tt := range map[string]struct {
		in      certificate.Input
		change  func(map[string]any)
		entry   string
		missing certificate.Reason
	}{
		"the owner is there":               {input(withDuration, later, alive), unowned, up, because(certificate.CauseOriginThere, "source-uid")},
		"it can't be known":                {input(withDuration, later, unknown), unowned, up, because(certificate.CauseOriginThere, "source-uid")},
		"two owners":                       {input(withDuration, later), unowned, up + " metadata>ownerReferences>{other-uid}", because(certificate.CauseOrigins, "2")},
		"an owner that doesn't control":    {input(withDuration, later), func(o map[string]any) { ownerOf(o)["controller"] = false }, up, because(certificate.CauseOrigins, "0")},
		"another value":                    {input(withDuration, later), both(unowned, set("duration", "3h0m0s")), up, because(certificate.CauseOriginNotAsAsked, ".spec.duration")},
		"another Secret":                   {input(withDuration, later), both(unowned, set("secretName", "x")), up, because(certificate.CauseOriginNotAsAsked, ".spec.secretName")},
		"less is asked for":                {input(later), unowned, up, because(certificate.CauseOriginNotAsAsked, ".spec.duration")},
		"a field isn't ours any more":      {input(withDuration, later), unowned, without(up, "spec>duration"), because(certificate.CauseOriginNotAsAsked, ".spec.duration")},
		"another object asks for it":       {input(withDuration, later, other), unowned, up, because(certificate.CauseOtherNames, "Gateway edge", "web-tls")},
		"another Certificate writes it":    {input(withDuration, later, writers("other")), unowned, up, because(certificate.CauseOtherWriter, "other", "web-tls")},
		"nothing asks":                     {input(withDuration, later, noHosts), unowned, up, because(certificate.CauseLeftOut)},
		"an entry is broken":               {input(withDuration, later, brokenEntry), unowned, up, because(certificate.CauseAskUnreadable)},
		"an orphan":                        {input(withDuration, later), unowned, without(up, "metadata>ownerReferences>{source-uid}"), certificate.Reason{}},
		"certshim has updated it":          {input(withDuration, later), unowned, strings.Replace(up, "Apply", "Update", 1), certificate.Reason{}},
		"somebody else names that owner":   {input(withDuration, later), unowned, strings.Replace(up, "certshim", "velero-server", 1), certificate.Reason{}},
		"another controller owns it":       {input(withDuration, later), ownedBy(certificate.Owner{Group: "apps", Kind: "Deployment", Name: "x", UID: "x"}), up, because(certificate.CauseOtherOwner, "web-tls", "Deployment x")},
		"the earlier object still owns it": {input(withDuration, later), nil, up, because(certificate.CauseEarlierOwner, "web-tls", "Ingress", "source-uid")},
	} {
		t.Run(name, func(t *testing.T) {
			why := because(certificate.CauseNoOwner, "web-tls")
			switch tt.missing.Cause {
			case "":
			case certificate.CauseOtherOwner, certificate.CauseEarlierOwner:
				why = tt.missing
			default:
				why = behind(why, tt.missing)
			}
			d := decideLive(tt.in, liveOf(t, input(withDuration), tt.change, tt.entry))
			if d.Action != certificate.Refuse || !same(d.Reason, why) || d.Config != nil {
				t.Errorf("%s: %s; want %s", d.Action, d.Reason, why)
			}
		})
	}
}
