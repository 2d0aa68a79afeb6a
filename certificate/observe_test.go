package certificate_test

import (
	"encoding/json"
	"maps"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
)

func TestObserve(t *testing.T) {
	in := input()
	live := liveOf(t, in, deleting, ownOf(in, "10:00"))
	got := certificate.Observe(live)
	want := certificate.Observed{
		Namespace: "shop", Name: "web-tls", UID: "certificate-uid", ResourceVersion: "7", Secret: "web-tls",
		Issuer: resolver.Ref{Group: "cert-manager.io", Kind: "Issuer", Name: "ca"},
		Owner:  certificate.Owner{Group: "networking.k8s.io", Kind: "Ingress", Name: "web", UID: "source-uid"},
		Have:   certificate.Want(certificate.Build(in)), Flags: certificate.Applied | certificate.Deleting,
	}
	want.Standing.Ours = uint16(want.Have.Leaves)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTheOwnerIsTheOneThatControls(t *testing.T) {
	owners := func(items ...any) map[string]any {
		return map[string]any{"metadata": map[string]any{"ownerReferences": items}}
	}
	plain := map[string]any{"apiVersion": "a.io/v1", "kind": "A", "name": "a", "uid": "1"}
	core := map[string]any{"apiVersion": "v1", "kind": "Service", "name": "s", "uid": "2", "controller": true}
	tests := map[string]struct {
		object map[string]any
		want   certificate.Owner
	}{
		"the second":   {owners(plain, core), certificate.Owner{Kind: "Service", Name: "s", UID: "2"}},
		"the first":    {owners(core, map[string]any{"apiVersion": "b.io/v1", "controller": true}), certificate.Owner{Kind: "Service", Name: "s", UID: "2"}},
		"none":         {owners(plain), certificate.Owner{}},
		"nothing":      {map[string]any{}, certificate.Owner{}},
		"wrong types":  {owners("x", map[string]any{"controller": "true", "uid": "3"}, map[string]any{"controller": true, "uid": 4}), certificate.Owner{}},
		"no such list": {map[string]any{"metadata": map[string]any{"ownerReferences": "x"}}, certificate.Owner{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := certificate.Observe(tt.object).Owner; got != tt.want {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// The flags for managedFields, one entry at a time.
func TestFlags(t *testing.T) {
	in := input()
	up := ownOf(in, "10:00")
	const (
		applied = certificate.Applied
		shims   = certificate.ShimEntries | certificate.OthersHold
		others  = certificate.OthersHold
		more    = certificate.MoreThere
	)
	tests := map[string]struct {
		entries []string
		want    certificate.Flags
	}{
		"no entries":                  {nil, certificate.Untracked},
		"ours":                        {[]string{up}, applied},
		"our status":                  {[]string{"certshim Apply/status 10:00 status>x"}, 0},
		"our update":                  {[]string{"certshim Update 10:00 spec>duration"}, shims},
		"a shim's update":             {[]string{shim + " Update 10:00 spec>duration"}, shims},
		"a shim's apply":              {[]string{shim + " Apply 10:00 metadata>labels>a"}, shims},
		"the other shims'":            {[]string{"cert-manager-gateway-shim Update 10:00 metadata>annotations>a"}, shims},
		"and the third":               {[]string{"cert-manager-listenerset Update 10:00 metadata>ownerReferences>{u}"}, shims},
		"a shim's of a subresource":   {[]string{up, shim + " Update/status 11:00 spec>duration"}, applied | more},
		"what nobody is recorded for": {[]string{"certshim Apply 10:00 spec>secretName"}, applied | more},
		"before-first-apply":          {[]string{"before-first-apply Update 10:00 spec>duration"}, shims},
		"a manager that calls itself so and applies": {[]string{"before-first-apply Apply 10:00 spec>duration"}, others},
		"somebody's spec":                           {[]string{up, "helm Apply 10:00 spec>isCA"}, applied | others},
		"somebody's labels":                         {[]string{up, "helm Apply 10:00 metadata>labels>a"}, applied | others},
		"somebody's annotations":                    {[]string{up, "helm Apply 10:00 metadata>annotations>a"}, applied | others},
		"somebody's owner reference":                {[]string{up, "helm Apply 10:00 metadata>ownerReferences>{u}"}, applied | others},
		"somebody's finalizer":                      {[]string{up, "helm Apply 10:00 metadata>finalizers>=x/y"}, applied},
		"somebody's status":                         {[]string{up, status}, applied},
		"ancient changes of the status":             {[]string{up, "ancient-changes Update 10:00 status>conditions"}, applied},
		"what a take-over left, older":              {[]string{up, shim + " Update 09:00 spec>isCA"}, applied | others},
		"what a take-over left, as old":             {[]string{up, shim + " Update 10:00 spec>isCA"}, applied | others},
		"a shim's field that is younger":            {[]string{up, shim + " Update 11:00 spec>isCA"}, applied | shims},
		"a shim's field that is ours too":           {[]string{up, shim + " Update 09:00 spec>secretName"}, applied | shims},
		"a shim's owner reference that is ours too": {[]string{up, shim + " Apply 09:00 metadata>ownerReferences>{source-uid}"}, applied | shims},
		"a shim's container of what is ours":        {[]string{up, shim + " Update 09:00 spec>. spec>issuerRef>. metadata>labels>."}, applied | others},
		"a shim's empty map where ours has fields":  {[]string{up, shim + " Update 09:00 spec>issuerRef"}, applied | others},
		"a shim's container where ours is empty":    {[]string{ownOf(in, "10:00", "spec>keystores"), shim + " Update 09:00 spec>keystores>."}, applied | others},
		"a shim's empty map where ours has its own": {[]string{ownOf(in, "10:00", "spec>keystores>."), shim + " Update 09:00 spec>keystores"}, applied | others},
		"a shim's map without a time":               {[]string{up, shim + " Update - spec>isCA"}, applied | others},
		"a version that is no longer served":        {[]string{up, "x Update@v1alpha2 10:00 metadata>finalizers>=x/y"}, applied | certificate.UnservedEntries},
		"our own of such a version":                 {[]string{"certshim Apply@v1alpha2 10:00 spec>secretName"}, applied | more | certificate.UnservedEntries},
		"a status of such a version":                {[]string{"x Update/status@v1alpha2 10:00 status>a"}, certificate.UnservedEntries},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := certificate.Observe(liveOf(t, in, nil, tt.entries...)).Flags; got != tt.want {
				t.Errorf("flags %06b, want %06b", got, tt.want)
			}
		})
	}
}

func TestManagedFieldsOfOddForms(t *testing.T) {
	for name, managed := range map[string]any{
		"cleared": []any{map[string]any{}}, "null": nil, "no list": "x", "no maps": []any{"x", nil, 1},
	} {
		object := map[string]any{"metadata": map[string]any{"managedFields": managed}}
		if got := certificate.Observe(object); got.Flags != certificate.Untracked || (got.Have != certificate.Digest{}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	versionless := map[string]any{"metadata": map[string]any{"managedFields": []any{map[string]any{"manager": "x", "operation": "Update"}}}}
	if got := certificate.Observe(versionless); got.Flags != 0 {
		t.Errorf("flags %b", got.Flags)
	}
}

func TestAppliedByOthers(t *testing.T) {
	in := input()
	live := liveOf(t, in, nil, ownOf(in, "10:00"), shim+" Update 10:00 spec>duration", "helm Apply/status 10:00 spec>usages", "helm Apply 10:00 spec>privateKey>size spec>isCA", "helm Update 10:00 spec>subject")
	for _, tt := range []struct {
		path []string
		want bool
	}{
		{[]string{"spec", "isCA"}, true}, {[]string{"spec", "privateKey", "size"}, true}, {[]string{"spec", "privateKey"}, true}, {[]string{"spec"}, true},
		{[]string{"spec", "privateKey", "encoding"}, false}, {[]string{"spec", "duration"}, false}, {[]string{"spec", "usages"}, false},
		{[]string{"spec", "secretName"}, false}, {[]string{"spec", "subject"}, false}, {[]string{"status"}, false},
	} {
		if got := certificate.AppliedByOthers(live, tt.path...); got != tt.want {
			t.Errorf("%v: %v", tt.path, got)
		}
	}
}

// The digests of what we own and of what we want are equal if and only if an apply would change
// nothing.
func TestDigests(t *testing.T) {
	in := input(everything)
	config := certificate.Build(in)
	want := certificate.Want(config)
	same := map[string]func(map[string]any){
		"as it was built":             nil,
		"what others added":           func(o map[string]any) { set("isCA", true)(o); labelsOf(o)["theirs"] = "x" },
		"a status":                    func(o map[string]any) { o["status"] = map[string]any{"revision": int64(1)} },
		"numbers as a decoder has it": func(o map[string]any) { set("revisionHistoryLimit", float64(3))(o) },
		"numbers as code has it":      func(o map[string]any) { set("revisionHistoryLimit", 3)(o) },
	}
	for name, change := range same {
		t.Run(name, func(t *testing.T) {
			live := liveOf(t, in, nil, ownOf(in, "10:00"))
			if change != nil {
				change(live)
			}
			if got := certificate.Observe(live).Have; got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
	other := map[string]func(map[string]any){
		"another scalar":            set("duration", "1h0m0s"),
		"another number":            set("revisionHistoryLimit", int64(4)),
		"a fraction":                set("revisionHistoryLimit", 3.5),
		"text in place of a number": set("revisionHistoryLimit", "3"),
		"a list in another order":   set("usages", []any{"client auth", "server auth"}),
		"a list with one more":      set("usages", []any{"server auth", "client auth", "any"}),
		"a shorter list":            set("usages", []any{"server auth"}),
		"a list joined to one":      set("usages", []any{"server authclient auth"}),
		"an empty list":             set("usages", []any{}),
		"null":                      set("duration", nil),
		"a boolean":                 set("duration", true),
		"another boolean":           set("duration", false),
		"no value":                  func(o map[string]any) { delete(spec(o), "duration") },
		"no map":                    func(o map[string]any) { delete(spec(o), "subject") },
		"another label":             func(o map[string]any) { labelsOf(o)["app"] = "x" },
		"no labels":                 func(o map[string]any) { delete(o["metadata"].(map[string]any), "labels") },
		"values swapped between two paths": func(o map[string]any) {
			s := spec(o)
			s["duration"], s["renewBefore"] = s["renewBefore"], s["duration"]
		},
		"another version of the owner": func(o map[string]any) { ownerOf(o)["apiVersion"] = "networking.k8s.io/v1beta1" },
		"an owner that doesn't block":  func(o map[string]any) { delete(ownerOf(o), "blockOwnerDeletion") },
		"another owner":                func(o map[string]any) { ownerOf(o)["uid"] = "x" },
	}
	for name, change := range other {
		t.Run(name, func(t *testing.T) {
			live := liveOf(t, in, nil, ownOf(in, "10:00"))
			change(live)
			if got := certificate.Observe(live).Have; got == want {
				t.Error("the difference isn't seen")
			}
		})
	}
	owned := map[string][]string{
		"a field more":                 {ownOf(in, "10:00", "spec>isCA")},
		"a field more without a value": {ownOf(in, "10:00", "spec>literalSubject")},
		"a field less":                 {without(ownOf(in, "10:00"), "spec>duration")},
		"a container":                  {ownOf(in, "10:00", "spec>issuerRef>.")},
		"a container of a scalar":      {without(ownOf(in, "10:00"), "spec>duration") + " spec>duration>."},
		"a finalizer":                  {ownOf(in, "10:00", "metadata>finalizers>=x/y")},
		"a map in place of its fields": {without(ownOf(in, "10:00"), "spec>subject>countries") + " metadata>annotations"},
	}
	for name, entries := range owned {
		t.Run("owned: "+name, func(t *testing.T) {
			live := liveOf(t, in, func(o map[string]any) {
				set("isCA", true)(o)
				o["metadata"].(map[string]any)["finalizers"] = []any{"x/y"}
			}, entries...)
			if got := certificate.Observe(live).Have; got == want {
				t.Error("the difference isn't seen")
			}
		})
	}
}

// Lists may hold maps, and configurations finalizers and empty maps, though ours don't.
func TestDigestsOfWhatWeDontWrite(t *testing.T) {
	in := input()
	config := certificate.Build(in)
	spec(config)["otherNames"] = []any{map[string]any{"oid": "1.2", "utf8Value": "x"}}
	spec(config)["keystores"] = map[string]any{}
	config["metadata"].(map[string]any)["finalizers"] = []any{"x/y"}
	live := liveOf(t, in, nil, ownOf(in, "10:00", "spec>otherNames", "spec>keystores", "metadata>finalizers>=x/y"))
	spec(live)["otherNames"] = []any{map[string]any{"utf8Value": "x", "oid": "1.2"}}
	spec(live)["keystores"] = map[string]any{}
	live["metadata"].(map[string]any)["finalizers"] = []any{"a/b", "x/y"}
	if got, want := certificate.Observe(live).Have, certificate.Want(config); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	spec(live)["otherNames"] = []any{map[string]any{"utf8Value": "y", "oid": "1.2"}}
	if certificate.Observe(live).Have == certificate.Want(config) {
		t.Error("the difference isn't seen")
	}
}

func TestDigestOfLargeNumbers(t *testing.T) {
	digest := func(value any) certificate.Digest {
		return certificate.Want(map[string]any{"spec": map[string]any{"x": value}})
	}
	if digest(float64(1<<52)) != digest(int64(1<<52)) || digest(float64(1<<62)) != digest(int64(1<<62)) || digest(math.Inf(1)) == digest(int64(math.MaxInt64)) || digest(0.5) == digest(0.25) {
		t.Error("numbers are equal by value, as far as a float is exact")
	}
}

func labelsOf(object map[string]any) map[string]any {
	return object["metadata"].(map[string]any)["labels"].(map[string]any)
}

func ownerOf(object map[string]any) map[string]any {
	return object["metadata"].(map[string]any)["ownerReferences"].([]any)[0].(map[string]any)
}

// FuzzLive decides with any JSON object as the live Certificate, since anybody may write
// anything into it, managedFields included.
func FuzzLive(f *testing.F) {
	in := input(brokenEntry, unread("spec.duration", "spec.privateKey", "metadata.annotations"))
	for _, entries := range [][]string{
		nil, {ownOf(in, "10:00")}, {entryOf(shim, "Update", "10:00", in, shimContainers...), "helm Apply 10:00 spec>duration", status},
		{"x Update@v1alpha2 - spec>isCA", "certshim Update 10:00 spec>. . metadata>ownerReferences>{source-uid} metadata>ownerReferences>{u} spec>dnsNames>=a"},
	} {
		object := certificate.Build(in)
		metadata, managed := object["metadata"].(map[string]any), []any{}
		for _, entry := range entries {
			managed = append(managed, parseEntry(entry))
		}
		metadata["managedFields"] = managed
		text, err := json.Marshal(object)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		var live map[string]any
		if json.Unmarshal([]byte(text), &live) != nil || live == nil {
			t.Skip("not a JSON object, as all that an API server or a manifest holds is")
		}
		if metadata, ok := live["metadata"].(map[string]any); ok {
			maps.Copy(metadata, map[string]any{"ownerReferences": certificate.Build(in)["metadata"].(map[string]any)["ownerReferences"]})
		}
		before, err := json.Marshal(live)
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range []certificate.Input{in, input(everything)} {
			d := decideLive(in, runtime.DeepCopyJSON(live))
			if d.NeedsLive || d.Config != nil && d.Want != certificate.Want(d.Config) {
				t.Errorf("%s: %s", d.Action, d.Reason)
			}
			if d.TakeOver != nil && !json.Valid(d.TakeOver) {
				t.Errorf("the patch is %s", d.TakeOver)
			}
			decideLive(in, live)
		}
		if after, _ := json.Marshal(live); string(after) != string(before) {
			t.Error("the decision changed the live object")
		}
	})
}
