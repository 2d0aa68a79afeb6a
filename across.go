package certshim

import (
	"slices"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/names"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// permit says whether the source may have a Certificate in another namespace, and what there is to say if
// not.
func permit(q input, ask source.Ask) (standing, problem.Problem) {
	if !q.crosses() {
		return refuse(certificate.CauseNotCrossing), problem.Problem{}
	}
	at := ask.At(q.object)
	if !q.policy.Serve.Has(at.Namespace) {
		return refuse(certificate.CauseSecretInShare), problem.Problem{
			Severity: problem.Error, Path: pathOf(ask), Value: at.String(), Reason: problem.NotGranted,
			Message: "the Secret is in a namespace that another instance serves: nothing is made or changed there; one instance has to serve both, by serve in its configuration",
		}
	}
	granted, presence := q.observed.Granted(GrantFrom(q.object.Ref), at)
	p := problem.Problem{Severity: problem.Error, Path: pathOf(ask), Value: at.String(), Reason: problem.NotGranted}
	switch {
	case presence != Present && !q.policy.Offline:
		p.Severity = problem.Warning
		p.Message = "the Secret is in another namespace, and whether a ReferenceGrant there allows it can't be known: nothing is made or changed there"
		return waitFor(certificate.CauseGrantUnread), p
	case q.policy.CrossNamespace.Allows(granted):
		return standing{}, problem.Problem{}
	}
	p.Message, p.Lines = notGranted(q, ask, granted)
	if q.policy.Offline {
		p.Message += " (only ReferenceGrants of the input are known)"
	}
	return refuse(certificate.CauseNotGranted), p
}

// notGranted says what is missing, and the lines that would be right.
func notGranted(q input, ask source.Ask, granted source.Granted) (message, lines string) {
	const begin = "the Secret is in another namespace, "
	switch {
	case granted.Secret:
		message, lines = "and a ReferenceGrant there lets it be referenced, but none names the Certificate that is to be made there", "to: ["+source.CertificateItem(ask.Secret)+"]"
		if granted.AnyCertificate {
			message += "; one for all Certificates doesn't count"
		}
	case granted.Certificate:
		message, lines = "and a ReferenceGrant there names the Certificate, but none lets the Secret be referenced", "to: ["+source.SecretItem(ask.Secret)+"]"
	default:
		message, lines = "and no ReferenceGrant there lets this object have it", source.GrantLines(GrantFrom(q.object.Ref), ask.Secret)
	}
	if granted.Near != "" {
		message += "; " + granted.Near
	}
	return begin + message, lines
}

// takenElsewhere is what counts of the annotations for a Certificate in another namespace: nothing that
// would only be copied.
func takenElsewhere(request annotations.Request) annotations.Request {
	request.Extra = nil
	return request
}

// forbiddenElsewhere is the first field that forbids a Certificate in another namespace, or "": what would
// put more into it than its entries have names for, or anything into its Secret.
func forbiddenElsewhere(request annotations.Request, hosts []string) annotations.Field {
	for _, field := range request.Fields() {
		switch field {
		case annotations.FieldSecretTemplate, annotations.FieldSubject, annotations.FieldURIs, annotations.FieldEmailAddresses:
			return field
		case annotations.FieldDNSNames, annotations.FieldIPAddresses:
			if beyond(slices.Concat(request.DNSNames, request.IPAddresses), hosts) {
				return field
			}
		case annotations.FieldCommonName:
			if isHost(request.CommonName) && beyond([]string{request.CommonName}, hosts) {
				return field
			}
		default:
		}
	}
	return ""
}

// beyond reports whether one of the names isn't of the hosts, nor below a wildcard among them.
func beyond(asked, hosts []string) bool {
	return slices.ContainsFunc(asked, func(name string) bool {
		return !slices.ContainsFunc(hosts, func(host string) bool {
			return names.Host(name) == names.Host(host) || names.Wildcard(names.Host(name)) == names.Host(host)
		})
	})
}

// fieldProblem says that an annotation forbids a Certificate in another namespace.
func fieldProblem(q input, by *terms, field annotations.Field) problem.Problem {
	p := problem.Problem{
		Severity: problem.Error, Path: "metadata.annotations", Reason: problem.NotGranted,
		Message: "nothing is made in another namespace of an object that asks for this: only the hosts of its entries, its issuer, lifetime, key and usages count there",
	}
	if keys := q.policy.Parser.Sources(by.annotations)[field]; len(keys) > 0 {
		p.Key, p.Value, p.Path = keys[0], by.annotations[keys[0]], by.path(keys[0])
	}
	return p
}
