package certificate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
)

const fromResolver = "certshim.io/from-resolver"

func corporate(in *certificate.Input) {
	in.Statement = resolver.Statement{
		Values: resolver.Values{
			Usages: []string{"server auth"}, Duration: 720 * time.Hour, RenewBefore: 240 * time.Hour,
			PrivateKey: resolver.PrivateKey{Key: resolver.Key{Algorithm: "ECDSA", Sizes: []int{384}}}, CommonName: true,
		},
		CopyAnnotations: []string{"pki.corp.example/profile", "pki.corp.example/absent"},
	}
	in.Source.Annotations = map[string]string{"pki.corp.example/profile": "web"}
}

func specOf(config map[string]any) map[string]any { return config["spec"].(map[string]any) }

func annotationsOf(config map[string]any) map[string]any {
	set, _ := config["metadata"].(map[string]any)["annotations"].(map[string]any)
	return set
}

func TestValuesOfTheIssuerAreSetWhereTheSourceHasNone(t *testing.T) {
	config := certificate.Build(input(corporate))
	spec := specOf(config)
	want := map[string]any{
		"usages": []any{"server auth"}, "duration": "720h0m0s", "renewBefore": "240h0m0s", "commonName": "a.example.com",
		"privateKey": map[string]any{"algorithm": "ECDSA", "size": int64(384)},
	}
	for name, value := range want {
		if diff := cmp.Diff(value, spec[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	wantSet := map[string]any{
		"pki.corp.example/profile": "web",
		fromResolver:               "commonName,duration,privateKey,renewBefore,usages,annotations/pki.corp.example/profile",
	}
	if diff := cmp.Diff(wantSet, annotationsOf(config)); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}

func TestTheSourcesOwnValuesWin(t *testing.T) {
	config := certificate.Build(input(corporate, func(in *certificate.Input) {
		in.Request.CommonName = "shop"
		in.Request.Duration = span(2 * time.Hour)
		in.Request.Usages = []string{"client auth"}
		in.Request.PrivateKey = annotations.PrivateKey{RotationPolicy: "Never"}
	}))
	spec := specOf(config)
	if spec["commonName"] != "shop" || spec["duration"] != "2h0m0s" || spec["renewBefore"] != nil {
		t.Errorf("got %v", spec)
	}
	if diff := cmp.Diff(map[string]any{"rotationPolicy": "Never"}, spec["privateKey"]); diff != "" {
		t.Error(diff)
	}
	if got := annotationsOf(config)[fromResolver]; got != "annotations/pki.corp.example/profile" {
		t.Errorf("held are %v", got)
	}
}

// Changes of a resolver don't change existing Certificates: neither different nor missing nor
// first answers.
func TestHeldValuesStay(t *testing.T) {
	made := input(corporate)
	live := liveOf(t, made, nil, ownOf(made, "10:00"))
	otherwise := func(in *certificate.Input) {
		corporate(in)
		in.Statement.Values = resolver.Values{Duration: time.Hour}
	}
	silent := func(in *certificate.Input) {
		corporate(in)
		in.Statement = resolver.Statement{}
	}
	for name, change := range map[string]func(*certificate.Input){"the same": corporate, "something else": otherwise, "nothing": silent} {
		for how, decide := range map[string]func(certificate.Input, map[string]any) certificate.Decision{"live": decideLive, "cached": decideSeen} {
			if d := decide(input(change), live); d.Action != certificate.None {
				t.Errorf("it says %s, %s: %s, %s", name, how, d.Action, d.Reason)
			}
		}
	}
	plain := input()
	before := liveOf(t, plain, nil, ownOf(plain, "10:00"))
	first := func(in *certificate.Input) { corporate(in); in.Source.Annotations = nil }
	if d := decideSeen(input(first), before); d.Action != certificate.None {
		t.Errorf("it speaks for the first time: %s", d.Action)
	}
}

func TestHeldValuesFollowTheSource(t *testing.T) {
	made := input(corporate)
	live := liveOf(t, made, nil, ownOf(made, "10:00"))
	asked := input(corporate, func(in *certificate.Input) { in.Request.CommonName = "shop" })
	d := decideSeen(asked, live)
	if spec := specOf(d.Config); d.Action != certificate.Apply || spec["commonName"] != "shop" || spec["duration"] != "720h0m0s" {
		t.Errorf("the source says it itself: %s, %v", d.Action, d.Config)
	}
	renamed := input(corporate, func(in *certificate.Input) { in.Ask.Hosts = []string{"b.example.com", "a.example.com"} })
	if d := decideSeen(renamed, live); specOf(d.Config)["commonName"] != "b.example.com" {
		t.Errorf("of a common name the rule is held: %v", d.Config)
	}
	profile := input(corporate, func(in *certificate.Input) {
		in.Statement = resolver.Statement{}
		in.Source.Annotations["pki.corp.example/profile"] = "mail"
	})
	if d := decideSeen(profile, live); annotationsOf(d.Config)["pki.corp.example/profile"] != "mail" {
		t.Errorf("a copied annotation that changes: %v", d.Config)
	}
	gone := input(corporate, func(in *certificate.Input) { in.Source.Annotations = nil })
	if d := decideSeen(gone, live); annotationsOf(d.Config)["pki.corp.example/profile"] != nil {
		t.Errorf("a copied annotation that goes: %v", d.Config)
	}
}

func TestAnotherIssuerBringsItsValues(t *testing.T) {
	made := input(corporate)
	live := liveOf(t, made, nil, ownOf(made, "10:00"))
	moved := input(corporate, func(in *certificate.Input) {
		in.Issuer.Name = "other"
		in.Statement.Values = resolver.Values{Duration: time.Hour}
	})
	d := decideSeen(moved, live)
	if spec := specOf(d.Config); spec["duration"] != "1h0m0s" || spec["privateKey"] != nil || spec["commonName"] != nil {
		t.Errorf("got %v", spec)
	}
}

// A list written by somebody else can't make us hold fields that resolvers can't set.
func TestOnlyValuesOfResolversAreHeld(t *testing.T) {
	observed := certificate.Observe(map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{fromResolver: "secretName,isCA,usages,duration,annotations/kubernetes.io/x", "kubernetes.io/x": "z"}},
		"spec":     map[string]any{"secretName": "x", "isCA": true, "usages": []any{"any"}},
	})
	want := &certificate.Held{
		Spec: map[string]any{"usages": []any{"any"}}, Keys: []string{"kubernetes.io/x"}, Copies: map[string]string{"kubernetes.io/x": "z"},
	}
	if diff := cmp.Diff(want, observed.Held); diff != "" {
		t.Error(diff)
	}
	in := input(func(in *certificate.Input) {
		in.Existing = &observed
		in.Source.Annotations = map[string]string{"kubernetes.io/x": "y"}
	})
	for _, isRead := range []func(string) bool{nil, nothing} {
		in.IsRead = isRead
		if set := annotationsOf(certificate.Build(in)); len(set) > 0 {
			t.Errorf("copied are %v", set)
		}
	}
}

func nothing(string) bool { return false }

// nobodyReads is what is left of corporate once its resolver is taken away: nothing of the annotations
// that it read is known.
func nobodyReads(in *certificate.Input) { in.IsRead = nothing }

// A copied annotation whose value can't be known from the source keeps the one that the Certificate
// has, and stays listed.
func TestCopiesStayWhereTheSourceIsSilent(t *testing.T) {
	const profile = "pki.corp.example/profile"
	made := input(corporate)
	live := liveOf(t, made, nil, ownOf(made, "10:00"))
	tooLong := func(in *certificate.Input) {
		corporate(in)
		in.Source.Annotations[profile] = strings.Repeat("x", 65<<10)
		in.Request.Unread, in.Request.NotCopied = []annotations.Field{annotations.FieldAnnotations}, []string{profile}
	}
	for name, change := range map[string]func(*certificate.Input){"nobody reads it": nobodyReads, "it is too long": tooLong} {
		for how, decide := range map[string]func(certificate.Input, map[string]any) certificate.Decision{"live": decideLive, "cached": decideSeen} {
			if d := decide(input(change), live); d.Action != certificate.None {
				t.Errorf("%s, %s: %s, %s", name, how, d.Action, d.Reason)
			}
		}
	}
	in := input(nobodyReads, func(in *certificate.Input) { in.Request.CommonName = "shop" })
	if set := annotationsOf(decideSeen(in, live).Config); set[profile] != "web" {
		t.Errorf("another field changes: %v", set)
	}
	first := input(corporate, nobodyReads)
	if set := annotationsOf(certificate.Build(first)); set[profile] != nil {
		t.Errorf("a new Certificate gets a value that isn't known: %v", set)
	}
}

// Nobody's value is put back where somebody else has changed it, and it is no longer ours.
func TestCopyThatSomebodyChanged(t *testing.T) {
	w := &world{server: newServer(), T: t, in: input(corporate)}
	w.converge()
	profile := []string{"metadata", "annotations", "pki.corp.example/profile"}
	w.must(w.update("kubectl-edit", func(o map[string]any) { setAt(o, profile, "mail") }))
	silent := w.in
	w.in = input(nobodyReads)
	w.settles()
	if list, _ := annotationsOf(w.object())[fromResolver].(string); getAt(w.object(), profile) != "mail" || strings.Contains(list, "annotations/") {
		t.Errorf("the value is %v, the list %q", getAt(w.object(), profile), list)
	}
	w.in = silent
	w.settles()
	if got := getAt(w.object(), profile); got != "web" {
		t.Errorf("it is read again, and stays %v", got)
	}
}

// An annotation that can't be read asks for no other value, and doesn't end that a value is held.
func TestHeldValueOutlivesAnUnreadAnnotation(t *testing.T) {
	w := &world{server: newServer(), T: t, in: input(corporate)}
	w.converge()
	made := w.object()
	w.in = input(corporate, unread(annotations.FieldDuration, annotations.FieldCommonName, annotations.FieldPrivateKey))
	if d := w.decide(); d.Action != certificate.None {
		t.Errorf("%s: %s", d.Action, d.Reason)
	}
	w.in.Ask.Hosts = append(w.in.Ask.Hosts, "b.example.com")
	w.settles()
	w.in = input(corporate)
	w.settles()
	if diff := cmp.Diff(specOf(made), specOf(w.object())); diff != "" {
		t.Errorf("(-made +after it was mended):\n%s", diff)
	}
	w.must(w.update("kubectl-edit", func(o map[string]any) { setAt(o, []string{"spec", "duration"}, "5h0m0s") }))
	w.in = input(corporate, unread(annotations.FieldDuration))
	w.settles()
	if list, _ := annotationsOf(w.object())[fromResolver].(string); strings.Contains(list, "duration") {
		t.Errorf("what somebody else set is listed as ours: %q", list)
	}
}

func TestHeldSurvivesTheCache(t *testing.T) {
	held := certificate.Observe(liveOf(t, input(corporate), nil)).Held
	if diff := cmp.Diff(held, certificate.DecodeHeld(held.Encode())); diff != "" {
		t.Error(diff)
	}
	large := input(func(in *certificate.Input) {
		corporate(in)
		in.Source.Annotations["pki.corp.example/profile"] = strings.Repeat("x", 60<<10)
	})
	packed := certificate.Observe(liveOf(t, large, nil)).Held.Encode()
	if diff := cmp.Diff(&certificate.Held{Large: true}, certificate.DecodeHeld(packed)); diff != "" || len(packed) > 100 {
		t.Errorf("%d bytes are kept: %s", len(packed), diff)
	}
	var none *certificate.Held
	if none.Encode() != "" || certificate.DecodeHeld("") != nil {
		t.Error("nothing held isn't nothing")
	}
}

// Values that are too long for the cache are read when they are needed.
func TestLargeHeldValuesAreReadLive(t *testing.T) {
	in := input(func(in *certificate.Input) {
		corporate(in)
		in.Source.Annotations["pki.corp.example/profile"] = strings.Repeat("x", 60<<10)
	})
	live := liveOf(t, in, nil, ownOf(in, "10:00"))
	seen := certificate.Observe(live)
	seen.Held = certificate.DecodeHeld(seen.Held.Encode())
	in.Existing = &seen
	if d := certificate.Decide(in); !d.NeedsLive {
		t.Errorf("from what is cached: %s, %s", d.Action, d.Reason)
	}
	seen.Live = live
	if d := certificate.Decide(in); d.Action != certificate.None {
		t.Errorf("from the live Certificate: %s, %s", d.Action, d.Reason)
	}
}

// The cache owns what was observed: leaving a field out of a configuration must not remove it
// from the held values, be it one that isn't served or one that others have taken.
func TestHeldValuesAreNotShared(t *testing.T) {
	spec := func() map[string]any {
		return map[string]any{"duration": "24h0m0s", "privateKey": map[string]any{"algorithm": "ECDSA", "size": int64(384), "encoding": "PKCS8"}}
	}
	held := &certificate.Held{Spec: spec(), Lost: []string{"duration", "privateKey.encoding"}}
	in := input(func(in *certificate.Input) {
		in.Fields = func(path string) bool { return path != "spec.privateKey.size" }
		in.Existing = &certificate.Observed{
			Namespace: "shop", Name: "web-tls", Secret: "web-tls", Issuer: in.Issuer.Ref, Held: held,
			Owner: certificate.Owner{Group: in.Source.Group, Kind: in.Source.Kind, Name: in.Source.Name, UID: in.Source.UID},
		}
	})
	if key, _ := specOf(certificate.Build(in))["privateKey"].(map[string]any); key["algorithm"] != "ECDSA" || key["size"] != nil {
		t.Errorf("the configuration has the key %v", key)
	}
	if diff := cmp.Diff(spec(), held.Spec); diff != "" {
		t.Error("what is held (-want +got)", diff)
	}
}

// The rotation policy is held by itself: an issuer that needs one needs it for any key.
func TestTheRotationPolicyIsHeldApartFromTheKey(t *testing.T) {
	type m = map[string]any
	keeps := func(in *certificate.Input) {
		in.Statement.Values = resolver.Values{PrivateKey: resolver.PrivateKey{RotationPolicy: resolver.RotateNever}}
	}
	asks := func(key annotations.PrivateKey) func(*certificate.Input) {
		return func(in *certificate.Input) { in.Request.PrivateKey = key }
	}
	ecdsa := func(in *certificate.Input) {
		in.Statement.Values.PrivateKey.Key = resolver.Key{Algorithm: "ECDSA", Sizes: []int{384}}
	}
	rsa := annotations.PrivateKey{Algorithm: "RSA", Size: 4096}
	for name, row := range map[string]struct {
		before, now []func(*certificate.Input)
		key         map[string]any
		held        any
	}{
		"alone": {[]func(*certificate.Input){keeps}, nil, m{"rotationPolicy": "Never"}, "privateKey.rotationPolicy"},
		"beside a key that is asked for": {[]func(*certificate.Input){keeps, asks(rsa)}, []func(*certificate.Input){asks(rsa)},
			m{"algorithm": "RSA", "size": int64(4096), "rotationPolicy": "Never"}, "privateKey.rotationPolicy"},
		"beside a key that is held": {[]func(*certificate.Input){keeps, ecdsa}, nil,
			m{"algorithm": "ECDSA", "size": int64(384), "rotationPolicy": "Never"}, "privateKey,privateKey.rotationPolicy"},
		"beside a key that is asked for later": {[]func(*certificate.Input){keeps, ecdsa}, []func(*certificate.Input){asks(rsa)},
			m{"algorithm": "RSA", "size": int64(4096), "rotationPolicy": "Never"}, "privateKey.rotationPolicy"},
		"until it is asked for": {[]func(*certificate.Input){keeps}, []func(*certificate.Input){asks(annotations.PrivateKey{RotationPolicy: "Always"})},
			m{"rotationPolicy": "Always"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			made := input(row.before...)
			live := liveOf(t, made, nil, ownOf(made, "10:00"))
			for how, decide := range map[string]func(certificate.Input, map[string]any) certificate.Decision{"live": decideLive, "cached": decideSeen} {
				config := decide(input(row.now...), live).Config
				if diff := cmp.Diff(row.key, specOf(config)["privateKey"]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", how, diff)
				}
				if got := annotationsOf(config)[fromResolver]; got != row.held {
					t.Errorf("%s: held are %v", how, got)
				}
			}
		})
	}
}

// Somebody who changes the rotation policy by hand loses it to what the issuer needs today.
func TestALostRotationPolicyIsSetAnew(t *testing.T) {
	held := &certificate.Held{
		Spec: map[string]any{"privateKey": map[string]any{"algorithm": "ECDSA"}, "privateKey.rotationPolicy": "Always"},
		Lost: []string{"privateKey.rotationPolicy"},
	}
	for policy, want := range map[resolver.RotationPolicy]map[string]any{
		resolver.RotateNever: {"algorithm": "ECDSA", "rotationPolicy": "Never"}, "": {"algorithm": "ECDSA"},
	} {
		in := input(func(in *certificate.Input) {
			in.Statement.Values.PrivateKey.RotationPolicy = policy
			in.Existing = &certificate.Observed{Issuer: in.Issuer.Ref, Held: held}
		})
		if diff := cmp.Diff(want, specOf(certificate.Build(in))["privateKey"]); diff != "" {
			t.Errorf("%q (-want +got):\n%s", policy, diff)
		}
		if in.Anew("privateKey") || !in.Anew("privateKey.rotationPolicy") {
			t.Error("what is set anew is the rotation policy alone")
		}
	}
}
