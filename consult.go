package certshim

import (
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// consulted is the issuer that a Secret's Certificate gets, and what is known of it.
type consulted struct {
	standing
	// named is the issuer that is asked for; missing is set where it isn't there, for the
	// reason of fault.
	named   named
	missing bool
	fault   resolver.Fault
	// issuer is the one that is used: the one that is named; or the Certificate's present one,
	// where that isn't known to be missing and the other is.
	issuer  resolver.Issuer
	finding resolver.Finding
	// problem says why it may not be used.
	problem problem.Problem
}

// stays says whether a Certificate stays with its present issuer.
func (c *consulted) stays() bool { return c.issuer.Ref != c.named.Ref }

// holds says whether a new Certificate waits for the issuer's resolver.
func (c *consulted) holds() bool { return c.finding.Hold && c.finding.State == resolver.Never }

// reach is where a Certificate is to be and what limits it.
type reach struct {
	limits limits
	// into is the Certificate's namespace if that isn't the source's, else "".
	into string
}

// consult takes what is known of the issuer that is named, and judges whether the one that is
// used may be. What is advice blocks nothing.
func consult(q input, by reach, n named, now resolver.Ref) *consulted {
	c := &consulted{named: n, standing: n.standing, issuer: n.Issuer}
	if !c.clear() {
		return c
	}
	c.finding = find(q, keyOf(q, n.Issuer))
	if c.judge(q, by); !c.clear() {
		return c
	}
	c.missing, c.fault = c.finding.Existence == resolver.Missing, c.finding.Fault
	if !c.missing || now.Name == "" || now == n.Ref {
		return c
	}
	if present := consultPresent(q, by, n, now); present.finding.Existence != resolver.Missing {
		c.issuer, c.finding, c.standing, c.problem = present.issuer, present.finding, present.standing, present.problem
	}
	return c
}

// consultPresent judges the issuer of a Certificate that keeps it, whichever is named.
func consultPresent(q input, by reach, n named, now resolver.Ref) *consulted {
	scope, _ := q.policy.Registry.Scope(resolver.GroupKind{Group: now.Group, Kind: now.Kind}, q.observed.Served())
	c := &consulted{named: n, issuer: resolver.Issuer{Ref: now, Scope: scope, From: n.From}}
	c.finding = find(q, keyOf(q, c.issuer))
	c.judge(q, by)
	return c
}

// judge says whether the source may use an issuer: by its rules, and by the issuer itself.
func (c *consulted) judge(q input, by reach) {
	key := keyOf(q, c.issuer)
	rule, forbidden := by.limits.forbidsIssuer(c.issuer.Ref)
	switch {
	case by.into != "" && c.issuer.Scope != resolver.Cluster:
		c.standing = refuse(certificate.CauseIssuerElsewhere)
		c.problem = issuerProblem(q, c.named, problem.Error, problem.IssuerNotAllowed, inWords(key)+" can't sign for a Secret of another namespace: "+onlyOfCluster(c.issuer.Scope))
	case forbidden:
		c.standing = refuse(certificate.CauseIssuerForbidden, rule.text())
		c.problem = issuerProblem(q, c.named, problem.Error, problem.IssuerNotAllowed, rule.text()+" doesn't let this object use "+inWords(key))
	case !c.finding.Allows(q.object.Namespace):
		c.standing = refuse(certificate.CauseIssuerClosed)
		c.problem = issuerProblem(q, c.named, problem.Error, problem.IssuerNotAllowed, "sources of this namespace may not use "+inWords(key))
	case by.into != "" && !c.finding.Allows(by.into):
		c.standing = refuse(certificate.CauseIssuerNotThere)
		c.problem = issuerProblem(q, c.named, problem.Error, problem.IssuerNotAllowed, "the namespace of the Secret may not use "+inWords(key))
	}
}

// onlyOfCluster says why an issuer that isn't known to be one of the cluster can't sign for another
// namespace: one of a namespace would be another issuer there.
func onlyOfCluster(scope resolver.Scope) string {
	if scope == resolver.Namespaced {
		return "there it would be another issuer of this name; use one of the cluster"
	}
	return "whether it is one of the cluster isn't known"
}

// find gives what is known of an issuer; of one of a declared kind that nobody sees, it is
// what its type says.
func find(q input, key resolver.IssuerKey) resolver.Finding {
	if issuers := q.observed.Issuers(); issuers != nil {
		if finding, spoken := issuers.Find(key); spoken {
			return finding
		}
	}
	if known, declared := q.policy.Registry.Known(key.GroupKind); declared {
		return resolver.Finding{Statement: known.Declared(0), State: resolver.Never}
	}
	return resolver.Finding{State: resolver.Never}
}

// keyOf is where an issuer is: in the source's namespace, unless it is one of the cluster.
func keyOf(q input, issuer resolver.Issuer) resolver.IssuerKey {
	key := resolver.IssuerKey{GroupKind: resolver.GroupKind{Group: issuer.Group, Kind: issuer.Kind}, Name: issuer.Name}
	if issuer.Scope != resolver.Cluster {
		key.Namespace = q.object.Namespace
	}
	return key
}

// issuerProblem is about an issuer, at the annotation that names it, if one does.
func issuerProblem(q input, n named, severity problem.Severity, reason problem.Reason, message string) problem.Problem {
	p := problem.Problem{Severity: severity, Reason: reason, Message: message, Key: n.by.key, Value: n.Name}
	switch n.From {
	case resolver.FromDefault:
		p.Message, p.Key, p.Value = "the operator's default issuer: "+message, "", ""
	case FromPolicy:
		p.Message, p.Key, p.Value = "the issuer of policy "+n.by.rule.Name+": "+message, "", ""
	case FromNamespace:
		p.Message = "the issuer of " + q.namespaceName() + ": " + message
	default:
		p.Path = n.by.terms.path(p.Key)
	}
	return p
}

// inWords is an issuer as it stands in a sentence: its name has been checked.
func inWords(key resolver.IssuerKey) string {
	text := key.Kind + " " + key.Name
	if key.Group != resolver.CertManagerGroup {
		text = key.Kind + " " + key.Name + " of group " + key.Group
	}
	if key.Namespace != "" {
		text += " in this namespace"
	}
	return text
}
