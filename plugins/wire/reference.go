package wire

import (
	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
	"github.com/certshim/certshim/resolver"
)

// Kind encodes a kind.
func Kind(kind resolver.GroupKind, scope resolver.Scope) *api.Kind {
	return &api.Kind{Group: kind.Group, Kind: kind.Kind, Scope: number(scopes, scope)}
}

// ReadKind decodes a kind; an unknown scope becomes [resolver.ScopeUnknown].
func ReadKind(k *api.Kind) (resolver.GroupKind, resolver.Scope) {
	return resolver.GroupKind{Group: k.GetGroup(), Kind: k.GetKind()}, scopes[k.GetScope()]
}

// Issuer encodes a reference.
func Issuer(key resolver.IssuerKey, scope resolver.Scope) *api.Issuer {
	return &api.Issuer{Kind: Kind(key.GroupKind, scope), Namespace: key.Namespace, Name: key.Name}
}

// ReadIssuer decodes a reference.
func ReadIssuer(i *api.Issuer) (resolver.IssuerKey, resolver.Scope) {
	kind, scope := ReadKind(i.GetKind())
	return resolver.IssuerKey{GroupKind: kind, Namespace: i.GetNamespace(), Name: i.GetName()}, scope
}

// Grant encodes a grant.
func Grant(g resolver.Grant) *api.HandshakeRequest {
	request := &api.HandshakeRequest{MayRefuse: g.MayRefuse, GrantedAnnotations: g.Annotations}
	for _, field := range g.Values {
		request.GrantedDefaults = append(request.GrantedDefaults, number(valueFields, field))
	}
	return request
}

// ReadGrant decodes a grant, without what this version doesn't know.
func ReadGrant(h *api.HandshakeRequest) resolver.Grant {
	grant := resolver.Grant{MayRefuse: h.GetMayRefuse(), Annotations: h.GetGrantedAnnotations()}
	for _, field := range h.GetGrantedDefaults() {
		if known := valueFields[field]; known != "" {
			grant.Values = append(grant.Values, known)
		}
	}
	return grant
}

// ReadChange decodes a change.
func ReadChange(c *api.Changed) resolver.Change {
	var change resolver.Change
	for _, issuer := range c.GetIssuers() {
		key, _ := ReadIssuer(issuer)
		change.Issuers = append(change.Issuers, key)
	}
	for _, k := range c.GetKinds() {
		kind, _ := ReadKind(k)
		change.Kinds = append(change.Kinds, kind)
	}
	return change
}

// Change encodes a change; scope returns the scope of a kind.
func Change(c resolver.Change, scope func(resolver.GroupKind) resolver.Scope) *api.Changed {
	changed := &api.Changed{}
	for _, key := range c.Issuers {
		changed.Issuers = append(changed.Issuers, Issuer(key, scope(key.GroupKind)))
	}
	for _, kind := range c.Kinds {
		changed.Kinds = append(changed.Kinds, Kind(kind, scope(kind)))
	}
	return changed
}
