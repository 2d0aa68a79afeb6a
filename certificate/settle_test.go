package certificate_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
)

const (
	shim   = "cert-manager-ingress-shim"
	status = "cert-manager-certificates-issuing Update/status 10:30 status>conditions"
)

// shimContainers are the nodes that an Update entry owns besides its leaves.
var shimContainers = []string{"metadata>labels>.", "metadata>ownerReferences>.", "spec>.", "spec>issuerRef>.", "spec>privateKey>."}

func entryOf(manager, operation, at string, in certificate.Input, more ...string) string {
	entry := manager + " " + operation + " " + at
	for _, path := range pathsOf(in, more...) {
		entry += " " + path
	}
	return entry
}

func withKey(in *certificate.Input) {
	in.Request.PrivateKey = annotations.PrivateKey{Algorithm: "ECDSA", Size: 256}
}

func withDuration(in *certificate.Input) { in.Request.Duration = span(2 * time.Hour) }

func set(path string, value any) func(map[string]any) {
	return func(object map[string]any) { object["spec"].(map[string]any)[path] = value }
}

// A take-over moves exactly the wanted fields of shims and unknown writers into our entry, and
// leaves all other entries alone.
func TestTakeOver(t *testing.T) {
	in := input(withKey, withDuration)
	own := func(more ...string) string { return ownOf(in, "10:00", more...) }
	tests := map[string]struct {
		change  func(map[string]any)
		entries []string
		want    []string
		// unchanged: the patch is all. paced: it waits for its turn.
		unchanged, paced bool
	}{
		"a shim in its default mode": {
			entries: []string{entryOf(shim, "Update", "10:00", in, shimContainers...), status},
			want:    []string{own(), status}, unchanged: true,
		},
		"the other shims": {
			entries: []string{entryOf("cert-manager-gateway-shim", "Update", "09:00", in, "spec>."), entryOf("cert-manager-listenerset", "Update", "10:00", in, "spec>.")},
			want:    []string{own()}, unchanged: true,
		},
		"a shim with its gate ServerSideApply": {
			entries: []string{entryOf(shim, "Apply", "10:00", input()), entryOf(shim, "Update", "09:00", in, shimContainers...)},
			want:    []string{own()}, unchanged: true,
		},
		"what was there before somebody applied": {
			entries: []string{"helm Apply 10:00 spec>duration", entryOf("before-first-apply", "Update", "10:00", in, "spec>.", "spec>duration>.")},
			want:    []string{own(), "helm Apply 10:00 spec>duration"}, unchanged: true,
		},
		"an update of our own name": {
			entries: []string{ownOf(input(), "10:00"), entryOf("certshim", "Update", "09:00", in, "spec>.")},
			want:    []string{own()}, unchanged: true,
		},
		"an entry of ours under Update and a foreign Apply of before-first-apply": {
			entries: []string{ownOf(in, "10:00"), entryOf("before-first-apply", "Apply", "10:00", in)},
		},
		"fields that we don't want stay with the shim": {
			change: func(object map[string]any) {
				set("isCA", true)(object)
				object["metadata"].(map[string]any)["labels"].(map[string]any)["old"] = "1"
			},
			entries: []string{entryOf(shim, "Update", "10:00", in, append([]string{"spec>isCA", "metadata>labels>old"}, shimContainers...)...)},
			want:    []string{own(), shim + " Update 10:00 metadata>labels>old spec>isCA"}, unchanged: true,
		},
		"fields of others stay theirs": {
			entries: []string{entryOf(shim, "Update", "10:00", in, "spec>."), "kubectl-edit Update 11:00 spec>dnsNames spec>keystores>."},
			want:    []string{own(), "kubectl-edit Update 11:00 spec>dnsNames spec>keystores>."}, unchanged: true,
		},
		"the Secret's name of the same value is owned together": {
			entries: []string{entryOf(shim, "Update", "10:00", in), "kubectl Apply 11:00 spec>secretName metadata>ownerReferences>{source-uid}"},
			want:    []string{own(), "kubectl Apply 11:00 metadata>ownerReferences>{source-uid} spec>secretName"}, unchanged: true,
		},
		"values differ: they are applied afterwards, at the pace of a take-over": {
			change:  set("duration", "3h0m0s"),
			entries: []string{entryOf(shim, "Update", "10:00", in)},
			want:    []string{own()}, paced: true,
		},
		"values of nobody known differ": {
			change:  set("duration", "3h0m0s"),
			entries: []string{entryOf("before-first-apply", "Update", "10:00", in)},
			want:    []string{own()}, paced: true,
		},
		"a field that we give up is taken from whoever updated it, so that the apply removes it": {
			change: func(object map[string]any) {
				set("commonName", "a.example.com")(object)
				set("revisionHistoryLimit", int64(3))(object)
			},
			entries: []string{
				ownOf(in, "11:00", "spec>commonName", "spec>revisionHistoryLimit"),
				"helm Apply 11:00 spec>revisionHistoryLimit", "kubectl-edit Update 11:00 spec>commonName spec>isCA spec>revisionHistoryLimit",
			},
			want: []string{
				ownOf(in, "11:00", "spec>commonName", "spec>revisionHistoryLimit"),
				"helm Apply 11:00 spec>revisionHistoryLimit", "kubectl-edit Update 11:00 spec>isCA spec>revisionHistoryLimit",
			},
		},
		"a field that the shim lacks": {
			change:  func(object map[string]any) { delete(object["spec"].(map[string]any), "duration") },
			entries: []string{without(entryOf(shim, "Update", "10:00", in), "spec>duration")},
			want:    []string{own()}, paced: true,
		},
		"a field that we have no use for any more stays ours until the apply removes it": {
			entries: []string{ownOf(in, "09:00", "spec>commonName"), "certshim Update 10:00 spec>duration"},
			want:    []string{own("spec>commonName")},
		},
		"the Secret's name and our owner reference are never left to others": {
			change: func(object map[string]any) {
				set("secretName", "other-tls")(object)
				object["metadata"].(map[string]any)["ownerReferences"].([]any)[0].(map[string]any)["apiVersion"] = "networking.k8s.io/v1beta1"
			},
			entries: []string{
				without(ownOf(in, "09:00"), "spec>secretName", "metadata>ownerReferences>{source-uid}"),
				"kubectl-edit Update 10:00 metadata>ownerReferences>{source-uid} metadata>ownerReferences>{another} spec>isCA spec>secretName",
			},
			want: []string{ownOf(in, "10:00"), "kubectl-edit Update 10:00 metadata>ownerReferences>{another} spec>isCA"},
		},
		"an entry of a version that is no longer served": {
			entries: []string{entryOf(shim, "Update@v1alpha2", "10:00", in, "spec>isCA"), "kubectl-edit Update@v1alpha3 08:00 spec>dnsNames", "old Update/status@v1alpha2 08:00 status>conditions"},
			change:  set("isCA", true),
			want: []string{
				own(), shim + " Update 10:00 spec>isCA",
				"kubectl-edit Update 08:00 spec>dnsNames", "old Update/status 08:00 status>conditions",
			}, unchanged: true,
		},
		"a stranger's entry of such a version alone": {
			change:  set("duration", "3h0m0s"),
			entries: []string{ownOf(in, "10:00"), "old Update@v1alpha2 08:00 spec>keystores"},
			want:    []string{own(), "old Update 08:00 spec>keystores"},
		},
		"nothing is taken from a subresource": {
			change:  func(object map[string]any) { ownerOf(object)["apiVersion"] = "networking.k8s.io/v1beta1" },
			entries: []string{entryOf(shim, "Update", "10:00", in), "x Update/status 10:00 metadata>ownerReferences>{source-uid}"},
			want:    []string{own(), "x Update/status 10:00 metadata>ownerReferences>{source-uid}"}, paced: true,
		},
		"our own entry of such a version": {
			entries: []string{entryOf("certshim", "Apply@v1alpha2", "10:00", in, "spec>commonName")},
			want:    []string{own("spec>commonName")},
		},
		"our entry is as young as what a shim leaves": {
			change:  set("isCA", true),
			entries: []string{entryOf(shim, "Apply", "09:00", in), shim + " Update 10:00 spec>isCA", "kubectl-edit Update 12:00 spec>keystores"},
			want:    []string{own(), shim + " Update 10:00 spec>isCA", "kubectl-edit Update 12:00 spec>keystores"}, unchanged: true,
		},
		"nobody is recorded, and values differ": {
			change: set("duration", "3h0m0s"),
			want:   []string{ownOf(in, "-")},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			live := liveOf(t, in, tt.change, tt.entries...)
			d := decideLive(in, live)
			if tt.want == nil {
				if d.Action != certificate.None {
					t.Errorf("got %s: %s", d.Action, d.Reason)
				}
				return
			}
			if diff := cmp.Diff(tt.want, after(t, d)); diff != "" {
				t.Errorf("managedFields (-want +got):\n%s", diff)
			}
			if d.Action != certificate.Apply || d.Unchanged != tt.unchanged || d.Paced != tt.paced {
				t.Errorf("%s, unchanged %v, paced %v: %s", d.Action, d.Unchanged, d.Paced, d.Reason)
			}
			if want := (certificate.Guard{UID: "certificate-uid", ResourceVersion: "7"}); d.Guard != want {
				t.Errorf("guarded by %+v", d.Guard)
			}
			if !reflect.DeepEqual(d.Config, certificate.Build(in)) || d.Want != certificate.Want(d.Config) || len(d.Yielded) > 0 {
				t.Errorf("the configuration is another: %v, yielded %v", d.Config, d.Yielded)
			}
			if tt.entries != nil {
				takenOverOnce(t, in, live, tt.want, d)
			}
		})
	}
}

// takenOverOnce checks that nothing is left to do after the patch and, if values changed, the
// apply.
func takenOverOnce(t *testing.T, in certificate.Input, live map[string]any, entries []string, d certificate.Decision) {
	t.Helper()
	next := liveOf(t, in, nil)
	for name, value := range spec(live) {
		if _, wanted := spec(next)[name]; !wanted {
			spec(next)[name] = value
		}
	}
	var managed []any
	for i, entry := range entries {
		if i == 0 {
			entry = ownOf(in, "11:00") // an apply gives up what is not wanted
		}
		managed = append(managed, parseEntry(entry))
	}
	next["metadata"].(map[string]any)["managedFields"] = managed
	if again := decideSeen(in, next); again.Action != certificate.None {
		t.Errorf("after it: %s, %s (flags %b)", again.Action, again.Reason, certificate.Observe(next).Flags)
	}
	if d.Unchanged && certificate.Observe(next).Flags.Has(certificate.ShimEntries) {
		t.Error("what the shim left behind counts as new")
	}
}

// Fields that other managers apply with different values stay theirs, and the rest is applied.
func TestYield(t *testing.T) {
	in := input(withKey, withDuration, func(in *certificate.Input) {
		in.Request.Extra = map[string]string{"example.com/a": "1"}
		in.Request.SecretTemplate.Labels = map[string]string{"team": "a"}
	})
	own := func(paths ...string) string { return without(ownOf(in, "10:00"), paths...) }
	type conflict = certificate.Conflict
	tests := map[string]struct {
		change  func(map[string]any)
		entries []string
		yielded []conflict
		// left are the fields of the spec that the configuration doesn't hold, changed
		// those that it holds with another value than was wanted.
		left    []string
		changed map[string]any
		action  certificate.Action
		told    []string
	}{
		"another value": {
			change:  set("duration", "3h0m0s"),
			entries: []string{own("spec>duration"), "helm Apply 11:00 spec>duration"},
			yielded: []conflict{{Field: ".spec.duration", Manager: "helm", Operation: "Apply"}},
			left:    []string{"duration"}, action: certificate.None,
			told: []string{`FieldConflict w spec.duration: field manager "helm" of Certificate web-tls holds .spec.duration with the value "3h0m0s", by Apply; it stays theirs (value "2h0m0s")`},
		},
		"the same value is owned together": {
			entries: []string{own(), "helm Apply 11:00 spec>duration"}, action: certificate.None,
		},
		"the same value, and we don't own it yet": {
			entries: []string{own("spec>duration"), "helm Apply 11:00 spec>duration"}, action: certificate.Apply,
		},
		"two managers hold it": {
			change:  set("duration", "3h0m0s"),
			entries: []string{own("spec>duration"), "helm Apply 11:00 spec>duration", "flux Apply 11:00 spec>duration", "edit Update 11:00 metadata>labels>app"},
			yielded: []conflict{{Field: ".spec.duration", Manager: "flux", Operation: "Apply"}, {Field: ".spec.duration", Manager: "helm", Operation: "Apply"}},
			left:    []string{"duration"}, action: certificate.None,
			told: []string{
				`FieldConflict w spec.duration: field manager "flux" of Certificate web-tls holds .spec.duration with the value "3h0m0s", by Apply; it stays theirs (value "2h0m0s")`,
				`FieldConflict w spec.duration: field manager "helm" of Certificate web-tls holds .spec.duration with the value "3h0m0s", by Apply; it stays theirs (value "2h0m0s")`,
			},
		},
		"a list is one field": {
			change:  set("dnsNames", []any{"x.example.com", "y.example.com"}),
			entries: []string{own("spec>dnsNames"), `ki"ck Apply 11:00 spec>dnsNames`},
			yielded: []conflict{{Field: ".spec.dnsNames", Manager: `ki"ck`, Operation: "Apply"}},
			left:    []string{"dnsNames"}, action: certificate.None,
			told: []string{`FieldConflict w spec.dnsNames: field manager "ki\"ck" of Certificate web-tls holds .spec.dnsNames with the value "x.example.com,y.example.com", by Apply; it stays theirs (value "a.example.com")`},
		},
		"the name of the issuer: the whole reference stays": {
			change:  set("issuerRef", map[string]any{"group": "cert-manager.io", "kind": "Issuer", "name": "theirs"}),
			entries: []string{own("spec>issuerRef>name"), "kubectl-edit Apply 11:00 spec>issuerRef>name"},
			yielded: []conflict{{Field: ".spec.issuerRef.name", Manager: "kubectl-edit", Operation: "Apply"}},
			changed: map[string]any{"issuerRef": map[string]any{"group": "cert-manager.io", "kind": "Issuer"}}, action: certificate.None,
			told: []string{`FieldConflict w spec.issuerRef.name: field manager "kubectl-edit" of Certificate web-tls holds .spec.issuerRef.name with the value "theirs", by Apply; it stays theirs (value "ca")`},
		},
		"the kind of the issuer, and we want another name: the name stays as it is": {
			change:  set("issuerRef", map[string]any{"group": "cert-manager.io", "kind": "ClusterIssuer", "name": "old"}),
			entries: []string{own("spec>issuerRef>kind"), "kubectl-edit Apply 11:00 spec>issuerRef>kind"},
			yielded: []conflict{{Field: ".spec.issuerRef.kind", Manager: "kubectl-edit", Operation: "Apply"}},
			changed: map[string]any{"issuerRef": map[string]any{"group": "cert-manager.io", "name": "old"}}, action: certificate.None,
			told: []string{`FieldConflict w spec.issuerRef.kind: field manager "kubectl-edit" of Certificate web-tls holds .spec.issuerRef.kind with the value "ClusterIssuer", by Apply; it stays theirs (value "Issuer")`},
		},
		"a part of the private key: nothing is added to it": {
			change:  set("privateKey", map[string]any{"algorithm": "RSA"}),
			entries: []string{own("spec>privateKey>algorithm", "spec>privateKey>size"), "helm Apply 11:00 spec>privateKey>algorithm"},
			yielded: []conflict{{Field: ".spec.privateKey.algorithm", Manager: "helm", Operation: "Apply"}},
			left:    []string{"privateKey"}, action: certificate.None,
			told: []string{`FieldConflict w spec.privateKey.algorithm: field manager "helm" of Certificate web-tls holds .spec.privateKey.algorithm with the value "RSA", by Apply; it stays theirs (value "ECDSA")`},
		},
		"a part of the private key that we give up": {
			change:  set("privateKey", map[string]any{"algorithm": "RSA", "encoding": "PKCS8"}),
			entries: []string{own("spec>privateKey>algorithm", "spec>privateKey>size") + " spec>privateKey>encoding", "helm Apply 11:00 spec>privateKey>algorithm"},
			yielded: []conflict{{Field: ".spec.privateKey.algorithm", Manager: "helm", Operation: "Apply"}},
			changed: map[string]any{"privateKey": map[string]any{"encoding": "PKCS8"}}, action: certificate.None,
			told: []string{`FieldConflict w spec.privateKey.algorithm: field manager "helm" of Certificate web-tls holds .spec.privateKey.algorithm with the value "RSA", by Apply; it stays theirs (value "ECDSA")`},
		},
		"an empty map that somebody holds": {
			change:  set("privateKey", map[string]any{}),
			entries: []string{own("spec>privateKey>algorithm", "spec>privateKey>size"), "helm Apply 11:00 spec>privateKey"},
			yielded: []conflict{{Field: ".spec.privateKey.algorithm", Manager: "helm", Operation: "Apply"}, {Field: ".spec.privateKey.size", Manager: "helm", Operation: "Apply"}},
			left:    []string{"privateKey"}, action: certificate.None,
			told: []string{
				`FieldConflict w spec.privateKey.algorithm: field manager "helm" of Certificate web-tls holds .spec.privateKey.algorithm with the value "", by Apply; it stays theirs (value "ECDSA")`,
				`FieldConflict w spec.privateKey.size: field manager "helm" of Certificate web-tls holds .spec.privateKey.size with the value "", by Apply; it stays theirs (value "256")`,
			},
		},
		"a container with something in it is nobody's": {
			entries: []string{own("spec>privateKey>size"), "kubectl-edit Update 11:00 spec>privateKey> spec>."}, action: certificate.Apply,
		},
		"labels and annotations, key by key": {
			change: func(object map[string]any) {
				object["metadata"].(map[string]any)["labels"] = map[string]any{"app": "theirs"}
				object["metadata"].(map[string]any)["annotations"] = map[string]any{"example.com/a": "2"}
				set("secretTemplate", map[string]any{"labels": map[string]any{"team": "b"}})(object)
			},
			entries: []string{
				own("metadata>labels>app", "metadata>annotations>example.com/a", "spec>secretTemplate>labels>team"),
				"kubectl Apply 11:00 metadata>labels>app metadata>annotations>example.com/a spec>secretTemplate>labels>team",
			},
			yielded: []conflict{
				{Field: ".metadata.annotations.example.com/a", Manager: "kubectl", Operation: "Apply"},
				{Field: ".metadata.labels.app", Manager: "kubectl", Operation: "Apply"},
				{Field: ".spec.secretTemplate.labels.team", Manager: "kubectl", Operation: "Apply"},
			},
			left: []string{"secretTemplate"}, action: certificate.None,
			told: []string{
				`FieldConflict w metadata.annotations.example.com/a: field manager "kubectl" of Certificate web-tls holds .metadata.annotations.example.com/a with the value "2", by Apply; it stays theirs (value "1")`,
				`FieldConflict w metadata.labels.app: field manager "kubectl" of Certificate web-tls holds .metadata.labels.app with the value "theirs", by Apply; it stays theirs (value "web")`,
				`FieldConflict w spec.secretTemplate.labels.team: field manager "kubectl" of Certificate web-tls holds .spec.secretTemplate.labels.team with the value "b", by Apply; it stays theirs (value "a")`,
			},
		},
		"a field that somebody holds and that isn't there": {
			change:  func(object map[string]any) { delete(object["spec"].(map[string]any), "duration") },
			entries: []string{own("spec>duration"), "helm Apply 11:00 spec>duration"},
			yielded: []conflict{{Field: ".spec.duration", Manager: "helm", Operation: "Apply"}},
			left:    []string{"duration"}, action: certificate.None,
			told: []string{`FieldConflict w spec.duration: field manager "helm" of Certificate web-tls holds .spec.duration with the value "", by Apply; it stays theirs (value "2h0m0s")`},
		},
		"a field that somebody removed comes back": {
			change:  func(object map[string]any) { delete(object["spec"].(map[string]any), "duration") },
			entries: []string{own("spec>duration")}, action: certificate.Apply,
		},
		"one is yielded, another differs": {
			change:  func(object map[string]any) { set("duration", "3h0m0s")(object); set("usages", []any{"any"})(object) },
			entries: []string{own("spec>duration"), "helm Apply 11:00 spec>duration"},
			yielded: []conflict{{Field: ".spec.duration", Manager: "helm", Operation: "Apply"}},
			left:    []string{"duration"}, action: certificate.Apply,
			told: []string{`FieldConflict w spec.duration: field manager "helm" of Certificate web-tls holds .spec.duration with the value "3h0m0s", by Apply; it stays theirs (value "2h0m0s")`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := decideLive(in, liveOf(t, in, tt.change, tt.entries...))
			if d.Action != tt.action || d.TakeOver != nil {
				t.Fatalf("%s: %s; patch %s", d.Action, d.Reason, d.TakeOver)
			}
			if diff := cmp.Diff(tt.yielded, d.Yielded); diff != "" {
				t.Errorf("yielded (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.told, told(d.Problems)); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			want := spec(certificate.Build(in))
			for _, name := range tt.left {
				delete(want, name)
			}
			for name, value := range tt.changed {
				want[name] = value
			}
			if diff := cmp.Diff(want, spec(d.Config)); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
			if tt.action == certificate.Apply && (d.Guard != certificate.Guard{UID: "certificate-uid", ResourceVersion: "7"}) {
				t.Errorf("guarded by %+v", d.Guard)
			}
		})
	}
}

// A conflict's field is written as the API server writes it.
func TestConflictFieldsAreTheServers(t *testing.T) {
	s := newServer()
	in := input(withKey, withDuration, func(in *certificate.Input) { in.Request.Extra = map[string]string{"example.com/a": "1"} })
	if err := s.apply("certshim", certificate.Build(in), false); err != nil {
		t.Fatal(err)
	}
	err := s.update("kubectl-edit", func(o map[string]any) {
		o["metadata"].(map[string]any)["annotations"].(map[string]any)["example.com/a"] = "2"
		spec(o)["duration"], spec(o)["dnsNames"] = "5h0m0s", []any{"x"}
		spec(o)["privateKey"].(map[string]any)["size"] = int64(384)
	})
	if err != nil {
		t.Fatal(err)
	}
	conflict := s.apply("certshim", certificate.Build(in), false)
	d := decideLive(in, s.object())
	want := fmt.Sprintf("Apply failed with %d conflicts: conflicts with \"kubectl-edit\" using cert-manager.io/v1:", len(d.PutBack))
	for _, c := range d.PutBack {
		want += "\n- " + c.Field
	}
	if conflict == nil || conflict.Error() != want {
		t.Errorf("the server says\n%v\nand we\n%s", conflict, want)
	}
}
