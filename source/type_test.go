package source_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/declaration/pages"
	"github.com/certshim/certshim/source"
)

func shipped(t testing.TB) []source.Type {
	t.Helper()
	types, err := source.ShippedTypes()
	if err != nil {
		t.Fatal(err)
	}
	return types
}

func TestTypesPassTheirOwnTests(t *testing.T) {
	types := shipped(t)
	for _, name := range twinNames {
		types = append(types, twin(t, name))
	}
	for _, each := range types {
		t.Run(each.ID, func(t *testing.T) {
			results, err := each.RunCases(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, result := range results {
				for _, fault := range result.Faults {
					t.Errorf("%s: %s", result.Case, fault)
				}
			}
		})
	}
}

// Each example has the annotations of an issuer, and asks for a Secret of its own namespace.
func TestExamplesAskForACertificate(t *testing.T) {
	for _, each := range shipped(t) {
		t.Run(each.ID, func(t *testing.T) {
			kind := declared(t, each, nil)
			example := &unstructured.Unstructured{Object: declaration.AsJSON(each.Example)}
			gvk := example.GroupVersionKind()
			if gvk.Group != each.Group || gvk.Kind != each.Kind || !slices.Contains(each.Versions, gvk.Version) {
				t.Errorf("the example is of %s", gvk)
			}
			object, err := kind.Reduce(example)
			if err != nil {
				t.Fatal(err)
			}
			asks := kind.Asks(object, source.Options{})
			if len(asks.Asks) != 1 || len(asks.Asks[0].Hosts) == 0 || len(asks.Problems.All()) > 0 {
				t.Errorf("it asks for %+v, with problems %v", asks.Asks, asks.Problems.All())
			}
			if !slices.ContainsFunc([]string{"cert-manager.io/issuer", "cert-manager.io/cluster-issuer"}, func(key string) bool { return example.GetAnnotations()[key] != "" }) {
				t.Error("the example names no issuer")
			}
		})
	}
}

func declared(t testing.TB, of source.Type, params map[string]string) source.Kind {
	t.Helper()
	kind, err := source.Declared(of, params)
	if err != nil {
		t.Fatal(err)
	}
	return kind
}

func TestSourcePagesAreUpToDate(t *testing.T) {
	const folder = "../docs/sources"
	types := shipped(t)
	want := map[string]string{"README.md": source.RenderIndex(types), "../../deploy/chart/files/sources.yaml": source.RenderRules(types)}
	for _, each := range types {
		want[each.ID+".md"] = source.RenderPage(each)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	want["../../README.md"] = source.RenderKinds(string(readme), types)
	if !strings.Contains(want["../../README.md"], "docs/sources/contour-httpproxy.md") {
		t.Error("README.md has no table of kinds")
	}
	pages.AreUpToDate(t, "go generate ./source", folder, want)
	pages.AreAll(t, folder, want, "schema.md")
}

const goodType = `apiVersion: certshim.io/v1alpha1
kind: SourceType
metadata: {name: corp-proxy}
spec:
  group: proxy.corp.example
  kind: Proxy
  resource: proxies
  versions: [v1]
  params: [{name: domain, default: example.com}]
  entries: '[{"hosts": [object.metadata.name + "." + params.domain], "secretName": object.spec.secret}]'
  tests:
    - name: one
      object: {metadata: {name: a}, spec: {secret: a-tls}}
      want: [{hosts: [a.example.com], secretName: a-tls}]
`

func TestMistakesInATypeAreAllTold(t *testing.T) {
	if _, err := source.DecodeType([]byte(goodType), "good.yaml"); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		from, to string
		want     []string
	}{
		"an unknown field":        {"  kind: Proxy", "  knd: Proxy", []string{`bad.yaml:6: unknown field "spec.knd", did you mean "kind"?`}},
		"no kind":                 {"kind: Proxy", "kind: proxy", []string{`spec.kind: "proxy" is no kind; it is written in CamelCase`}},
		"a group's version":       {"proxy.corp.example", "proxy.corp.example/v1", []string{`spec.group: "proxy.corp.example/v1" is no API group; it is written without a version`}},
		"a kind of ours":          {"group: proxy.corp.example\n  kind: Proxy", "group: networking.k8s.io\n  kind: Ingress", []string{"spec.kind: Ingress of group networking.k8s.io is built in and can't be declared"}},
		"no version":              {"[v1]", "[]", []string{"spec.versions: it names no version"}},
		"a version twice":         {"[v1]", "[v1, v1]", []string{`spec.versions[1]: "v1" occurs twice`}},
		"a broken expression":     {"object.spec.secret}", "object.}", []string{"spec.entries: the expression", "character"}},
		"another variable":        {"params.domain", "env.domain", []string{"undeclared reference to 'env'; the variables are object, params"}},
		"no list":                 {`'[{`, `'{`, []string{"spec.entries: the expression"}},
		"annotations of metadata": {"  resource: proxies", "  resource: proxies\n  annotationsField: metadata.labels", []string{`spec.annotationsField: "metadata.labels" is no path of a field outside of metadata, such as spec.annotations`}},
		"an odd removal":          {"  resource: proxies", "  resource: proxies\n  onKindRemoved: orphan", []string{`spec.onKindRemoved: "orphan" is none of delete, retain`}},
		"an unknown param":        {"want:", "params: {dom: a}\n      want:", []string{`spec.tests[0].params.dom: "dom" is none of domain`}},
		"want and fails":          {"want:", "fails: x\n      want:", []string{"spec.tests[0].want: an expression that fails gives no entries"}},
		"two mistakes":            {"  kind: Proxy\n  resource: proxies", "  kind: proxy\n  resource: Proxies", []string{"spec.kind: ", `spec.resource: "Proxies" is no resource`}},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(goodType, row.from) {
				t.Fatalf("%q isn't in the type", row.from)
			}
			_, err := source.DecodeType([]byte(strings.Replace(goodType, row.from, row.to, 1)), "bad.yaml")
			for _, want := range row.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v\nwant %s", err, want)
				}
			}
		})
	}
}

func TestATypeMissesTests(t *testing.T) {
	of, err := source.DecodeType([]byte(goodType), "good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	results, _ := of.RunCases(t.Context())
	if len(results) != 2 || len(results[0].Faults) > 0 || !slices.Equal(results[1].Faults, []string{"one of an object that asks for nothing, with an empty want"}) {
		t.Errorf("got %+v", results)
	}
}

func TestParametersAreTheOperators(t *testing.T) {
	of, err := source.DecodeType([]byte(goodType), "good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "proxy.corp.example/v1", "kind": "Proxy",
		"metadata": map[string]any{"name": "a", "namespace": "shop"}, "spec": map[string]any{"secret": "a-tls"},
	}}
	for given, want := range map[string]string{"": "a.example.com", "corp.example": "a.corp.example"} {
		params := map[string]string{}
		if given != "" {
			params["domain"] = given
		}
		object, err := declared(t, of, params).Reduce(u)
		if err != nil || object.Failed != "" || object.Entries[0].Hosts[0] != want {
			t.Errorf("%q gives %+v, %v", given, object, err)
		}
	}
	if _, err := source.Declared(of, map[string]string{"domian": "x"}); err == nil || !strings.Contains(err.Error(), `did you mean "domain"?`) {
		t.Errorf("got %v", err)
	}
}

// A kind whose users write no metadata has its annotations in a field; those of the object come first.
func TestAnnotationsOfAField(t *testing.T) {
	of, err := source.DecodeType([]byte(strings.Replace(goodType, "  resource: proxies", "  resource: proxies\n  annotationsField: spec.tls.notes", 1)), "good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	kind := declared(t, of, map[string]string{})
	if reads := kind.Reads(); !slices.Contains(reads, "spec.tls.notes") {
		t.Errorf("it reads %v", reads)
	}
	read := func(metadata, spec map[string]any) *source.Object {
		t.Helper()
		metadata["name"], spec["secret"] = "a", "a-tls"
		object, err := kind.Reduce(&unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "proxy.corp.example/v1", "kind": "Proxy", "metadata": metadata, "spec": spec,
		}})
		if err != nil {
			t.Fatal(err)
		}
		return object
	}
	notes := map[string]any{"notes": map[string]any{"x": "field", "y": "field"}}
	both := read(map[string]any{"annotations": map[string]any{"x": "object", "z": "object"}}, map[string]any{"tls": notes})
	if diff := cmp.Diff(map[string]string{"x": "object", "y": "field", "z": "object"}, both.Annotations); diff != "" {
		t.Error(diff)
	}
	if alone := read(map[string]any{"annotations": map[string]any{"z": "object"}}, map[string]any{}); len(alone.Annotations) != 1 || alone.Failed != "" || len(alone.Entries) != 1 {
		t.Errorf("without the field: %+v", alone)
	}
	for name, tls := range map[string]any{"a list": []any{}, "notes that are text": map[string]any{"notes": "x"}, "a number": map[string]any{"notes": map[string]any{"x": int64(1)}}} {
		if wrong := read(map[string]any{}, map[string]any{"tls": tls}); !strings.Contains(wrong.Failed, "the source type corp-proxy can't read the annotations of the object: spec.tls.notes") || len(wrong.Entries) > 0 {
			t.Errorf("%s: %+v", name, wrong)
		}
	}
}

// The Certificates of a kind go with it, unless its declaration says otherwise.
func TestWhatBecomesOfCertificatesOfAKind(t *testing.T) {
	for written, want := range map[string]bool{"": false, "\n  onKindRemoved: delete": false, "\n  onKindRemoved: retain": true} {
		of, err := source.DecodeType([]byte(strings.Replace(goodType, "  resource: proxies", "  resource: proxies"+written, 1)), "good.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if kind := declared(t, of, map[string]string{}); kind.Outlived() != want {
			t.Errorf("%q: outlived %v", written, kind.Outlived())
		}
	}
}

// What an expression gives must be entries; else the object says why, and has none.
func TestEntriesAreReadStrictly(t *testing.T) {
	for entries, want := range map[string]string{
		`[1]`:                                 "entries[0] is a number, must be a map with hosts and secretName",
		`[{"hosts": ["a"], "secret": "b"}]`:   `entries[0] has a field that an entry can't have: "secret" is none of hosts, secretName, secretNamespace, section`,
		`[{"hosts": "a", "secretName": "b"}]`: "hosts: must be a list, not a string",
		`[{"hosts": [1], "secretName": "b"}]`: "hosts[0]: must be a string, not a number",
		`object.nothing`:                      "no such key: nothing",
		`[object.spec]`:                       "no such key: spec",
		`[].map(x, x)`:                        "",
	} {
		of, err := source.DecodeType([]byte(strings.NewReplacer(
			`'[{"hosts": [object.metadata.name + "." + params.domain], "secretName": object.spec.secret}]'`, "'"+entries+"'").Replace(goodType)), "t.yaml")
		if err != nil {
			t.Fatalf("%s: %v", entries, err)
		}
		object, err := declared(t, of, nil).Reduce(&unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "a"}}})
		if err != nil {
			t.Fatal(err)
		}
		if want == "" != (object.Failed == "") || !strings.Contains(object.Failed, want) || len(object.Entries) > 0 {
			t.Errorf("%s: got %q and %+v, want %q", entries, object.Failed, object.Entries, want)
		}
	}
}

// An evaluation over what is decoded of an object gives what one over the whole object does: the
// objects of the tests, and such with something in them changed.
func TestNothingIsReadThatIsNotDecoded(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, each := range shipped(t) {
		kind := declared(t, each, nil)
		for _, c := range each.Cases {
			for range 200 {
				whole := runtime.DeepCopyJSON(declaration.AsJSON(c.Object))
				mutate(random, whole)
				cut := runtime.DeepCopyJSON(whole)
				cutTo(cut, kind.Reads())
				want, wantErr := kind.Reduce(&unstructured.Unstructured{Object: whole})
				got, gotErr := kind.Reduce(&unstructured.Unstructured{Object: cut})
				if fmt.Sprint(wantErr) != fmt.Sprint(gotErr) {
					t.Fatalf("%s: %v, but over all %v", each.ID, gotErr, wantErr)
				}
				if wantErr == nil && (got.Failed != want.Failed || !reflect.DeepEqual(got.Entries, want.Entries)) {
					text, _ := json.Marshal(whole)
					t.Fatalf("%s reads %v, by which %s gives %q %+v; all of it gives %q %+v", each.ID, kind.Reads(), text, got.Failed, got.Entries, want.Failed, want.Entries)
				}
			}
		}
	}
}

// cutTo leaves of an object what paths name.
func cutTo(object map[string]any, paths []string) {
	if paths == nil {
		return
	}
	for name, value := range object {
		var below []string
		keep := name == "apiVersion" || name == "kind"
		for _, path := range paths {
			first, rest, deeper := strings.Cut(path, ".")
			if first != name {
				continue
			}
			keep = true
			if deeper {
				below = append(below, rest)
			}
		}
		if name == "metadata" {
			below = append(below, "name", "namespace")
		}
		if inner, is := value.(map[string]any); is && len(below) > 0 {
			cutTo(inner, below)
		}
		if !keep && name != "metadata" {
			delete(object, name)
		}
	}
}

// mutate changes something somewhere in an object.
func mutate(random *rand.Rand, object map[string]any) {
	keys := slices.Sorted(func(yield func(string) bool) {
		for key := range object {
			if !yield(key) {
				return
			}
		}
	})
	for _, key := range keys {
		switch random.IntN(8) {
		case 0:
			delete(object, key)
		case 1:
			object[key] = []any{nil, "", "x", int64(7), true, []any{}, map[string]any{}, map[string]any{"name": "x"}}[random.IntN(8)]
		default:
			if inner, is := object[key].(map[string]any); is {
				mutate(random, inner)
			}
			if items, is := object[key].([]any); is {
				for _, item := range items {
					if inner, is := item.(map[string]any); is {
						mutate(random, inner)
					}
				}
			}
		}
	}
}

var twinNames = []string{"ingress", "gateway", "listenerset"}

func twin(t testing.TB, name string) source.Type {
	t.Helper()
	content, err := os.ReadFile("testdata/twins/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	of, err := source.DecodeType(content, name)
	if err != nil {
		t.Fatal(err)
	}
	return of
}

// The kinds that are written in Go, declared once more, ask for the same.
func TestDeclaredTwinsAskForTheSame(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	kinds := map[string][2]string{
		"ingress": {"networking.k8s.io", "Ingress"}, "gateway": {"gateway.networking.k8s.io", "Gateway"}, "listenerset": {"gateway.networking.k8s.io", "ListenerSet"},
	}
	for _, name := range twinNames {
		written, _ := source.Builtin().Lookup(kinds[name][0], kinds[name][1])
		other := declared(t, twin(t, name), nil)
		some := 0
		for range 3000 {
			u := &unstructured.Unstructured{Object: randomObject(random, name)}
			want, err := asked(written, u)
			if err != nil {
				t.Fatal(err)
			}
			got, err := asked(other, u)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				text, _ := yaml.Marshal(u.Object)
				t.Fatalf("%s (-Go +declared)\n%s\n%s", name, diff, text)
			}
			some += len(want)
		}
		if some < 300 {
			t.Errorf("only %d Secrets were asked for", some)
		}
	}
}

// asked are the hosts by Secret.
func asked(kind source.Kind, u *unstructured.Unstructured) (map[string][]string, error) {
	object, err := kind.Reduce(u)
	if err != nil {
		return nil, err
	}
	if object.Failed != "" {
		return nil, fmt.Errorf("failed: %s", object.Failed)
	}
	hosts := map[string][]string{}
	for _, ask := range kind.Asks(object, source.Options{}).Asks {
		if len(ask.Hosts) > 0 {
			hosts[ask.Secret] = ask.Hosts
		}
	}
	return hosts, nil
}

func randomObject(random *rand.Rand, of string) map[string]any {
	hosts := []any{"a.example.com", "b.example.com", "*.example.com", "A.example.com", "192.0.2.1", "bad_host", ""}
	secrets := []any{"one", "two", "three", "Bad_Name"}
	pick := func(from []any) any { return from[random.IntN(len(from))] }
	var entries []any
	for i := range random.IntN(5) {
		entry := map[string]any{}
		entries = append(entries, entry)
		if of == "ingress" {
			if random.IntN(5) > 0 {
				entry["secretName"] = pick(secrets)
			}
			var list []any
			for range random.IntN(4) {
				list = append(list, pick(hosts))
			}
			if list != nil {
				entry["hosts"] = list
			}
			continue
		}
		entry["name"] = fmt.Sprintf("l%d", i)
		entry["protocol"] = pick([]any{"HTTPS", "HTTPS", "TLS", "HTTP", "TCP"})
		if random.IntN(5) > 0 {
			entry["hostname"] = pick(hosts)
		}
		if random.IntN(6) == 0 {
			continue
		}
		tls := map[string]any{}
		entry["tls"] = tls
		if random.IntN(3) == 0 {
			tls["mode"] = pick([]any{"Terminate", "Passthrough"})
		}
		var refs []any
		for range random.IntN(3) {
			ref := map[string]any{"name": pick(secrets)}
			if random.IntN(4) == 0 {
				ref["kind"] = pick([]any{"Secret", "ConfigMap"})
			}
			if random.IntN(4) == 0 {
				ref["group"] = pick([]any{"", "core", "example.com"})
			}
			if random.IntN(4) == 0 {
				ref["namespace"] = pick([]any{"shop", "other"})
			}
			refs = append(refs, ref)
		}
		if refs != nil {
			tls["certificateRefs"] = refs
		}
	}
	field := "listeners"
	if of == "ingress" {
		field = "tls"
	}
	return map[string]any{
		"metadata": map[string]any{"name": "web", "namespace": "shop"},
		"spec":     map[string]any{field: entries},
	}
}

func TestADeclaredObjectMentionsSecrets(t *testing.T) {
	kind := declared(t, shipped(t)[0], nil)
	u := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": "web", "annotations": map[string]any{"a": "in-annotation"}, "labels": map[string]any{"a": "in-label"}},
		"spec":     map[string]any{"deep": []any{map[string]any{"ref": "infra/by-namespace", "url": "vault://x/at-the-end", "plain": "plain"}}},
	}}
	for secret, want := range map[string]bool{
		"plain": true, "by-namespace": true, "at-the-end": true, "in-label": true, "in-annotation": false, "end": false, "infra": false,
	} {
		if got := kind.Mentions(u, secret); got != want {
			t.Errorf("%s: got %v", secret, got)
		}
	}
	if _, still := u.Object["metadata"].(map[string]any)["annotations"]; !still {
		t.Error("the object was changed")
	}
}

// An expression over the largest objects ends, by its bound at the latest.
func TestEvaluationIsBounded(t *testing.T) {
	var listeners []any
	for i := range 64 {
		var refs []any
		for j := range 64 {
			refs = append(refs, map[string]any{"name": fmt.Sprintf("s%d-%d", i, j)})
		}
		listeners = append(listeners, map[string]any{
			"name": fmt.Sprintf("l%d", i), "protocol": "HTTPS", "hostname": fmt.Sprintf("h%d.example.com", i), "tls": map[string]any{"certificateRefs": refs},
		})
	}
	object, err := declared(t, twin(t, "gateway"), nil).Reduce(&unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"listeners": listeners}}})
	if err != nil || object.Failed != "" || len(object.Entries) != 64*64 {
		t.Errorf("the largest Gateway gives %d entries, %q, %v", len(object.Entries), object.Failed, err)
	}
	var rules []any
	for range 2000 {
		rules = append(rules, map[string]any{"match": "Host(`" + strings.Repeat("a", 10_000) + "`)"})
	}
	route := map[string]any{"spec": map[string]any{"routes": rules, "tls": map[string]any{"secretName": "x"}}}
	for _, each := range shipped(t) {
		if each.ID != "traefik-ingressroute" {
			continue
		}
		object, err := declared(t, each, nil).Reduce(&unstructured.Unstructured{Object: route})
		if err != nil || !strings.Contains(object.Failed, "cost limit exceeded") {
			t.Errorf("20 MB of rules give %.200q, %v", object.Failed, err)
		}
	}
}

// What a declared kind costs beside the same kind in Go: the reading of an object as it comes in.
func BenchmarkReduce(b *testing.B) {
	for _, name := range twinNames {
		u := &unstructured.Unstructured{Object: typicalObject(name)}
		written, _ := source.Builtin().Lookup(u.GroupVersionKind().Group, u.GetKind())
		for by, kind := range map[string]source.Kind{"in Go": written, "declared": declared(b, twin(b, name), nil)} {
			b.Run(name+"/"+by, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if object, err := kind.Reduce(u); err != nil || len(object.Entries) != 2 {
						b.Fatalf("%+v, %v", object, err)
					}
				}
			})
		}
	}
}

// typicalObject has two entries.
func typicalObject(name string) map[string]any {
	metadata := map[string]any{"namespace": "shop", "name": "web", "uid": "u", "annotations": map[string]any{"cert-manager.io/issuer": "ca"}}
	if name == "ingress" {
		return map[string]any{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": map[string]any{"tls": []any{
			map[string]any{"hosts": []any{"a.example.com", "www.a.example.com"}, "secretName": "a-tls"},
			map[string]any{"hosts": []any{"b.example.com"}, "secretName": "b-tls"},
		}}}
	}
	listener := func(name string) any {
		return map[string]any{
			"name": name, "protocol": "HTTPS", "port": int64(443), "hostname": name + ".example.com",
			"tls": map[string]any{"mode": "Terminate", "certificateRefs": []any{map[string]any{"kind": "Secret", "name": name + "-tls"}}},
		}
	}
	kind := map[string]string{"gateway": "Gateway", "listenerset": "ListenerSet"}[name]
	spec := map[string]any{"listeners": []any{listener("a"), listener("b")}, "parentRef": map[string]any{"name": "edge"}}
	return map[string]any{"apiVersion": "gateway.networking.k8s.io/v1", "kind": kind, "metadata": metadata, "spec": spec}
}
