package certificate_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/certshim/certshim/certificate"
)

const boundTie = "networking.k8s.io/Ingress:shop/web uid=source-uid for=shop/web-tls"

func retained(in *certificate.Input) { in.Retain = true }

// A Certificate that is to outlive its source is tied to it from the first write on, and is the
// source's all the same.
func TestRetainedCertificate(t *testing.T) {
	in := input(retained, withDuration)
	config := certificate.Build(in)
	if owners := config["metadata"].(map[string]any)["ownerReferences"]; owners != nil || annotationsOf(config)[certificate.TieKey] != boundTie {
		t.Fatalf("%v, %v", owners, annotationsOf(config))
	}
	up := ownOf(in, "10:00")
	if d := decideSeen(in, liveOf(t, in, nil, up)); d.Action != certificate.None {
		t.Errorf("up to date: %s: %s", d.Action, d.Reason)
	}
	if d := decideSeen(in, liveOf(t, in, set("duration", "3h0m0s"), up)); d.Action != certificate.Apply || !same(d.Reason, because(certificate.CauseDiffers)) {
		t.Errorf("with another value: %s: %s", d.Action, d.Reason)
	}
	in.Retain = false
	d := decideSeen(in, liveOf(t, input(retained, withDuration), nil, up))
	if d.Action != certificate.Apply || d.Config["metadata"].(map[string]any)["ownerReferences"] == nil || annotationsOf(d.Config)[certificate.TieKey] != nil {
		t.Errorf("no longer retained: %s: %s\n%v", d.Action, d.Reason, d.Config)
	}
}

// The tie makes the source the owner only if it is certshim's own, whole, and not beside an owner
// reference.
func TestOwnerByTie(t *testing.T) {
	in := input(retained)
	up := ownOf(in, "10:00")
	web := certificate.Owner{Group: "networking.k8s.io", Kind: "Ingress", Name: "web", UID: "source-uid"}
	other := certificate.Owner{Group: "networking.k8s.io", Kind: "Ingress", Name: "other", UID: "other-uid"}
	elsewhere := web
	elsewhere.Namespace = "other"
	for name, tt := range map[string]struct {
		change  func(map[string]any)
		entries []string
		owner   certificate.Owner
		tied    bool
	}{
		"as it is applied":          {nil, []string{up}, web, true},
		"nobody is recorded":        {nil, nil, web, true},
		"somebody else wrote it":    {nil, []string{without(up, "metadata>annotations>"+certificate.TieKey), "kubectl-edit Update 11:00 metadata>annotations>" + certificate.TieKey}, certificate.Owner{}, false},
		"certshim applied nothing":  {nil, []string{strings.Replace(up, "certshim", "kubectl", 1)}, certificate.Owner{}, false},
		"without a uid":             {tie(ourTie), []string{up}, certificate.Owner{}, false},
		"to another object":         {tie(strings.Replace(strings.Replace(boundTie, "/web ", "/other ", 1), "source-uid", "other-uid", 1)), []string{up}, other, true},
		"of another Certificate":    {tie(strings.Replace(boundTie, "web-tls", "other-tls", 1)), []string{up}, certificate.Owner{}, false},
		"from another namespace":    {tie(strings.Replace(boundTie, "for=shop", "for=other", 1)), []string{up}, certificate.Owner{}, false},
		"to an object elsewhere":    {tie(strings.Replace(boundTie, ":shop/", ":other/", 1)), []string{up}, elsewhere, true},
		"nonsense":                  {tie("web"), []string{up}, certificate.Owner{}, false},
		"beside an owner reference": {ownedBy(other), []string{up}, other, false},
	} {
		seen := certificate.Observe(liveOf(t, in, tt.change, tt.entries...))
		if seen.Owner != tt.owner || seen.Flags.Has(certificate.Tied) != tt.tied {
			t.Errorf("%s: owner %+v, tied %v", name, seen.Owner, seen.Flags.Has(certificate.Tied))
		}
	}
}

// When a source begins to retain its Certificate, the owner reference goes at once, whoever holds
// it and whatever else holds fields; no value changes.
func TestRetainTakesTheOwnerReferenceOff(t *testing.T) {
	const shimName = "cert-manager-ingress-shim"
	for name, happens := range map[string]func(*world){
		"nothing": func(*world) {},
		"somebody edited it": func(w *world) {
			w.must(w.update("kubectl-edit", func(o map[string]any) { spec(o)["duration"] = "3h0m0s" }))
		},
		"somebody applies it":                  func(w *world) { w.must(w.apply("helm", partOf([]string{"spec", "duration"}, "3h0m0s"), true)) },
		"somebody applies the owner reference": func(w *world) { w.must(w.apply("helm", certificate.Build(input()), true)) },
		"somebody updated the owner reference": func(w *world) {
			w.must(w.update("kubectl-edit", func(o map[string]any) { ownerOf(o)["blockOwnerDeletion"] = false }))
		},
		"nobody is recorded": func(w *world) { w.must(w.clear()) },
		"a shim updated it":  func(w *world) { w.must(w.update(shimName, func(o map[string]any) { spec(o)["duration"] = "3h0m0s" })) },
		"a shim applies it":  func(w *world) { w.must(w.apply(shimName, certificate.Build(input(withDuration)), true)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{server: newServer(), T: t, in: input(withDuration)}
			w.converge()
			happens(w)
			before := spec(w.object())
			w.in.Retain = true
			d := w.decide()
			if d.Action != certificate.Apply || !same(d.Reason, because(certificate.CauseRetained)) || d.Force || !d.Continues || d.Reissue != certificate.ReissueNo {
				t.Fatalf("%s: %s", d.Action, d.Reason)
			}
			w.must(w.execute(d))
			if metadata := w.object()["metadata"].(map[string]any); metadata["ownerReferences"] != nil || annotationsOf(w.object())[certificate.TieKey] != boundTie {
				t.Errorf("%v", metadata)
			}
			if !reflect.DeepEqual(before, spec(w.object())) {
				t.Errorf("the spec was\n%v\nand is\n%v", before, spec(w.object()))
			}
			if seen := certificate.Observe(w.object()); !certificate.Owns(w.in.Source, seen) || certificate.Referred(w.in.Source, seen) {
				t.Errorf("owner %+v", seen.Owner)
			}
			w.converge()
			w.in.Retain = false
			w.converge()
		})
	}
}

// A shim's Certificate that certshim never applied is retained, too, before it is taken over.
func TestRetainWhatAShimMade(t *testing.T) {
	w := &world{server: newServer(), T: t, in: input(withDuration, retained)}
	w.must(w.update("cert-manager-ingress-shim", func(o map[string]any) {
		made := certificate.Build(input(withDuration))
		for name, value := range made {
			o[name] = value
		}
		o["metadata"].(map[string]any)["uid"] = "certificate-uid"
	}))
	before := spec(w.object())
	w.must(w.execute(w.decide()))
	if owners := w.object()["metadata"].(map[string]any)["ownerReferences"]; owners != nil || !reflect.DeepEqual(before, spec(w.object())) {
		t.Errorf("owners %v, spec %v", owners, spec(w.object()))
	}
	w.converge()
	if !reflect.DeepEqual(before, spec(w.object())) {
		t.Errorf("spec %v", spec(w.object()))
	}
}

// What outlives its source is deleted by nobody, and comes back to an object of its name only as it
// was.
func TestRetainedCertificateOfAnEarlierObject(t *testing.T) {
	in := input(retained, withDuration)
	live := liveOf(t, in, nil, ownOf(in, "10:00"))
	if d := certificate.DecideUnneeded(certificate.Policy{}, in.Source, certificate.Observe(live), ""); d.Action != certificate.Keep {
		t.Errorf("no longer named: %s: %s", d.Action, d.Reason)
	}
	later := input(withDuration, func(in *certificate.Input) { in.Source.UID = "later-uid" })
	if d := decideSeen(later, live); !d.NeedsLive {
		t.Fatalf("%s: %s", d.Action, d.Reason)
	}
	if d := decideLive(later, live); d.Action != certificate.Apply || !same(d.Reason, because(certificate.CauseReclaimed)) || d.Guard.ResourceVersion != "7" {
		t.Errorf("%s: %s", d.Action, d.Reason)
	}
	later.Retain = true
	if d := decideLive(later, live); d.Action != certificate.Apply || annotationsOf(d.Config)[certificate.TieKey] != strings.Replace(boundTie, "source-uid", "later-uid", 1) {
		t.Errorf("%s: %s", d.Action, d.Reason)
	}
	later.Request.Duration = nil
	why := behind(because(certificate.CauseNoOwner, "web-tls"), because(certificate.CauseNotAsAsked, ".spec.duration"))
	if d := decideLive(later, live); d.Action != certificate.Refuse || !same(d.Reason, why) {
		t.Errorf("%s: %s", d.Action, d.Reason)
	}
	stranger := input(func(in *certificate.Input) { in.Source.Name, in.Source.UID = "other", "other-uid" })
	if d := decideLive(stranger, live); d.Action != certificate.Refuse || d.Reason.Cause != certificate.CauseOtherTie {
		t.Errorf("%s: %s", d.Action, d.Reason)
	}
}
