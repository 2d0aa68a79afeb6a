package app

import (
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
	n.add(true, "Certificates are kept up to date", "cert-manager.io", []string{"certificates"}, "get", "list", "watch", "create", "patch", "delete")
	for _, kind := range e.plan.policy.Kinds.All() {
		n.source(kind)
	}
	for _, known := range e.plan.policy.Registry.Kinds() {
		n.issuer(known)
	}
	n.add(true, "problems are told by Events", "events.k8s.io", []string{"events"}, "create")
	n.cluster()
	n.lease()
	n.optional(e.plan.configuration)
	return n.all
}

// add adds a permission for each verb, in each namespace that is watched.
func (n *needed) add(essential bool, why, group string, resources []string, verbs ...string) {
	namespaces := n.e.plan.configuration.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	for _, namespace := range namespaces {
		for _, resource := range resources {
			for _, verb := range verbs {
				n.all = append(n.all, doctor.Permission{Verb: verb, Group: group, Resource: resource, Namespace: namespace, For: why, Essential: essential})
			}
		}
	}
}

func (n *needed) source(kind source.Kind) {
	resource, served := n.e.reading.served.SourcesOf(kind)
	if !served {
		return
	}
	n.add(true, "without it these objects aren't seen", resource.Group, []string{resource.Resource}, "list", "watch")
	n.add(false, "a source is read once more before its Certificate is deleted; without it that one stays", resource.Group, []string{resource.Resource}, "get")
	n.add(false, "owner references, where OwnerReferencesPermissionEnforcement is on", resource.Group, []string{resource.Resource + "/finalizers"}, "update")
}

func (n *needed) issuer(known resolver.Known) {
	resource, _, served := n.e.reading.served.IssuersOf(known)
	if !served || known.Scope == resolver.Cluster && n.narrow() {
		return
	}
	n.add(false, "whether issuers are there and ready", resource.Group, []string{resource.Resource}, "list", "watch")
}

func (n *needed) narrow() bool { return len(n.e.plan.configuration.Namespaces) > 0 }

// cluster adds what is outside of namespaces, which a controller for some of them does without.
func (n *needed) cluster() {
	if n.narrow() {
		return
	}
	n.add(false, "kinds that come and go; without it they are asked for every minute", "apiextensions.k8s.io", []string{"customresourcedefinitions"}, "get", "list", "watch")
	n.add(false, "kinds behind other API servers that come and go; without it they are asked for every minute", "apiregistration.k8s.io", []string{"apiservices"}, "list", "watch")
	n.add(false, "labels of namespaces, where a Gateway or a policy goes by them", "", []string{"namespaces"}, "list", "watch")
}

func (n *needed) lease() {
	if !n.e.plan.configuration.LeaderElect.Enabled {
		return
	}
	namespace, name := n.e.leaseAt()
	for _, verb := range []string{"create", "get", "update"} {
		p := doctor.Permission{Verb: verb, Group: "coordination.k8s.io", Resource: "leases", Namespace: namespace, Name: name, For: "replicas elect a leader", Essential: true}
		if verb == "create" {
			p.Name = ""
		}
		n.all = append(n.all, p)
	}
}

// optional adds what a part of the configuration needs.
func (n *needed) optional(c configuration.Configuration) {
	if c.CrossNamespace.Mode != certshim.CrossOff {
		if grants, served := n.e.reading.served.Grants(); served {
			n.add(false, "whether objects may have Secrets in other namespaces", grants.Group, []string{grants.Resource}, "list", "watch")
		}
	}
	if c.CrossNamespace.Orphans == annotations.DeleteUnneeded && !n.narrow() {
		n.add(false, "a Certificate in another namespace is deleted once its object is gone", "", []string{"namespaces"}, "get")
	}
	for _, kind := range n.e.plan.policy.Routes.Reads() {
		if resource := routes.Resource(kind); n.e.reading.served.Has(resource) {
			n.add(false, "names of routes", resource.Group, []string{resource.Resource}, "list", "watch")
		}
	}
	if c.Metrics.Authentication {
		n.once("who reads /metrics", "authentication.k8s.io", "tokenreviews", "create")
		n.once("whether they may", "authorization.k8s.io", "subjectaccessreviews", "create")
	}
	if c.Ownership.Reports == configuration.NoReports {
		return
	}
	for kind, resource := range map[resolver.GroupKind]string{
		{Group: "openreports.io", Kind: "Report"}: "reports", {Group: "wgpolicyk8s.io", Kind: "PolicyReport"}: "policyreports",
	} {
		if _, served := n.e.reading.served.Scope(kind); served {
			from := len(n.all)
			n.add(false, "reports of fields", kind.Group, []string{resource}, "get", "list", "create", "patch", "delete")
			for i := range n.all[from:] {
				n.all[from+i].Name = certificate.FieldManager // a report has the name of who writes it
			}
		}
	}
}

// once adds a permission on what is outside of namespaces.
func (n *needed) once(why, group, resource, verb string) {
	n.all = append(n.all, doctor.Permission{Verb: verb, Group: group, Resource: resource, For: why})
}
