package source_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// FuzzAsks reads any JSON object as each kind of source.
func FuzzAsks(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"metadata": 1, "spec": []}`,
		`{"metadata": {"name": "web", "namespace": "shop", "annotations": {"a": null}}, "spec": {"tls": [{"hosts": ["a.b", "a.b", "10.0.0.1", "*"], "secretName": "s"}, {"secretName": "s"}, {}]}}`,
		`{"spec": {"listeners": [{"name": "a", "protocol": "HTTPS", "hostname": "a.b", "tls": {"certificateRefs": [{"name": "s"}, {"name": "t", "namespace": "x"}]}}, {"name": "b", "protocol": "TLS", "tls": {"mode": "Passthrough", "certificateRefs": [{"name": "s"}]}}]}}`,
		`{"spec": {"parentRef": {"name": "edge"}, "listeners": [null, {"protocol": "HTTPS", "tls": {}}, {"protocol": "TLS", "tls": {"mode": "x", "certificateRefs": [{}]}}]}}`,
		`{"spec": {"allowedListeners": {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}}}}`,
		`{"spec": {"allowedListeners": {"namespaces": {"from": "Selector", "selector": {"matchExpressions": [{"key": "in", "operator": "Exists"}]}}}}}`,
	} {
		f.Add(seed, "s", "a")
	}
	f.Fuzz(func(t *testing.T, document, secret, section string) {
		var content map[string]any
		if json.Unmarshal([]byte(document), &content) != nil {
			t.Skip("not a JSON object, as all that an API server or a manifest holds is")
		}
		options := source.Options{IgnoreSecrets: []string{secret}, IgnoreSections: []string{section}}
		for _, kind := range source.Builtin().All() {
			object := reduceTwice(t, kind, content)
			if object == nil {
				continue
			}
			kind.Refused(object, object, func() (map[string]string, bool) { return object.Labels, true })
			lawOfAsks(t, object, options, kind.Asks(object, options))
			if !reflect.DeepEqual(kind.Asks(object, options), kind.Asks(object, options)) {
				t.Error("two judgements differ")
			}
		}
	})
}

// reduceTwice reads an object, nil if it can't be read, which must be said in the same
// words each time.
func reduceTwice(t *testing.T, kind source.Kind, content map[string]any) *source.Object {
	t.Helper()
	u := &unstructured.Unstructured{Object: content}
	object, err := kind.Reduce(u)
	again, failed := kind.Reduce(u)
	if (err == nil) != (failed == nil) || err != nil && err.Error() != failed.Error() || !reflect.DeepEqual(object, again) {
		t.Errorf("two readings differ: %v, %v", err, failed)
	}
	if (err == nil) != (object != nil) {
		t.Errorf("object %v, error %v", object, err)
	}
	return object
}

// lawOfAsks is what holds of every object.
func lawOfAsks(t *testing.T, object *source.Object, options source.Options, asks source.Asks) {
	t.Helper()
	seen := map[types.NamespacedName]bool{}
	for _, ask := range asks.Asks {
		at := ask.At(object)
		switch {
		case seen[at]:
			t.Errorf("two asks for %s", ask.Secret)
		case len(validation.IsDNS1123Subdomain(ask.Secret)) > 0:
			t.Errorf("%q can't be a Secret's name", ask.Secret)
		case !asks.Named[at]:
			t.Errorf("%s is asked for and may be deleted", ask.Secret)
		case slices.Contains(options.IgnoreSecrets, ask.Secret) && len(ask.Hosts)+len(ask.Broken) > 0:
			t.Errorf("%s is ignored, and asked for", ask.Secret)
		case len(ask.Entries) > 0 && len(ask.Hosts) == 0:
			t.Errorf("%s: a valid entry and no host", ask.Secret)
		}
		seen[at] = true
		lawOfHosts(t, ask)
	}
	lawOfNames(t, object, asks)
}

func lawOfHosts(t *testing.T, ask source.Ask) {
	t.Helper()
	seen := map[string]bool{}
	for _, host := range ask.Hosts {
		if seen[host] || host == "" || strings.TrimSpace(host) != host {
			t.Errorf("%s: host %q", ask.Secret, host)
		}
		seen[host] = true
	}
}

// lawOfNames: whatever an object names is named, and every broken entry has a problem.
func lawOfNames(t *testing.T, object *source.Object, asks source.Asks) {
	t.Helper()
	for _, entry := range object.Entries {
		for _, ref := range entry.Secrets {
			if ref.Name != "" && !asks.Named[ref.At(object.Namespace)] {
				t.Errorf("%s isn't named", ref.Name)
			}
		}
	}
	for _, ask := range asks.Asks {
		for _, entry := range ask.Broken {
			if !slices.ContainsFunc(asks.Problems.All(), func(p problem.Problem) bool { return strings.HasPrefix(p.Path, entry.Path) }) {
				t.Errorf("no problem for %s", entry.Path)
			}
		}
	}
}
