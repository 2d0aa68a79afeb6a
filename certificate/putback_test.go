package certificate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
)

// everyKind asks for a field of every kind: scalar, list, map key, and part of a whole.
func everyKind(in *certificate.Input) {
	withKey(in)
	withDuration(in)
	in.Request.Extra = map[string]string{"example.com/a": "1"}
	in.Request.Subject.Countries = []string{"DE"}
	in.Request.SecretTemplate.Labels = map[string]string{"team": "a"}
}

// fieldKinds has a field of each kind, as the server names it, with another value.
var fieldKinds = map[string]struct {
	path  []string
	other any
}{
	".spec.duration":                      {[]string{"spec", "duration"}, "5h0m0s"},
	".spec.dnsNames":                      {[]string{"spec", "dnsNames"}, []any{"x.example.com"}},
	".spec.usages":                        {[]string{"spec", "usages"}, []any{"any"}},
	".spec.subject.countries":             {[]string{"spec", "subject", "countries"}, []any{"FR"}},
	".spec.issuerRef.name":                {[]string{"spec", "issuerRef", "name"}, "theirs"},
	".spec.issuerRef.kind":                {[]string{"spec", "issuerRef", "kind"}, "ClusterIssuer"},
	".spec.privateKey.size":               {[]string{"spec", "privateKey", "size"}, int64(384)},
	".spec.secretTemplate.labels.team":    {[]string{"spec", "secretTemplate", "labels", "team"}, "b"},
	".metadata.labels.app":                {[]string{"metadata", "labels", "app"}, "theirs"},
	".metadata.annotations.example.com/a": {[]string{"metadata", "annotations", "example.com/a"}, "2"},
}

func setAt(object map[string]any, path []string, value any) {
	for _, name := range path[:len(path)-1] {
		inner, ok := object[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			object[name] = inner
		}
		object = inner
	}
	if last := path[len(path)-1]; value == nil {
		delete(object, last)
	} else {
		object[last] = value
	}
}

func getAt(object map[string]any, path []string) any {
	for _, name := range path[:len(path)-1] {
		object, _ = object[name].(map[string]any)
	}
	return object[path[len(path)-1]]
}

// partOf is an apply configuration of one field.
func partOf(path []string, value any) map[string]any {
	object := map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": map[string]any{"name": "web-tls", "namespace": "shop"},
	}
	setAt(object, path, value)
	return object
}

// What happens to a field that the source asks for depends on how somebody came to hold it, not on
// who it is. The API server's own code says what becomes of it.
func TestWhoseAFieldIs(t *testing.T) {
	writers := map[string]struct {
		write func(s *server, path []string, other any) error
		// stays: it is theirs. told is who is said to have changed it.
		stays, forced bool
		told          string
	}{
		"updated by kubectl edit": {func(s *server, path []string, other any) error {
			return s.update("kubectl-edit", func(o map[string]any) { setAt(o, path, other) })
		}, false, true, `field manager "kubectl-edit" set`},
		"updated by kubectl apply without --server-side": {func(s *server, path []string, other any) error {
			return s.update("kubectl-client-side-apply", func(o map[string]any) { setAt(o, path, other) })
		}, false, true, `field manager "kubectl-client-side-apply" set`},
		"updated by who is known as an old manager": {func(s *server, path []string, other any) error {
			return s.update("ancient-changes", func(o map[string]any) { setAt(o, path, other) })
		}, false, true, `field manager "ancient-changes" set`},
		"applied by force": {func(s *server, path []string, other any) error {
			return s.apply("argocd-controller", partOf(path, other), true)
		}, true, false, `field manager "argocd-controller" of Certificate web-tls holds`},
		"removed": {func(s *server, path []string, _ any) error {
			return s.update("kubectl-edit", func(o map[string]any) { setAt(o, path, nil) })
		}, false, false, ""},
		"changed by a shim": {func(s *server, path []string, other any) error {
			return s.update(shim, func(o map[string]any) { setAt(o, path, other) })
		}, false, false, ""},
	}
	for how, by := range writers {
		for field, kind := range fieldKinds {
			if how == "removed" && strings.HasPrefix(field, ".spec.issuerRef") {
				continue // the API server refuses it, or fills in nothing
			}
			t.Run(how+" "+field, func(t *testing.T) {
				w := &world{server: newServer(), T: t, in: input(everyKind)}
				w.converge()
				if err := by.write(w.server, kind.path, kind.other); err != nil {
					t.Fatal(err)
				}
				d := w.decide()
				if d.Force != by.forced || (d.TakeOver != nil) != strings.Contains(how, "shim") {
					t.Errorf("force %v, patch %s: %s", d.Force, d.TakeOver, d.Reason)
				}
				if got := strings.Join(told(d.Problems), "\n"); !strings.Contains(got, by.told) || (by.told == "") != (got == "") {
					t.Errorf("told %q, want %q", got, by.told)
				}
				w.converge()
				want := getAt(certificate.Build(w.in), kind.path)
				if by.stays {
					want = kind.other
				}
				if diff := cmp.Diff(want, getAt(w.object(), kind.path)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if !by.stays {
					w.ownedAsWanted()
				}
			})
		}
	}
}

// ownedAsWanted fails unless our entry holds just what is wanted, and nobody else any of that.
func (w *world) ownedAsWanted() {
	w.Helper()
	got := certificate.Observe(w.object())
	if want := certificate.Want(certificate.Build(w.in)); got.Have != want {
		w.Errorf("what we hold isn't what is wanted: %v", w.entries())
	}
	if got.Flags.Has(certificate.OthersHold) {
		w.Errorf("others hold fields: %v", w.entries())
	}
}

// Of several fields, some are put back and some left to others, in one apply; it is guarded by the
// state that was read.
func TestPutBackBesideAnApplier(t *testing.T) {
	w := &world{server: newServer(), T: t, in: input(everyKind)}
	w.converge()
	if err := w.apply("argocd-controller", partOf([]string{"spec", "duration"}, "5h0m0s"), true); err != nil {
		t.Fatal(err)
	}
	err := w.update("kubectl-edit", func(o map[string]any) { spec(o)["dnsNames"] = []any{"x"} })
	if err != nil {
		t.Fatal(err)
	}
	d := w.decide()
	wantGuard := certificate.Guard{UID: "certificate-uid", ResourceVersion: fmt.Sprint(w.version)}
	if !d.Force || d.Guard != wantGuard || spec(d.Config)["duration"] != nil || d.Reissue != certificate.ReissueYes {
		t.Errorf("force %v guarded by %+v, reissue %s: %v", d.Force, d.Guard, d.Reissue, d.Config)
	}
	want := []string{
		`EditPutBack w spec.dnsNames: field manager "kubectl-edit" set .spec.dnsNames of Certificate web-tls to "x", by Update; it is put back (value "a.example.com")`,
		`FieldConflict w spec.duration: field manager "argocd-controller" of Certificate web-tls holds .spec.duration with the value "5h0m0s", by Apply; it stays theirs (value "2h0m0s")`,
	}
	if diff := cmp.Diff(want, told(d.Problems)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	w.converge()
}

// The parts of an issuerRef stay or are put back together.
func TestIssuerRefAsAWhole(t *testing.T) {
	w := &world{server: newServer(), T: t, in: input()}
	w.converge()
	if err := w.apply("helm", partOf([]string{"spec", "issuerRef"}, map[string]any{"name": "ca", "kind": "ClusterIssuer"}), true); err != nil {
		t.Fatal(err)
	}
	edit := func(o map[string]any) { spec(o)["issuerRef"].(map[string]any)["group"] = "example.com" }
	if err := w.update("kubectl-edit", edit); err != nil {
		t.Fatal(err)
	}
	theirs := spec(w.object())["issuerRef"]
	if d := w.decide(); d.Action != certificate.None || d.Force {
		t.Errorf("%s by force %v: %s", d.Action, d.Force, d.Reason)
	}
	w.converge()
	if diff := cmp.Diff(theirs, spec(w.object())["issuerRef"]); diff != "" {
		t.Errorf("it changes while somebody applies a part of it (-want +got):\n%s", diff)
	}
	if err := w.apply("helm", partOf([]string{"spec", "secretName"}, "web-tls"), true); err != nil {
		t.Fatal(err)
	}
	w.converge()
	if diff := cmp.Diff(spec(certificate.Build(w.in))["issuerRef"], spec(w.object())["issuerRef"]); diff != "" {
		t.Errorf("it isn't put back after that (-want +got):\n%s", diff)
	}
}

// A size that somebody set beside the algorithm that is asked for stays, also if it doesn't fit.
func TestKeySizeSetByHand(t *testing.T) {
	for size, want := range map[int64]string{
		384:  "",
		4096: `FieldConflict w spec.privateKey.size: somebody else set .spec.privateKey.size of Certificate web-tls, which doesn't fit the algorithm ECDSA that is asked for; it stays (value "4096")`,
	} {
		in := input()
		in.Request.PrivateKey.Algorithm = "RSA"
		w := &world{server: newServer(), T: t, in: in}
		w.converge()
		if err := w.update("kubectl-edit", func(o map[string]any) { setAt(o, []string{"spec", "privateKey", "size"}, size) }); err != nil {
			t.Fatal(err)
		}
		w.in.Request.PrivateKey.Algorithm = "ECDSA"
		if got := strings.Join(told(w.decide().Problems), "\n"); got != want {
			t.Errorf("size %d: told %q, want %q", size, got, want)
		}
		w.converge()
		if diff := cmp.Diff(map[string]any{"algorithm": "ECDSA", "size": size}, spec(w.object())["privateKey"]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// A field that is no longer asked for goes, also if somebody has updated it to the very same value;
// not if somebody applies it.
func TestGivenUpFieldGoes(t *testing.T) {
	for manager, stays := range map[string]bool{"kubectl-edit": false, "helm": true} {
		w := &world{server: newServer(), T: t, in: input(withDuration)}
		w.converge()
		var err error
		if stays {
			err = w.apply(manager, partOf([]string{"spec", "duration"}, "2h0m0s"), false)
		} else {
			err = w.update(manager, func(o map[string]any) { delete(spec(o), "duration") })
			w.must(err)
			err = w.update(manager, func(o map[string]any) { spec(o)["duration"] = "2h0m0s" })
		}
		w.must(err)
		w.converge()
		w.in.Request.Duration = nil
		w.converge()
		if _, there := spec(w.object())["duration"]; there != stays {
			t.Errorf("%s: duration there %v, want %v", manager, there, stays)
		}
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// A change that this process saw happen is put back at once; what differs at first sight waits for
// its turn, as in a take-over, if somebody else holds it.
func TestPutBackAtOnceOrPaced(t *testing.T) {
	in := input(withDuration)
	entries := map[string]string{
		"kubectl-edit": "kubectl-edit Update 11:00 spec>duration", "nobody": "kubectl-edit Update 11:00 spec>isCA",
		"before-first-apply": "before-first-apply Update 11:00 spec>duration",
	}
	for who, entry := range entries {
		live := liveOf(t, in, set("duration", "3h0m0s"), without(ownOf(in, "10:00"), "spec>duration"), entry)
		for _, flag := range []certificate.Flags{0, certificate.Settled, certificate.TakenOver} {
			in := in
			in.Existing = &certificate.Observed{Live: live, Flags: flag}
			d := certificate.Decide(in)
			if want := flag == 0 && who != "nobody"; d.Action != certificate.Apply || d.Paced != want {
				t.Errorf("%s, flags %b: %s, paced %v, want %v", who, flag, d.Action, d.Paced, want)
			}
		}
	}
}

// Where no change a minute is allowed, what differs at first sight stays, whole, and that is told; what
// ties a Certificate of ours to its source and its Secret doesn't.
func TestNoChangesAreAllowed(t *testing.T) {
	in := input(withDuration)
	byShim := entryOf(shim, "Update", "10:00", in, shimContainers...)
	edited := []string{without(ownOf(in, "10:00"), "spec>duration"), "kubectl-edit Update 11:00 spec>duration"}
	astray := []string{without(ownOf(in, "10:00"), "spec>secretName"), "kubectl-edit Update 11:00 spec>secretName"}
	const stays = ". No edit of the object asks for that since certshim looks, and takeover.changesPerMinute is 0, so that nothing of it changes"
	for name, tt := range map[string]struct {
		change  func(map[string]any)
		entries []string
		flags   certificate.Flags
		action  certificate.Action
		told    []string
	}{
		"the shim ignored an edit": {
			set("duration", "3h0m0s"), []string{byShim}, 0, certificate.Keep,
			[]string{`ChangesHeld w spec.tls[0]: Certificate web-tls isn't what is asked for: .spec.duration is "3h0m0s"` + stays},
		},
		"under the shim it writes another Secret": {
			func(o map[string]any) { set("secretName", "other")(o); delete(spec(o), "duration") },
			[]string{without(byShim, "spec>duration")}, 0, certificate.Keep,
			[]string{`ChangesHeld w spec.tls[0]: Certificate web-tls isn't what is asked for: .spec.duration is "", .spec.secretName is "other"` + stays},
		},
		"the shim left nothing to change": {nil, []string{byShim}, 0, certificate.Apply, nil},
		"somebody edited it while nobody looked": {
			set("duration", "3h0m0s"), edited, 0, certificate.Keep,
			[]string{`ChangesHeld w spec.tls[0]: Certificate web-tls isn't what is asked for: .spec.duration is "3h0m0s"` + stays},
		},
		"somebody edited it before our eyes": {
			set("duration", "3h0m0s"), edited, certificate.Settled, certificate.Apply,
			[]string{`EditPutBack w spec.duration: field manager "kubectl-edit" set .spec.duration of Certificate web-tls to "3h0m0s", by Update; it is put back (value "2h0m0s")`},
		},
		"it writes another Secret": {
			set("secretName", "other"), astray, 0, certificate.Apply,
			[]string{`EditPutBack w spec.secretName: field manager "kubectl-edit" set .spec.secretName of Certificate web-tls to "other", by Update; it is put back (value "web-tls")`},
		},
		"our owner reference is gone astray": {
			func(o map[string]any) { ownerOf(o)["apiVersion"] = "networking.k8s.io/v1beta1" }, []string{ownOf(in, "10:00")}, 0, certificate.Apply, nil,
		},
		"the source changed": {set("duration", "3h0m0s"), []string{ownOf(in, "10:00"), "kubectl-edit Update 11:00 spec>isCA"}, 0, certificate.Apply, nil},
	} {
		t.Run(name, func(t *testing.T) {
			in := in
			in.Existing = &certificate.Observed{Live: liveOf(t, in, tt.change, tt.entries...), Flags: tt.flags}
			in.Policy.HoldPaced = true
			d := certificate.Decide(in)
			if d.Action != tt.action || d.Paced || (d.Config == nil) != (tt.action == certificate.Keep) {
				t.Errorf("%s, paced %v: %s", d.Action, d.Paced, d.Reason)
			}
			if diff := cmp.Diff(tt.told, told(d.Problems)); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			if tt.action == certificate.Keep && (len(d.PutBack) > 0 || d.TakeOver != nil || d.Reason.Cause != certificate.CauseChangesHeld || !strings.HasPrefix(d.Reason.About[0], ".spec.duration")) {
				t.Errorf("put back %v, patch %s: %s", d.PutBack, d.TakeOver, d.Reason)
			}
		})
	}
}

// What changed under our own name, or was removed, without our doing counts as put back.
func TestDisturbed(t *testing.T) {
	in := input(withDuration)
	for name, tt := range map[string]struct {
		change  func(map[string]any)
		entries []string
		want    []certificate.Conflict
		told    []string
	}{
		"by another process of our name": {
			set("duration", "3h0m0s"), []string{ownOf(in, "10:00")},
			[]certificate.Conflict{{Field: ".spec.duration", Manager: "certshim", Operation: "Apply"}},
			[]string{`EditPutBack w spec.duration: another process of the name certshim set .spec.duration of Certificate web-tls to "3h0m0s", by Apply; it is put back (value "2h0m0s")`},
		},
		"which applies more": {
			set("commonName", "a"), []string{ownOf(in, "10:00", "spec>commonName")},
			[]certificate.Conflict{{Field: ".spec.commonName", Manager: "certshim", Operation: "Apply"}},
			[]string{`EditPutBack w spec.commonName: another process of the name certshim set .spec.commonName of Certificate web-tls to "a", by Apply; it is put back`},
		},
		"by a removal": {
			func(object map[string]any) { delete(spec(object), "duration") }, []string{without(ownOf(in, "10:00"), "spec>duration")},
			[]certificate.Conflict{{Field: ".spec.duration"}}, nil,
		},
		"by somebody who is known": {
			func(object map[string]any) { set("duration", "3h0m0s")(object); set("usages", []any{"any"})(object) },
			[]string{without(ownOf(in, "10:00"), "spec>duration"), "kubectl-edit Update 11:00 spec>duration"},
			[]certificate.Conflict{{Field: ".spec.duration", Manager: "kubectl-edit", Operation: "Update"}},
			[]string{`EditPutBack w spec.duration: field manager "kubectl-edit" set .spec.duration of Certificate web-tls to "3h0m0s", by Update; it is put back (value "2h0m0s")`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			live := liveOf(t, in, tt.change, tt.entries...)
			seen := certificate.Observe(live)
			seen.Flags |= certificate.Settled | certificate.Disturbed
			in := in
			in.Existing = &seen
			if d := certificate.Decide(in); !d.NeedsLive {
				t.Errorf("from what is cached: %s, %s", d.Action, d.Reason)
			}
			seen.Live = live
			d := certificate.Decide(in)
			var got []certificate.Conflict
			for _, p := range d.PutBack {
				got = append(got, p.Conflict)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("put back (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.told, told(d.Problems)); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			seen.Flags &^= certificate.Disturbed
			known := slices.ContainsFunc(tt.want, func(c certificate.Conflict) bool { return c.Operation == "Update" })
			if d := certificate.Decide(in); !known && len(d.PutBack) > 0 {
				t.Errorf("a change of the source counts as put back: %v", d.PutBack)
			}
		})
	}
}

// A value of a policy that somebody edited is worked out anew from what the policy says now.
func TestEditedValueOfAPolicy(t *testing.T) {
	shorter := func(in *certificate.Input) {
		corporate(in)
		in.Statement.Values.Duration, in.Statement.Values.RenewBefore = 480*time.Hour, 0
	}
	silent := func(in *certificate.Input) { corporate(in); in.Statement.Values = resolver.Values{} }
	waiting := func(in *certificate.Input) { silent(in); in.Hold = because(certificate.CauseResolverSilent) }
	duration := []string{"spec", "duration"}
	for name, tt := range map[string]struct {
		path   []string
		edit   any
		now    func(*certificate.Input)
		want   any
		listed bool
	}{
		"put back":                             {duration, "5h0m0s", corporate, "720h0m0s", true},
		"removed, and put back":                {duration, nil, corporate, "720h0m0s", true},
		"as it is set today":                   {duration, "5h0m0s", shorter, "480h0m0s", true},
		"nobody sets it today":                 {duration, "5h0m0s", silent, "5h0m0s", false},
		"nobody sets it today, and it is gone": {duration, nil, silent, nil, false},
		"what is set today isn't known yet":    {duration, "5h0m0s", waiting, "5h0m0s", true},
		"a part":                               {[]string{"spec", "privateKey", "size"}, int64(256), corporate, int64(384), true},
		"a part that nobody set is no edit":    {[]string{"spec", "privateKey", "encoding"}, "PKCS8", corporate, "PKCS8", true},
		"the common name":                      {[]string{"spec", "commonName"}, "x", corporate, "a.example.com", true},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{server: newServer(), T: t, in: input(corporate)}
			w.converge()
			w.must(w.update("kubectl-edit", func(o map[string]any) { setAt(o, tt.path, tt.edit) }))
			w.in = input(tt.now)
			w.settles()
			if diff := cmp.Diff(tt.want, getAt(w.object(), tt.path)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			list, _ := annotationsOf(w.object())[fromResolver].(string)
			if got := slices.Contains(strings.Split(list, ","), tt.path[1]); got != tt.listed {
				t.Errorf("the list is %q", list)
			}
		})
	}
}

// settles carries decisions out until there is nothing to do.
func (w *world) settles() {
	w.Helper()
	for range 3 {
		d := w.decide()
		if d.Action == certificate.None {
			return
		}
		w.must(w.execute(d))
	}
	w.Fatal("it goes on writing")
}

func TestChangedOnAdmission(t *testing.T) {
	in := input(withDuration)
	config := certificate.Build(in)
	if fields, p := certificate.ChangedOnAdmission(config, liveOf(t, in, nil)); fields != nil || p.Reason != "" {
		t.Errorf("nothing changed: %v, %v", fields, p)
	}
	fields, p := certificate.ChangedOnAdmission(config, liveOf(t, in, set("duration", "3h0m0s")))
	const want = `admission changes Certificate web-tls when it is applied: .spec.duration has the value "3h0m0s"; it isn't applied again until something changes`
	if !slices.Equal(fields, []string{".spec.duration"}) || p.Message != want || p.Path != "spec.duration" {
		t.Errorf("%v: %+v", fields, p)
	}
}
