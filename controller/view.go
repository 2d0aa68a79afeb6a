package controller

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// liveCertificates are Certificates that were read from the API server, over what the
// cache says of them; nil stands for one that isn't there.
type liveCertificates map[types.NamespacedName]*certificate.Observed

// view is what one decision sees: memory, whose lock the caller holds, with what was read
// live over it.
type view struct {
	*memory
	live    liveCertificates
	cluster *clusterFacts
	// whole has the kinds of which every issuer is in memory.
	whole map[resolver.GroupKind]bool
	// registry says what is known of a kind, plugins what they say of an issuer; may be nil.
	registry *resolver.Registry
	plugins  resolver.Findings
	// namespace reads one of the Namespaces, while they are watched.
	namespace func(name string) (certshim.Namespace, bool)
}

var _ certshim.Observed = view{}

// Certificate of that name.
func (v view) Certificate(namespace, name string) (certificate.Observed, bool) {
	full := types.NamespacedName{Namespace: namespace, Name: name}
	if live, read := v.live[full]; read {
		if live == nil {
			return certificate.Observed{}, false
		}
		return v.marked(*live), true
	}
	item := v.certificates[full]
	if item == nil {
		return certificate.Observed{}, false
	}
	return v.marked(item.unpack()), true
}

// CertificatesOf gives those whose controller owner is the source.
func (v view) CertificatesOf(ref source.Ref) []certificate.Observed {
	return v.all(v.byOwner[ref.UID], func(o certificate.Observed) bool {
		owner := certificate.Owner{Group: ref.Group, Kind: ref.Kind, Name: ref.Name, UID: ref.UID}
		return o.Namespace == ref.Namespace && o.Owner == owner
	})
}

// CertificatesWriting gives those whose spec.secretName is the Secret.
func (v view) CertificatesWriting(namespace, secret string) []certificate.Observed {
	full := types.NamespacedName{Namespace: namespace, Name: secret}
	items := v.writing[full]
	if own := v.certificates[full]; own != nil {
		items = append([]*compactCertificate{own}, items...)
	}
	return v.all(items, func(o certificate.Observed) bool { return o.Secret == secret })
}

// all gives the newest known state of the Certificates that still fit.
func (v view) all(items []*compactCertificate, fits func(certificate.Observed) bool) []certificate.Observed {
	var found []certificate.Observed
	for _, item := range items {
		name := item.fullName()
		if o, exists := v.Certificate(name.Namespace, name.Name); exists && fits(o) {
			found = append(found, o)
		}
	}
	return found
}

// marked adds what only this process knows: that it wrote the Certificate itself.
func (v view) marked(o certificate.Observed) certificate.Observed {
	if v.written[o.UID] {
		o.Flags |= certificate.TakenOver
	}
	return o
}

// Claimants are the sources that name the Secret in any form.
func (v view) Claimants(namespace, secret string) []*source.Object {
	items := v.bySecret[types.NamespacedName{Namespace: namespace, Name: secret}]
	objects := make([]*source.Object, 0, len(items))
	for _, item := range items {
		if object, unreadable := item.unpack(); unreadable == "" {
			objects = append(objects, object)
		}
	}
	return objects
}

// Gateway of that name.
func (v view) Gateway(namespace, name string) (*source.Object, bool) {
	kind, known := source.Lookup(gatewayGroup, gatewayKind)
	if !known {
		return nil, false
	}
	item := v.sources[key{kind: kind, namespace: namespace, name: name}]
	if item == nil {
		return nil, false
	}
	object, unreadable := item.unpack()
	return object, unreadable == ""
}

// Namespace of that name; false where it can't be read.
func (v view) Namespace(name string) (certshim.Namespace, bool) { return v.namespace(name) }

// CertificateFields of the served CRD; nil where it can't be read.
func (v view) CertificateFields() certificate.Fields { return v.cluster.fields }

// Issuers of the cluster.
func (v view) Issuers() resolver.Issuers { return issuersView(v) }

// Served issuer kinds.
func (v view) Served() resolver.Served { return v.cluster.served }
