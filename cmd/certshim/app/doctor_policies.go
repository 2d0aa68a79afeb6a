package app

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/doctor"
)

// policies reads the admission policies by the names that the chart and "certshim policy" give them.
func (e *examination) policies(ctx context.Context) (all []doctor.Policy, err error) {
	of := func(resource string) schema.GroupVersionResource {
		return schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: resource}
	}
	items, err := e.list(ctx, of("validatingadmissionpolicies"), "", metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	bindings, err := e.list(ctx, of("validatingadmissionpolicybindings"), "", metav1.ListOptions{})
	for _, item := range items {
		if slices.Contains(e.policyNames(), item.GetName()) {
			policy := policyOf(item)
			policy.Bound = slices.ContainsFunc(bindings, func(binding unstructured.Unstructured) bool {
				name, _, _ := unstructured.NestedString(binding.Object, "spec", "policyName")
				return name == policy.Name
			})
			all = append(all, policy)
		}
	}
	return all, err
}

func (e *examination) policyNames() (names []string) {
	releases := []string{defaultRelease}
	if e.running != nil {
		releases = append(releases, e.running.name)
	}
	for _, release := range releases {
		names = append(names, release+"-annotations", release+"-ties")
	}
	return names
}

// policyOf reads what the cluster says of the types in a policy's expressions. What it said of an earlier version doesn't count.
func policyOf(item unstructured.Unstructured) doctor.Policy {
	policy := doctor.Policy{Name: item.GetName()}
	checking, checked, _ := unstructured.NestedMap(item.Object, "status", "typeChecking")
	if policy.Checked = checked && integer(item.Object, 0, "status", "observedGeneration") == int(item.GetGeneration()); !policy.Checked {
		return policy
	}
	warnings, _, _ := unstructured.NestedSlice(checking, "expressionWarnings")
	for _, one := range warnings {
		fields, _ := one.(map[string]any)
		policy.Mistakes = append(policy.Mistakes, text(fields["fieldRef"])+": "+text(fields["warning"]))
	}
	return policy
}
