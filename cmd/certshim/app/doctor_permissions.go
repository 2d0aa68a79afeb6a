package app

import (
	"maps"
	"slices"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/doctor"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/routes"
	"github.com/certshim/certshim/source"
)

// needed are the permissions that certshim uses with a configuration, on kinds that are served. docs/permissions.md has
// them in words, and the chart as rules; a test holds them against each other.
type needed struct {
	e   *examination
	all []doctor.Permission
}

// permissions are those that certshim needs here.
func (e *examination) permissions() []doctor.Permission {
	n := &needed{e: e}
	n.add(doctor.Permission{Group: "cert-manager.io", Resource: "certificates", For: "Certificates are kept up to date", Essential: true},
		"get", "list", "watch", "create", "patch", "delete")
	for _, kind := range e.plan.policy.Kinds.All() {
		n.source(kind)
	}
	for _, known := range e.plan.policy.Registry.Kinds() {
		n.issuer(known)
	}
	n.add(doctor.Permission{Group: "events.k8s.io", Resource: "events", For: "problems are told by Events", Essential: true}, "create")
	n.cluster()
	n.lease()
	n.optional(e.plan.configuration)
	return n.all
}

// add adds a permission for each verb, in each namespace that is watched.
func (n *needed) add(p doctor.Permission, verbs ...string) {
	namespaces := n.e.plan.configuration.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	for _, p.Namespace = range namespaces {
		n.addOnce(p, verbs...)
	}
}

// addOnce adds a permission for each verb.
func (n *needed) addOnce(p doctor.Permission, verbs ...string) {
	for _, p.Verb = range verbs {
		n.all = append(n.all, p)
	}
}

func (n *needed) source(kind source.Kind) {
	resource, served := n.e.reading.served.SourcesOf(kind)
	if !served {
		return
	}
	n.add(doctor.Permission{Group: resource.Group, Resource: resource.Resource, For: "without it these objects aren't seen", Essential: true}, "list", "watch")
	n.add(doctor.Permission{Group: resource.Group, Resource: resource.Resource, For: "a source is read once more before its Certificate is deleted; without it that one stays"}, "get")
	n.add(doctor.Permission{Group: resource.Group, Resource: resource.Resource + "/finalizers", For: "owner references, where OwnerReferencesPermissionEnforcement is on"}, "update")
}

func (n *needed) issuer(known resolver.Known) {
	resource, _, served := n.e.reading.served.IssuersOf(known)
	if !served || known.Scope == resolver.Cluster && n.narrow() {
		return
	}
	n.add(doctor.Permission{Group: resource.Group, Resource: resource.Resource, For: "whether issuers are there and ready"}, "list", "watch")
}

// withheld are the resources of issuers that aren't in namespaces, where certshim is for some namespaces.
func (e *examination) withheld() (resources []string) {
	if len(e.plan.configuration.Namespaces) == 0 {
		return nil
	}
	for _, known := range e.plan.policy.Registry.Kinds() {
		if resource, _, served := e.reading.served.IssuersOf(known); served && known.Scope == resolver.Cluster {
			resources = append(resources, resource.GroupResource().String())
		}
	}
	return resources
}

func (n *needed) narrow() bool { return len(n.e.plan.configuration.Namespaces) > 0 }

// cluster adds what is outside of namespaces, which a controller for some of them does without.
func (n *needed) cluster() {
	if n.narrow() {
		return
	}
	n.addOnce(doctor.Permission{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions", For: "kinds that come and go; without it they are asked for every minute"},
		"get", "list", "watch")
	n.addOnce(doctor.Permission{Group: "apiregistration.k8s.io", Resource: "apiservices", For: "kinds behind other API servers that come and go; without it they are asked for every minute"},
		"list", "watch")
	n.addOnce(doctor.Permission{Resource: "namespaces", For: "labels of namespaces, where a Gateway or a policy goes by them"}, "list", "watch")
	if n.e.plan.configuration.CrossNamespace.Orphans == annotations.DeleteUnneeded {
		n.addOnce(doctor.Permission{Resource: "namespaces", For: "a Certificate in another namespace is deleted once its object is gone"}, "get")
	}
}

func (n *needed) lease() {
	if !n.e.plan.configuration.LeaderElect.Enabled {
		return
	}
	namespace, name := n.e.leaseAt()
	p := doctor.Permission{Group: "coordination.k8s.io", Resource: "leases", Namespace: namespace, For: "replicas elect a leader", Essential: true}
	n.addOnce(p, "create")
	p.Name = name
	n.addOnce(p, "get", "update")
}

// reportKinds are what reports may be objects of, by resource.
var reportKinds = map[string]resolver.GroupKind{
	"reports": {Group: "openreports.io", Kind: "Report"}, "policyreports": {Group: "wgpolicyk8s.io", Kind: "PolicyReport"},
}

// optional adds what a part of the configuration needs.
func (n *needed) optional(c configuration.Configuration) {
	served := n.e.reading.served
	if grants, is := served.Grants(); is && c.CrossNamespace.Mode != certshim.CrossOff {
		n.add(doctor.Permission{Group: grants.Group, Resource: grants.Resource, For: "whether objects may have Secrets in other namespaces"}, "list", "watch")
	}
	for _, kind := range n.e.plan.policy.Routes.Reads() {
		if resource := routes.Resource(kind); served.Has(resource) {
			n.add(doctor.Permission{Group: resource.Group, Resource: resource.Resource, For: "names of routes"}, "list", "watch")
		}
	}
	if c.Metrics.Authentication {
		n.addOnce(doctor.Permission{Group: "authentication.k8s.io", Resource: "tokenreviews", For: "who reads /metrics"}, "create")
		n.addOnce(doctor.Permission{Group: "authorization.k8s.io", Resource: "subjectaccessreviews", For: "whether they may"}, "create")
	}
	for _, resource := range slices.Sorted(maps.Keys(reportKinds)) {
		kind := reportKinds[resource]
		if _, is := served.Scope(kind); is && c.Ownership.Reports != configuration.NoReports {
			// A report has the name of who writes it.
			n.add(doctor.Permission{Group: kind.Group, Resource: resource, Name: certificate.FieldManager, For: "reports of fields"}, "get", "list", "create", "patch", "delete")
		}
	}
}
