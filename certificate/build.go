package certificate

import (
	"maps"
	"net"
	"time"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
)

// Build makes the apply configuration of the Certificate that a source asks for: exactly
// the fields that are meant, with no empty map or list and no null, integers as int64
// and lists as []any, so that it is a valid unstructured object. It holds no guards.
func Build(in Input) map[string]any {
	config, _ := build(in)
	return config
}

// build is Build, with what had to be left out.
func build(in Input) (map[string]any, problem.List) {
	var problems problem.List
	metadata := fields{"name": in.Ask.Secret, "namespace": in.Source.Namespace}
	metadata.texts("labels", labels(in))
	wanted := spec(in)
	filled := fill(in, wanted)
	metadata.texts("annotations", certificateAnnotations(in, filled, &problems))
	if in.Source.UID != "" {
		metadata["ownerReferences"] = []any{ownerReference(in)}
	}
	served := leaveOut(wanted, in.Fields, &problems)
	return map[string]any{
		"apiVersion": apiVersion, "kind": "Certificate",
		"metadata": map[string]any(metadata), "spec": served,
	}, problems
}

// fields is a map that takes in only what has a value.
type fields map[string]any

func (f fields) text(name, value string) {
	if value != "" {
		f[name] = value
	}
}

func (f fields) list(name string, values []string) {
	if len(values) > 0 {
		f[name] = anyList(values)
	}
}

func (f fields) number(name string, value int64) {
	if value != 0 {
		f[name] = value
	}
}

func (f fields) duration(name string, value *time.Duration) {
	if value != nil {
		f[name] = value.String()
	}
}

func (f fields) count(name string, value *int32) {
	if value != nil {
		f[name] = int64(*value)
	}
}

func (f fields) object(name string, inner fields) {
	if len(inner) > 0 {
		f[name] = map[string]any(inner)
	}
}

func (f fields) texts(name string, values map[string]string) {
	if len(values) == 0 {
		return
	}
	out := make(map[string]any, len(values))
	for key, value := range values {
		out[key] = value
	}
	f[name] = out
}

func anyList(values []string) []any {
	list := make([]any, len(values))
	for i, value := range values {
		list[i] = value
	}
	return list
}

func labels(in Input) map[string]string {
	copied := maps.Clone(in.Source.Labels)
	maps.DeleteFunc(copied, func(key, _ string) bool { return !in.Policy.Labels.Copies(key) })
	return copied
}

func ownerReference(in Input) map[string]any {
	return map[string]any{
		"apiVersion": in.Source.APIVersion(), "kind": in.Source.Kind,
		"name": in.Source.Name, "uid": in.Source.UID,
		"controller": true, "blockOwnerDeletion": true,
	}
}

func spec(in Input) map[string]any {
	request := in.Request
	names := namesOf(in.Ask.Hosts, request)
	spec := fields{"secretName": in.Ask.Secret}
	spec.list("dnsNames", names.dns)
	spec.list("ipAddresses", names.ips)
	spec.list("uris", unique(request.URIs))
	spec.list("emailAddresses", unique(request.EmailAddresses))
	spec.text("commonName", request.CommonName)
	spec.duration("duration", request.Duration)
	spec.duration("renewBefore", request.RenewBefore)
	spec.count("renewBeforePercentage", request.RenewBeforePercentage)
	spec.count("revisionHistoryLimit", request.RevisionHistoryLimit)
	spec.list("usages", usages(request))
	spec.object("issuerRef", issuerRef(in))
	spec.object("privateKey", privateKey(request.PrivateKey))
	spec.object("subject", subject(request.Subject))
	spec.object("secretTemplate", secretTemplate(request.SecretTemplate))
	return spec
}

// usages are always written, as cert-manager's shim does: those it writes where none
// are asked for are the defaults of cert-manager itself.
func usages(request annotations.Request) []string {
	if len(request.Usages) > 0 {
		return unique(request.Usages)
	}
	return []string{"digital signature", "key encipherment"}
}

// issuerRef always has all three: they are owned one by one, and a reference of which
// two managers own parts names an issuer that nobody meant.
func issuerRef(in Input) fields {
	ref := fields{}
	ref.text("name", in.Issuer.Name)
	ref.text("kind", in.Issuer.Kind)
	ref.text("group", in.Issuer.Group)
	return ref
}

func privateKey(key annotations.PrivateKey) fields {
	out := fields{}
	out.text("algorithm", key.Algorithm)
	out.text("encoding", key.Encoding)
	out.text("rotationPolicy", key.RotationPolicy)
	out.number("size", int64(key.Size))
	return out
}

func subject(s annotations.Subject) fields {
	out := fields{}
	out.list("organizations", s.Organizations)
	out.list("organizationalUnits", s.OrganizationalUnits)
	out.list("countries", s.Countries)
	out.list("provinces", s.Provinces)
	out.list("localities", s.Localities)
	out.list("postalCodes", s.PostalCodes)
	out.list("streetAddresses", s.StreetAddresses)
	out.text("serialNumber", s.SerialNumber)
	return out
}

func secretTemplate(template annotations.SecretTemplate) fields {
	out := fields{}
	out.texts("annotations", template.Annotations)
	out.texts("labels", template.Labels)
	return out
}

type names struct{ dns, ips []string }

// namesOf puts hosts before what annotations add, sorts IP addresses out of the hosts, and
// names each but once.
func namesOf(hosts []string, request annotations.Request) names {
	var n names
	for _, host := range hosts {
		if net.ParseIP(host) != nil {
			n.ips = append(n.ips, host)
		} else {
			n.dns = append(n.dns, host)
		}
	}
	n.dns = unique(n.dns, request.DNSNames)
	n.ips = unique(n.ips, request.IPAddresses)
	return n
}

// unique joins lists and leaves the first of equal items.
func unique(lists ...[]string) []string {
	var out []string
	seen := map[string]bool{}
	for _, list := range lists {
		for _, item := range list {
			if !seen[item] {
				seen[item] = true
				out = append(out, item)
			}
		}
	}
	return out
}

// leaveOut takes away what the served CRD doesn't have: one unknown field would make the
// whole apply fail.
func leaveOut(spec map[string]any, served Fields, problems *problem.List) map[string]any {
	if served != nil {
		leaveOutUnder("spec", spec, served, problems)
	}
	return spec
}

func leaveOutUnder(path string, object map[string]any, served Fields, problems *problem.List) {
	for name, value := range object {
		at := path + "." + name
		if !served(at) {
			delete(object, name)
			problems.Add(problem.Problem{
				Severity: problem.Error, Path: at, Reason: problem.FieldNotServed,
				Message: "the Certificate CRD of this cluster doesn't have the field; it is left out",
			})
			continue
		}
		inner, ok := value.(map[string]any)
		if !ok || at == "spec.secretTemplate" {
			continue
		}
		if leaveOutUnder(at, inner, served, problems); len(inner) == 0 {
			delete(object, name)
		}
	}
}
