package certificate

import (
	"time"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/names"
	"github.com/certshim/certshim/problem"
)

// build returns the apply configuration of the Certificate that a source asks for, without
// guards. It has no empty maps or lists and no nulls, integers are int64 and lists []any, so
// that it is a valid unstructured object. The problems say what had to be left out.
func build(in *Input) (map[string]any, problem.List) {
	var problems problem.List
	at := in.Ask.At(in.Source)
	metadata := fields{"name": at.Name, "namespace": at.Namespace}
	metadata.object("labels", labels(in))
	wanted := spec(in)
	filled := fill(in, wanted)
	metadata.texts("annotations", certificateAnnotations(in, filled, &problems))
	if uid := in.ownerUID(); uid != "" && !in.Retain && !in.isForeign() {
		metadata["ownerReferences"] = []any{ownerReference(in, uid)}
	}
	served := leaveOut(wanted, in.Fields, &problems)
	return map[string]any{
		"apiVersion": apiVersion, "kind": "Certificate",
		"metadata": map[string]any(metadata), "spec": served,
	}, problems
}

// fields is a map that ignores empty values; it stays nil until it has a value.
type fields map[string]any

func (f *fields) put(name string, value any) {
	if *f == nil {
		*f = fields{}
	}
	(*f)[name] = value
}

func (f *fields) text(name, value string) {
	if value != "" {
		f.put(name, value)
	}
}

func (f *fields) list(name string, values []string) {
	if len(values) > 0 {
		f.put(name, anyList(values))
	}
}

func (f *fields) number(name string, value int64) {
	if value != 0 {
		f.put(name, value)
	}
}

func (f *fields) duration(name string, value *time.Duration) {
	if value != nil {
		f.put(name, value.String())
	}
}

func (f *fields) count(name string, value *int32) {
	if value != nil {
		f.put(name, int64(*value))
	}
}

func (f *fields) object(name string, inner fields) {
	if len(inner) > 0 {
		f.put(name, map[string]any(inner))
	}
}

func (f *fields) texts(name string, values map[string]string) {
	if len(values) == 0 {
		return
	}
	out := make(map[string]any, len(values))
	for key, value := range values {
		out[key] = value
	}
	f.put(name, out)
}

func anyList(values []string) []any {
	list := make([]any, len(values))
	for i, value := range values {
		list[i] = value
	}
	return list
}

// SourceUIDLabel has the uid of the source of another namespace, to list its Certificates by.
const SourceUIDLabel = annotations.OwnPrefix + "source-uid"

// labels are those of the source, unless the Certificate is in another namespace.
func labels(in *Input) fields {
	var copied fields
	if in.isForeign() {
		copied.text(SourceUIDLabel, in.ownerUID())
		return copied
	}
	for key, value := range in.Source.Labels {
		if in.Policy.Labels.Copies(key) {
			copied.put(key, value)
		}
	}
	return copied
}

func ownerReference(in *Input, uid string) map[string]any {
	return map[string]any{
		"apiVersion": in.Source.APIVersion(), "kind": in.Source.Kind,
		"name": in.Source.Name, "uid": uid,
		"controller": true, "blockOwnerDeletion": true,
	}
}

func spec(in *Input) map[string]any {
	request := in.Request
	asked := sansOf(in.Ask.Hosts, request)
	spec := fields{"secretName": in.Ask.Secret}
	spec.list("dnsNames", asked.dns)
	spec.list("ipAddresses", asked.ips)
	spec.list("uris", asked.uris)
	spec.list("emailAddresses", asked.emails)
	spec.text("commonName", names.Common(request.CommonName, asked.dns, asked.ips))
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

// usages returns the usages that were asked for, else cert-manager's defaults, which its shims
// write too.
func usages(request annotations.Request) []string {
	if len(request.Usages) > 0 {
		return names.Unique(names.Exact, request.Usages)
	}
	return []string{"digital signature", "key encipherment"}
}

// issuerRef always has all three fields: they have separate owners, and a reference whose parts
// come from two managers names an issuer that nobody wanted.
func issuerRef(in *Input) fields {
	ref := fields{}
	ref.text("name", in.Issuer.Name)
	ref.text("kind", in.Issuer.Kind)
	ref.text("group", in.Issuer.Group)
	return ref
}

func privateKey(key annotations.PrivateKey) fields {
	var out fields
	out.text("algorithm", key.Algorithm)
	out.text("encoding", key.Encoding)
	out.text("rotationPolicy", key.RotationPolicy)
	out.number("size", int64(key.Size))
	return out
}

func subject(s annotations.Subject) fields {
	var out fields
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
	var out fields
	out.texts("annotations", template.Annotations)
	out.texts("labels", template.Labels)
	return out
}

// sans are the subject alternative names of a Certificate.
type sans struct{ dns, ips, uris, emails []string }

// sansOf puts the hosts before the names from annotations, separates IP addresses from DNS
// names, and writes each name once, as it is written first.
func sansOf(hosts []string, request annotations.Request) sans {
	dns, ips := splitHosts(hosts)
	return sans{
		dns: names.Unique(names.DNS, dns, request.DNSNames), ips: names.Unique(names.IP, ips, request.IPAddresses),
		uris: names.Unique(names.URI, request.URIs), emails: names.Unique(names.Email, request.EmailAddresses),
	}
}

// splitHosts separates IP addresses from DNS names.
func splitHosts(hosts []string) (dns, ips []string) {
	dns = make([]string, 0, len(hosts))
	for _, host := range hosts {
		if names.IsIP(host) {
			ips = append(ips, host)
		} else {
			dns = append(dns, host)
		}
	}
	return dns, ips
}

// leaveOut removes the fields that the served CRD doesn't have: one unknown field would make the
// whole apply fail.
func leaveOut(spec map[string]any, served Fields, problems *problem.List) map[string]any {
	if served != nil {
		leaveOutUnder("spec", spec, served, problems)
	}
	return spec
}

func leaveOutUnder(path string, object map[string]any, served Fields, problems *problem.List) {
	for name, value := range object {
		at := pathUnder(path, name)
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

// paths holds the paths of common fields, by parent and name, so that they aren't concatenated
// for each decision. It is never changed.
var paths = map[string]map[string]string{
	"spec": pathsUnder("spec", "secretName", "dnsNames", "ipAddresses", "commonName", "duration", "renewBefore",
		"usages", "issuerRef", "privateKey", "subject", "secretTemplate", "revisionHistoryLimit"),
	"spec.issuerRef":  pathsUnder("spec.issuerRef", "name", "kind", "group"),
	"spec.privateKey": pathsUnder("spec.privateKey", "algorithm", "encoding", "rotationPolicy", "size"),
}

func pathsUnder(path string, names ...string) map[string]string {
	all := make(map[string]string, len(names))
	for _, name := range names {
		all[name] = path + "." + name
	}
	return all
}

func pathUnder(path, name string) string {
	if known, often := paths[path][name]; often {
		return known
	}
	return path + "." + name
}
