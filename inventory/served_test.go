package inventory

import (
	"errors"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// lists is a discovery of cert-manager's kinds and of those of another group.
func lists() []*metav1.APIResourceList {
	watchable := metav1.Verbs{"get", "list", "watch"}
	return []*metav1.APIResourceList{
		{GroupVersion: "cert-manager.io/v1", APIResources: []metav1.APIResource{
			{Name: "certificates", Kind: "Certificate", Namespaced: true, Verbs: watchable},
			{Name: "certificates/status", Kind: "Certificate", Namespaced: true, Verbs: metav1.Verbs{"get"}},
			{Name: "clusterissuers", Kind: "ClusterIssuer", Verbs: watchable},
		}},
		{GroupVersion: "step.sm/v1beta1", APIResources: []metav1.APIResource{{Name: "clusterissuers", Kind: "ClusterIssuer", Verbs: watchable}}},
		{GroupVersion: "a/b/c"},
	}
}

func TestReadDiscovery(t *testing.T) {
	s := ReadDiscovery(lists(), nil, nil)
	certificates := schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "certificates"}
	if !s.Has(certificates) || s.Has(certificates.GroupResource().WithVersion("v2")) {
		t.Errorf("resources: %v", s.resources)
	}
	if diff := cmp.Diff([]string{"cert-manager.io", "step.sm"}, s.Groups("ClusterIssuer")); diff != "" {
		t.Error("(-want +got)", diff)
	}
	if diff := cmp.Diff([]resolver.GroupKind{{Group: "cert-manager.io", Kind: "ClusterIssuer"}, {Group: "step.sm", Kind: "ClusterIssuer"}}, s.Issuers()); diff != "" {
		t.Error("(-want +got)", diff)
	}
	for kind, want := range map[resolver.GroupKind]resolver.Scope{
		{Group: "cert-manager.io", Kind: "Certificate"}: resolver.Namespaced,
		{Group: "step.sm", Kind: "ClusterIssuer"}:       resolver.Cluster,
		{Group: "step.sm", Kind: "StepIssuer"}:          "",
	} {
		if scope, served := s.Scope(kind); scope != want || served != (want != "") {
			t.Errorf("%v: scope %q, served %v", kind, scope, served)
		}
	}
}

// A group that could not be asked may serve anything.
func TestWhatIsUnknownIsNeverTakenForAbsent(t *testing.T) {
	absent := resolver.GroupKind{Group: "step.sm", Kind: "StepIssuer"}
	for name, row := range map[string]struct {
		served Served
		want   bool
	}{
		"all were asked":       {ReadDiscovery(lists(), nil, nil), true},
		"its group was not":    {ReadDiscovery(lists(), map[schema.GroupVersion]error{{Group: "step.sm", Version: "v1"}: errors.New("503")}, nil), false},
		"another was not":      {ReadDiscovery(lists(), map[schema.GroupVersion]error{{Group: "other", Version: "v1"}: errors.New("503")}, nil), true},
		"nothing was asked":    {Served{}, false},
		"nothing was answered": {ReadDiscovery(nil, nil, nil), false},
	} {
		if got := row.served.Lacks(absent); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
		if row.served.Lacks(resolver.GroupKind{Group: "step.sm", Kind: "ClusterIssuer"}) && len(row.served.resources) > 0 {
			t.Errorf("%s: lacks what it serves", name)
		}
	}
}

func TestCustomKind(t *testing.T) {
	kind := resolver.GroupKind{Group: "step.sm", Kind: "ClusterIssuer"}
	other := map[schema.GroupResource]bool{{Group: "other", Resource: "others"}: true}
	its := map[schema.GroupResource]bool{{Group: "step.sm", Resource: "clusterissuers"}: true}
	for name, row := range map[string]struct {
		custom map[schema.GroupResource]bool
		want   bool
	}{"CRDs can't be read": {nil, true}, "no CRD is its": {other, false}, "a CRD is its": {its, true}} {
		if _, got := ReadDiscovery(lists(), nil, row.custom).CustomKind(kind); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTheFirstServedVersionOfAnIssuerTypeCounts(t *testing.T) {
	kind := resolver.GroupKind{Group: "pki.corp.example", Kind: "CorpIssuer"}
	known := resolver.Known{
		GroupKind: kind, DeclaredKind: resolver.DeclaredKind{Kind: kind.Kind, Resource: "corpissuers"},
		Type: &resolver.IssuerType{Versions: []string{"v2", "v1"}},
	}
	for name, row := range map[string]struct {
		served []string
		want   string
		noted  bool
	}{
		"none":                    {nil, "", false},
		"the older":               {[]string{"v1"}, "v1", false},
		"the newer":               {[]string{"v2"}, "v2", false},
		"both":                    {[]string{"v1", "v2"}, "v2", false},
		"others: the preferred":   {[]string{"v4", "v3"}, "v4", true},
		"a listed one and others": {[]string{"v4", "v1"}, "v1", false},
	} {
		var lists []*metav1.APIResourceList
		for _, version := range row.served {
			lists = append(lists, &metav1.APIResourceList{GroupVersion: kind.Group + "/" + version, APIResources: []metav1.APIResource{
				{Name: "corpissuers", Kind: kind.Kind, Namespaced: true, Verbs: metav1.Verbs{"watch"}},
			}})
		}
		got, note, found := ReadDiscovery(lists, nil, nil).IssuersOf(known)
		if (note != "") != row.noted || found != (row.want != "") || got.Version != row.want {
			t.Errorf("%s: %v, noted %q, found %v", name, got, note, found)
		}
	}
}

func TestSchemaFields(t *testing.T) {
	type object = map[string]any
	crd := object{"spec": object{"versions": []any{
		object{"name": "v1alpha1", "schema": object{"openAPIV3Schema": object{"properties": object{"old": object{}}}}},
		object{"name": "v1", "schema": object{"openAPIV3Schema": object{"properties": object{
			"metadata": object{},
			"spec":     object{"properties": object{"privateKey": object{"properties": object{"size": object{}}}}},
		}}}},
	}}}
	fields := SchemaFields(crd, "v1")
	for path, want := range map[string]bool{
		"spec": true, "spec.privateKey.size": true, "metadata.labels": true, "spec.duration": false, "old": false,
	} {
		if fields.Has(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
	if !maps.Equal(fields, SchemaFields(crd, "v1")) || maps.Equal(fields, SchemaFields(crd, "v1alpha1")) {
		t.Error("fields are equal if the schemas have the same, and else not")
	}
	if unknown := SchemaFields(crd, "v2"); unknown != nil || !unknown.Has("spec.anything") {
		t.Error("a version without a schema has every field, as far as is known")
	}
}

func definition(group, kind, scope string) map[string]any {
	version := map[string]any{"name": "v1", "schema": map[string]any{"openAPIV3Schema": map[string]any{"properties": map[string]any{"spec": map[string]any{}}}}}
	return map[string]any{"spec": map[string]any{"group": group, "names": map[string]any{"kind": kind}, "scope": scope, "versions": []any{version}}}
}

// CRDs among documents tell of their own kinds, and that there are no others is never certain.
func TestReadDefinitions(t *testing.T) {
	strange := resolver.GroupKind{Group: "strange.example", Kind: "StrangeIssuer"}
	facts := ReadDefinitions([]map[string]any{
		definition("b.example", "StrangeIssuer", "Cluster"), definition("strange.example", "StrangeIssuer", "Namespaced"),
		definition("strange.example", "StrangeIssuer", "Namespaced"), definition("", "Nothing", ""), {},
	})
	if scope, served := facts.Served.Scope(strange); !served || scope != resolver.Namespaced {
		t.Errorf("scope %q, served %v", scope, served)
	}
	if diff := cmp.Diff([]string{"b.example", "strange.example"}, facts.Served.Groups("StrangeIssuer")); diff != "" {
		t.Error("(-want +got)", diff)
	}
	if len(facts.Served.Issuers()) != 2 || facts.Served.Lacks(CertificateKind()) || facts.Served.Lacks(resolver.GroupKind{Kind: "Nothing"}) || facts.Fields != nil {
		t.Errorf("got %+v", facts)
	}
	facts = ReadDefinitions([]map[string]any{definition("cert-manager.io", "Certificate", "Namespaced")})
	if !facts.Fields.Has("spec") || facts.Fields.Has("spec.duration") {
		t.Errorf("fields are %v", facts.Fields)
	}
}

// XListenerSets are read where it is known that ListenerSets aren't served, and there are none to read where
// those are.
func TestAKindThatStandsInForAnother(t *testing.T) {
	list := func(group, version, resource, kind string) *metav1.APIResourceList {
		return &metav1.APIResourceList{GroupVersion: group + "/" + version, APIResources: []metav1.APIResource{
			{Name: resource, Kind: kind, Namespaced: true, Verbs: metav1.Verbs{"get", "list", "watch"}},
		}}
	}
	const group = "gateway.networking.k8s.io"
	now, before := list(group, "v1", "listenersets", "ListenerSet"), list("gateway.networking.x-k8s.io", "v1alpha1", "xlistenersets", "XListenerSet")
	other := list("networking.k8s.io", "v1", "ingresses", "Ingress")
	failed := map[schema.GroupVersion]error{{Group: group, Version: "v1"}: errors.New("503")}
	kind, known := source.Builtin().Lookup("gateway.networking.x-k8s.io", "XListenerSet")
	if !known {
		t.Fatal("XListenerSet isn't known")
	}
	for name, row := range map[string]struct {
		lists       []*metav1.APIResourceList
		unknown     map[schema.GroupVersion]error
		read, lacks bool
	}{
		"neither":                         {[]*metav1.APIResourceList{other}, nil, false, true},
		"it alone":                        {[]*metav1.APIResourceList{before, other}, nil, true, false},
		"both":                            {[]*metav1.APIResourceList{now, before}, nil, false, true},
		"ListenerSet alone":               {[]*metav1.APIResourceList{now}, nil, false, true},
		"whether there is one isn't told": {[]*metav1.APIResourceList{before}, failed, false, false},
	} {
		s := ReadDiscovery(row.lists, row.unknown, nil)
		if _, read := s.SourcesOf(kind); read != row.read || s.LacksSourcesOf(kind) != row.lacks {
			t.Errorf("%s: it is read: %v, known to have none: %v", name, read, s.LacksSourcesOf(kind))
		}
	}
}
