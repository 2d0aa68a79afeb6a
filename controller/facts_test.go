package controller

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certshim/certshim/resolver"
)

func TestReadDiscovery(t *testing.T) {
	watchable := metav1.Verbs{"get", "list", "watch"}
	s := readDiscovery([]*metav1.APIResourceList{
		{GroupVersion: "cert-manager.io/v1", APIResources: []metav1.APIResource{
			{Name: "certificates", Kind: "Certificate", Namespaced: true, Verbs: watchable},
			{Name: "certificates/status", Kind: "Certificate", Namespaced: true, Verbs: metav1.Verbs{"get"}},
			{Name: "clusterissuers", Kind: "ClusterIssuer", Verbs: watchable},
		}},
		{GroupVersion: "step.sm/v1beta1", APIResources: []metav1.APIResource{{Name: "clusterissuers", Kind: "ClusterIssuer", Verbs: watchable}}},
		{GroupVersion: "a/b/c"},
	}, nil)
	if !s.resources[certificates] {
		t.Errorf("resources: %v", s.resources)
	}
	if diff := cmp.Diff([]string{"cert-manager.io", "step.sm"}, s.Groups("ClusterIssuer")); diff != "" {
		t.Error("(-want +got)", diff)
	}
	if scope, served := s.Scope(resolver.GroupKind{Group: "cert-manager.io", Kind: "Certificate"}); scope != resolver.Namespaced || !served {
		t.Errorf("scope %q, served %v", scope, served)
	}
	if scope, served := s.Scope(resolver.GroupKind{Group: "step.sm", Kind: "ClusterIssuer"}); scope != resolver.Cluster || !served {
		t.Errorf("scope %q, served %v", scope, served)
	}
	if _, served := s.Scope(resolver.GroupKind{Group: "step.sm", Kind: "StepIssuer"}); served {
		t.Error("serves what it doesn't")
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
	has := schemaFields(crd, "v1")
	for path, want := range map[string]bool{
		"spec": true, "spec.privateKey.size": true, "metadata.labels": true, "spec.duration": false, "old": false,
	} {
		if has(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
	if schemaFields(crd, "v2") != nil {
		t.Error("a version without a schema has no list of fields")
	}
}
