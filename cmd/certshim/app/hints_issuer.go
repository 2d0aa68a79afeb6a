package app

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/cmd/certshim/app/manifest"
	"github.com/certshim/certshim/cmd/certshim/app/schema"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// mostTriggers is how many documents of other kinds that name an issuer are told.
const mostTriggers = 20

// tellTrigger says of a document of a kind that asks for no certificate that it names an issuer, as
// people write on an HTTPRoute what belongs on its Gateway.
func (d *documents) tellTrigger(document manifest.Document) {
	key := trigger(document.Object.GetAnnotations())
	if key == "" || d.triggers >= mostTriggers {
		return
	}
	d.triggers++
	steps := []string{"metadata", "annotations", key}
	p := problem.Problem{
		Severity: problem.Info, Object: objectOf(document.Object), Path: schema.Path(steps), Value: document.Object.GetAnnotations()[key],
		Reason: problem.NothingToDo, Message: "the annotation does nothing on this kind; it counts on Ingresses, Gateways, ListenerSets, and the other kinds that certshim sources lists",
	}
	if strings.HasSuffix(document.Object.GetKind(), "Route") && document.Object.GroupVersionKind().Group == source.GatewayGroup {
		p.Message = "the annotation does nothing on a route; it belongs on the Gateway or ListenerSet whose listener has the Secret"
	}
	d.faults = append(d.faults, located{problem: p, at: document.Find(steps...)})
}

// triggerLabels warns of a label that was meant as the annotation that names the issuer.
func triggerLabels(document manifest.Document) []located {
	key := trigger(document.Object.GetLabels())
	if key == "" || trigger(document.Object.GetAnnotations()) != "" {
		return nil
	}
	steps := []string{"metadata", "labels", key}
	return []located{{at: document.Find(steps...), problem: problem.Problem{
		Severity: problem.Warning, Path: schema.Path(steps), Value: document.Object.GetLabels()[key], Reason: problem.NothingToDo,
		Message: "a label names no issuer: put it under metadata.annotations",
	}}}
}

// trigger is the key that names an issuer, or "".
func trigger(in map[string]string) string {
	for _, key := range []string{annotations.IssuerKey, annotations.ClusterKey} {
		if in[key] != "" {
			return key
		}
	}
	return ""
}

// noteNamespace notes where a namespaced issuer is.
func (d *documents) noteNamespace(kind resolver.GroupKind, issuer *unstructured.Unstructured) {
	key := resolver.IssuerKey{GroupKind: kind, Name: issuer.GetName()}
	d.namespaces[key] = append(d.namespaces[key], issuer.GetNamespace())
}

// addElsewhere says that the input has the issuer of a source in another namespace alone. There may
// be one in the source's namespace of the cluster.
func (one *planned) addElsewhere(namespaces map[resolver.IssuerKey][]string) {
	one.addIssuerElsewhere(namespaces, one.outcome.Issuer)
	for _, section := range one.outcome.Sections {
		if section.Issuer.Ref != one.outcome.Issuer.Ref {
			one.addIssuerElsewhere(namespaces, section.Issuer)
		}
	}
}

func (one *planned) addIssuerElsewhere(namespaces map[resolver.IssuerKey][]string, issuer resolver.Issuer) {
	in := namespaces[resolver.IssuerKey{GroupKind: resolver.GroupKind{Group: issuer.Group, Kind: issuer.Kind}, Name: issuer.Name}]
	if len(in) == 0 || slices.Contains(in, one.object.Namespace) {
		return
	}
	one.outcome.Problems.Add(problem.Problem{
		Severity: problem.Warning, Object: one.object.Object(), Path: "metadata.annotations", Value: issuer.Name, Reason: problem.IssuerNotFound,
		Message: "the input has this " + issuer.Kind + " in namespace " + problem.Name(slices.Min(in)) + " alone, and only objects of that namespace can use it",
	})
}
