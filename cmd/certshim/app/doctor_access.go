package app

import (
	"context"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/doctor"
	"github.com/certshim/certshim/resolver"
)

// account is a ServiceAccount.
type account struct {
	// name is that of the user, system:serviceaccount:NAMESPACE:NAME.
	name, namespace string
}

// accountOf is that of a Deployment's Pods.
func accountOf(object unstructured.Unstructured) account {
	name, _, _ := unstructured.NestedString(object.Object, "spec", "template", "spec", "serviceAccountName")
	if name == "" {
		name = "default"
	}
	return account{"system:serviceaccount:" + object.GetNamespace() + ":" + name, object.GetNamespace()}
}

func (a account) groups() []any {
	return []any{"system:serviceaccounts", "system:serviceaccounts:" + a.namespace, "system:authenticated"}
}

// lookAtAccess asks what accounts may do.
func (e *examination) lookAtAccess(ctx context.Context) {
	who := &reviewer{e: e, ctx: ctx}
	if certshim, found := e.account(who); found {
		e.seen.Account, e.seen.Permissions = certshim.name, e.permissions()
		for i := range e.seen.Permissions {
			p := &e.seen.Permissions[i]
			p.Allowed = who.may(certshim, *p)
		}
	}
	e.seen.Withheld = e.withheld()
	e.seen.Signers.Why = e.seen.Plan.Why
	for _, kind := range e.issuers {
		name := e.resourceOf(kind) + "." + kind.Group
		signer := doctor.Signer{Name: name, Approve: doctor.Read[bool]{Why: e.noApprover}}
		if e.noApprover == "" {
			signer.Approve = who.may(e.approver, doctor.Permission{Verb: "approve", Group: resolver.CertManagerGroup, Resource: "signers", Name: name + "/*"})
		}
		e.seen.Signers.Value = append(e.seen.Signers.Value, signer)
	}
}

// account is that of certshim's Pods. Where its Deployment may not be read, it may be the one that asks.
func (e *examination) account(who *reviewer) (account, bool) {
	if e.running != nil {
		return accountOf(*e.running.object), true
	}
	self := account{who.whoAmI(), e.plan.release}
	isOfRelease := strings.HasPrefix(self.name, "system:serviceaccount:"+e.plan.release+":")
	return self, !e.pre && e.seen.Installation.Why != "" && isOfRelease
}

func (e *examination) resourceOf(kind resolver.GroupKind) string {
	if known, declared := e.plan.policy.Registry.Known(kind); declared {
		return known.Resource
	}
	resource, _ := e.reading.served.CustomKind(kind)
	return resource.Resource
}

// reviewer asks the API server what accounts may do. Where it may not be asked, the roles are read.
type reviewer struct {
	e   *examination
	ctx context.Context
	// self is who asks, and roles what was read; both once.
	self  *string
	roles *roles
}

// authorization is the group of the reviews.
func authorization(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: resource}
}

func (a *reviewer) may(who account, p doctor.Permission) doctor.Read[bool] {
	if a.roles != nil {
		return a.roles.may(who, p)
	}
	resource, subresource, _ := strings.Cut(p.Resource, "/")
	attributes := map[string]any{"verb": p.Verb, "group": p.Group, "resource": resource}
	for key, value := range map[string]string{"subresource": subresource, "namespace": p.Namespace, "name": p.Name} {
		if value != "" {
			attributes[key] = value
		}
	}
	spec, kind, reviews := map[string]any{"resourceAttributes": attributes}, "SelfSubjectAccessReview", "selfsubjectaccessreviews"
	if a.whoAmI() != who.name {
		kind, reviews = "SubjectAccessReview", "subjectaccessreviews"
		spec["user"], spec["groups"] = who.name, who.groups()
	}
	review := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}}
	answer, err := a.e.client.Resource(authorization(reviews)).Create(a.ctx, review, metav1.CreateOptions{})
	if apierrors.IsForbidden(err) {
		a.roles = a.readRoles()
		return a.roles.may(who, p)
	}
	if err != nil {
		return doctor.Read[bool]{Why: err.Error()}
	}
	allowed, _, _ := unstructured.NestedBool(answer.Object, "status", "allowed")
	return doctor.Read[bool]{Value: allowed}
}

// whoAmI is the name of the user that asks; empty where the API server doesn't say.
func (a *reviewer) whoAmI() string {
	if a.self != nil {
		return *a.self
	}
	review := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}}
	resource := schema.GroupVersionResource{Group: "authentication.k8s.io", Version: "v1", Resource: "selfsubjectreviews"}
	name := ""
	if answer, err := a.e.client.Resource(resource).Create(a.ctx, review, metav1.CreateOptions{}); err == nil {
		name, _, _ = unstructured.NestedString(answer.Object, "status", "userInfo", "username")
	}
	a.self = &name
	return name
}

// roles are the rules of RBAC, by the accounts that they are bound to.
type roles struct {
	// why they aren't known; empty if they are.
	why   string
	bound []boundRule
}

// boundRule is one rule of a role, in the namespace of its binding; in all for an empty one.
type boundRule struct {
	namespace string
	subjects  []any
	rule      map[string]any
}

// readRoles reads the roles of the cluster and of all namespaces.
func (a *reviewer) readRoles() *roles {
	r := &roles{}
	rules := map[string][]any{}
	for _, resource := range []string{"clusterroles", "roles"} {
		for _, role := range a.rbac(r, resource) {
			list, _, _ := unstructured.NestedSlice(role.Object, "rules")
			rules[role.GetKind()+" "+role.GetNamespace()+"/"+role.GetName()] = list
		}
	}
	for _, resource := range []string{"clusterrolebindings", "rolebindings"} {
		for _, binding := range a.rbac(r, resource) {
			kind, _, _ := unstructured.NestedString(binding.Object, "roleRef", "kind")
			name, _, _ := unstructured.NestedString(binding.Object, "roleRef", "name")
			subjects, _, _ := unstructured.NestedSlice(binding.Object, "subjects")
			of := binding.GetNamespace()
			if kind == "ClusterRole" {
				of = ""
			}
			for _, rule := range rules[kind+" "+of+"/"+name] {
				fields, _ := rule.(map[string]any)
				r.bound = append(r.bound, boundRule{binding.GetNamespace(), subjects, fields})
			}
		}
	}
	return r
}

func (a *reviewer) rbac(r *roles, resource string) []unstructured.Unstructured {
	items, err := a.e.list(a.ctx, schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: resource}, "", metav1.ListOptions{})
	if err != nil {
		r.why = "the API server may not be asked what others may do, and " + err.Error()
	}
	return items
}

func (r *roles) may(who account, p doctor.Permission) doctor.Read[bool] {
	if r.why != "" {
		return doctor.Read[bool]{Why: r.why}
	}
	return doctor.Read[bool]{Value: slices.ContainsFunc(r.bound, func(b boundRule) bool {
		return (b.namespace == "" || b.namespace == p.Namespace) && b.isOf(who) && permits(b.rule, p)
	})}
}

// isOf says whether a binding names an account, or one of its groups.
func (b boundRule) isOf(who account) bool {
	return slices.ContainsFunc(b.subjects, func(subject any) bool {
		fields, _ := subject.(map[string]any)
		switch fields["kind"] {
		case "ServiceAccount":
			return who.name == "system:serviceaccount:"+text(fields["namespace"])+":"+text(fields["name"])
		case "User":
			return who.name == text(fields["name"])
		case "Group":
			return slices.Contains(who.groups(), fields["name"])
		}
		return false
	})
}

func text(value any) string {
	s, _ := value.(string)
	return s
}

// permits says whether a rule of RBAC is one for a request.
func permits(rule map[string]any, p doctor.Permission) bool {
	has := func(field string, wanted ...string) bool {
		values, _, _ := unstructured.NestedStringSlice(rule, field)
		return slices.ContainsFunc(append(wanted, "*"), func(want string) bool { return slices.Contains(values, want) })
	}
	resources := []string{p.Resource}
	if _, subresource, is := strings.Cut(p.Resource, "/"); is {
		resources = append(resources, "*/"+subresource)
	}
	names, _, _ := unstructured.NestedStringSlice(rule, "resourceNames")
	return has("verbs", p.Verb) && has("apiGroups", p.Group) && has("resources", resources...) &&
		(len(names) == 0 || p.Name != "" && slices.Contains(names, p.Name))
}
