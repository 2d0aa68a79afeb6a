package source

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/problem"
)

// secretKind is the kind a reference has where it names none.
const secretKind = "Secret"

type ingress struct{ standalone }

func (ingress) GroupVersionKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: IngressGroup, Version: "v1", Kind: IngressKind}
}

func (ingress) Resources() []schema.GroupVersionResource {
	return []schema.GroupVersionResource{{Group: IngressGroup, Version: "v1", Resource: "ingresses"}}
}

func (ingress) Reads() []string {
	return append(metadataReads(), "spec.tls")
}

func (k ingress) Reduce(u *unstructured.Unstructured) (*Object, error) {
	var f fields
	o := f.object(u, k)
	spec := f.mapping(u.Object["spec"], "spec")
	for i, item := range f.list(spec["tls"], "spec.tls") {
		path := index("spec.tls", i)
		tls := f.mapping(item, path)
		entry := Entry{Path: path, HasTLS: true, Hosts: f.texts(tls["hosts"], path+".hosts")}
		if name := f.text(tls["secretName"], path+".secretName"); name != "" {
			entry.Secrets = []SecretRef{{Path: path + ".secretName", Kind: secretKind, Name: name}}
		}
		o.Entries = append(o.Entries, entry)
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return o, nil
}

func (ingress) Asks(object *Object, options Options) Asks {
	j := newJudge(object, options)
	j.hostPath = func(entry Entry, n int) string { return index(entry.Path+".hosts", n) }
	for _, entry := range object.Entries {
		j.asks.TLSEntries++
		j.tlsEntry(entry)
	}
	return j.done()
}

// tlsEntry judges one item of spec.tls, or one that a source type reads. One that has hosts and no Secret gets the
// ingress controller's default certificate, which may be meant, or a Secret forgotten.
func (j *judge) tlsEntry(entry Entry) {
	if j.ignored(entry) {
		j.leave(entry)
		return
	}
	checked := j.hosts(entry)
	switch {
	case len(entry.Secrets) > 0:
	case len(entry.Hosts) == 0:
		j.warn(entry.Path, "the TLS entry names neither hosts nor a Secret: it asks for nothing")
		return
	default:
		j.warn(entry.Path+".secretName", "the TLS entry names no Secret: it gets no certificate of its own")
		return
	}
	if len(entry.Hosts) == 0 {
		j.warn(entry.Path+".hosts", "the TLS entry has no hosts: it gets no certificate, and one that exists keeps its names")
	}
	j.refs(checked)
}

func (j *judge) warn(path, message string) {
	j.asks.Problems.Add(problem.Problem{
		Severity: problem.Warning, Path: path, Reason: problem.BadConfig, Message: message,
	})
}

// Shim is the ingress-shim.
func (ingress) Shim() string { return "cert-manager-ingress-shim" }

// SolverIngress is the Ingress itself.
func (ingress) SolverIngress(object *Object) string { return object.Name }
