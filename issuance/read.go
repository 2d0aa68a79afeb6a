package issuance

import (
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/resolver"
)

// Of a list no more than maxItems are read, and of a name no more than maxName bytes.
const (
	maxItems = 200
	maxName  = 512
)

// The annotations that are read.
const (
	revisionKey  = "cert-manager.io/certificate-revision"
	temporaryKey = "cert-manager.io/issue-temporary-certificate"
)

// identity are the paths of [Meta].
func identity(more ...string) []string {
	return append([]string{
		"metadata.name", "metadata.namespace", "metadata.uid", "metadata.creationTimestamp", "metadata.deletionTimestamp",
		"metadata.finalizers", "metadata.ownerReferences", "metadata.labels",
	}, more...)
}

// CertificatePaths are what [ReadCertificate] reads.
func CertificatePaths() []string {
	return identity("metadata.annotations", "metadata.managedFields",
		"spec.secretName", "spec.issuerRef", "spec.privateKey.rotationPolicy", "status")
}

// RequestPaths are what [ReadRequest] reads.
func RequestPaths() []string {
	return identity("metadata.annotations", "spec.issuerRef", "status.conditions", "status.failureTime")
}

// OrderPaths are what [ReadOrder] reads. An Order's authorizations, which have the tokens of its
// challenges, aren't among them.
func OrderPaths() []string {
	return identity("spec.dnsNames", "spec.ipAddresses", "spec.commonName", "status.state", "status.reason")
}

// ChallengePaths are what [ReadChallenge] reads: neither spec.key nor spec.token, nor spec.url.
func ChallengePaths() []string {
	return identity("spec.dnsName", "spec.type", "spec.wildcard", "status.processing", "status.presented", "status.state", "status.reason")
}

// IssuerPaths are what [ReadIssuer] reads.
func IssuerPaths() []string {
	return identity("spec.ca.secretName", "spec.acme.solvers.selector", "spec.acme.solvers.http01", "spec.acme.solvers.dns01",
		"spec.acme.server", "status.conditions")
}

// EventPaths are what [ReadEvent] reads, of the core group's Events.
func EventPaths() []string {
	return []string{"involvedObject.uid", "reason", "message", "lastTimestamp", "eventTime", "series.lastObservedTime", "metadata.creationTimestamp"}
}

// ReadCertificate reads a Certificate.
func ReadCertificate(content map[string]any) Certificate {
	o := object(content)
	c := Certificate{
		Meta: o.meta(KindCertificate), Secret: o.name("spec", "secretName"), Issuer: o.issuer(),
		KeepsKey: o.name("spec", "privateKey", "rotationPolicy") == "Never", Temporary: o.name("metadata", "annotations", temporaryKey) == "true",
		Conditions: o.conditions(), Revision: o.number("status", "revision"), NextKey: o.name("status", "nextPrivateKeySecretName"),
		Failed: o.time("status", "lastFailureTime"), Attempts: o.number("status", "failedIssuanceAttempts"),
		NotBefore: o.time("status", "notBefore"), NotAfter: o.time("status", "notAfter"), Renewal: o.time("status", "renewalTime"),
	}
	for _, entry := range o.items("metadata", "managedFields") {
		if at := entry.time("time"); entry.name("subresource") == "status" && at.After(c.Written) {
			c.Written = at
		}
	}
	return c
}

// ReadRequest reads a CertificateRequest.
func ReadRequest(content map[string]any) Request {
	o := object(content)
	revision, _ := strconv.ParseInt(o.name("metadata", "annotations", revisionKey), 10, 64) // 0 where it is none
	return Request{
		Meta: o.meta(KindRequest), Revision: revision, Issuer: o.issuer(), Conditions: o.conditions(), Failed: o.time("status", "failureTime"),
	}
}

// ReadOrder reads an Order.
func ReadOrder(content map[string]any) Order {
	o := object(content)
	order := Order{
		Meta: o.meta(KindOrder), Names: append(o.names("spec", "dnsNames"), o.names("spec", "ipAddresses")...),
		State: o.name("status", "state"), Reason: o.message("status", "reason"),
	}
	if common := o.name("spec", "commonName"); len(order.Names) == 0 && common != "" {
		order.Names = []string{common}
	}
	return order
}

// ReadChallenge reads a Challenge.
func ReadChallenge(content map[string]any) Challenge {
	o := object(content)
	return Challenge{
		Meta: o.meta(KindChallenge), DNSName: o.name("spec", "dnsName"), Type: o.name("spec", "type"), Wildcard: o.boolean("spec", "wildcard"),
		Processing: o.boolean("status", "processing"), Presented: o.boolean("status", "presented"),
		State: o.name("status", "state"), Reason: o.message("status", "reason"),
	}
}

// ReadIssuer reads an issuer of a kind and group.
func ReadIssuer(content map[string]any, kind resolver.GroupKind) Issuer {
	o := object(content)
	issuer := Issuer{Meta: o.meta(kind.Kind), Group: kind.Group, Conditions: o.conditions(), CASecret: o.name("spec", "ca", "secretName")}
	_, issuer.ACME, _ = unstructured.NestedFieldNoCopy(content, "spec", "acme")
	for _, item := range o.items("spec", "acme", "solvers") {
		solver := Solver{
			Labels: item.texts("selector", "matchLabels"), Names: item.names("selector", "dnsNames"), Zones: item.names("selector", "dnsZones"),
		}
		_, solver.HTTP01 = item["http01"].(map[string]any)
		_, solver.DNS01 = item["dns01"].(map[string]any)
		issuer.Solvers = append(issuer.Solvers, solver)
	}
	return issuer
}

// ReadEvent reads an Event of the core group.
func ReadEvent(content map[string]any) Event {
	o := object(content)
	e := Event{About: o.name("involvedObject", "uid"), Reason: o.name("reason"), Message: o.message("message")}
	for _, at := range [][]string{{"series", "lastObservedTime"}, {"lastTimestamp"}, {"eventTime"}, {"metadata", "creationTimestamp"}} {
		if found := o.time(at...); found.After(e.Last) {
			e.Last = found
		}
	}
	return e
}

// object is content that anybody may have written: what is of another type than it should be
// counts as missing.
type object map[string]any

func (o object) meta(kind string) Meta {
	m := Meta{
		Kind: kind, Namespace: o.name("metadata", "namespace"), Name: o.name("metadata", "name"), UID: o.name("metadata", "uid"),
		Created: o.time("metadata", "creationTimestamp"), Deleted: o.time("metadata", "deletionTimestamp"),
		Finalizers: o.names("metadata", "finalizers"), Labels: o.texts("metadata", "labels"),
	}
	for _, owner := range o.items("metadata", "ownerReferences") {
		if owner.boolean("controller") {
			m.Owner = owner.name("uid")
		}
	}
	return m
}

// issuer is spec.issuerRef with cert-manager's defaults.
func (o object) issuer() resolver.Ref {
	ref := resolver.Ref{
		Group: o.name("spec", "issuerRef", "group"), Kind: o.name("spec", "issuerRef", "kind"), Name: o.name("spec", "issuerRef", "name"),
	}
	if ref.Group == "" {
		ref.Group = resolver.CertManagerGroup
	}
	if ref.Kind == "" {
		ref.Kind = "Issuer"
	}
	return ref
}

func (o object) conditions() Conditions {
	var found Conditions
	for _, item := range o.items("status", "conditions") {
		found = append(found, Condition{
			Type: item.name("type"), Status: item.name("status"), Reason: item.name("reason"), Message: item.message("message"),
			Since: item.time("lastTransitionTime"),
		})
	}
	return found
}

func (o object) at(path []string) any {
	value, _, _ := unstructured.NestedFieldNoCopy(o, path...)
	return value
}

func (o object) text(path []string) string {
	text, _ := o.at(path).(string)
	return text
}

func (o object) name(path ...string) string    { return cut(o.text(path), maxName) }
func (o object) message(path ...string) string { return clean(o.text(path)) }

func (o object) number(path ...string) int64 {
	number, _ := o.at(path).(int64)
	return number
}

func (o object) boolean(path ...string) bool {
	is, _ := o.at(path).(bool)
	return is
}

func (o object) time(path ...string) time.Time {
	at, _ := time.Parse(time.RFC3339, o.text(path)) // zero where it is none
	return at
}

func (o object) list(path []string) []any {
	list, _ := o.at(path).([]any)
	return list[:min(len(list), maxItems)]
}

func (o object) items(path ...string) []object {
	var items []object
	for _, item := range o.list(path) {
		if fields, is := item.(map[string]any); is {
			items = append(items, fields)
		}
	}
	return items
}

func (o object) names(path ...string) []string {
	var names []string
	for _, item := range o.list(path) {
		if name, is := item.(string); is {
			names = append(names, cut(name, maxName))
		}
	}
	return names
}

func (o object) texts(path ...string) map[string]string {
	fields, _ := o.at(path).(map[string]any)
	if len(fields) == 0 || len(fields) > maxItems {
		return nil
	}
	texts := map[string]string{}
	for key, value := range fields {
		if text, is := value.(string); is {
			texts[cut(key, maxName)] = cut(text, maxName)
		}
	}
	return texts
}
