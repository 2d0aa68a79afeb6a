package app

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/names"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// request is an issuer, and a digest of the set of names that a Certificate asks it for.
type request struct {
	issuer resolver.IssuerKey
	names  [sha256.Size]byte
}

// requestOf reads the spec of a Certificate; false if it asks for no DNS name.
func requestOf(namespace string, spec map[string]any) (request, bool) {
	asked := map[string]bool{}
	for _, field := range []string{"dnsNames", "ipAddresses"} {
		list, _ := spec[field].([]any)
		addTexts(asked, list)
	}
	forms := map[string]bool{}
	for name := range asked {
		forms[names.Host(name)] = true
	}
	dns, _ := spec["dnsNames"].([]any)
	text := strings.Join(slices.Sorted(maps.Keys(forms)), "\x00")
	return request{issuer: issuerOf(namespace, spec), names: sha256.Sum256([]byte(text))}, len(dns) > 0
}

// issuerOf is the issuer that the spec of a Certificate names, with the defaults of its fields.
func issuerOf(namespace string, spec map[string]any) resolver.IssuerKey {
	ref, _ := spec["issuerRef"].(map[string]any)
	field := func(name, otherwise string) string {
		if text, _ := ref[name].(string); text != "" {
			return text
		}
		return otherwise
	}
	key := resolver.IssuerKey{
		GroupKind: resolver.GroupKind{Group: field("group", resolver.CertManagerGroup), Kind: field("kind", resolver.IssuerKind)},
		Namespace: namespace, Name: field("name", ""),
	}
	if key.Kind != resolver.IssuerKind {
		key.Namespace = ""
	}
	return key
}

// noteACME notes whether an issuer of the input is one of the ACME kind; of two of a name the
// last counts.
func (d *documents) noteACME(kind resolver.GroupKind, issuer *unstructured.Unstructured) {
	key := resolver.IssuerKey{GroupKind: kind, Namespace: issuer.GetNamespace(), Name: issuer.GetName()}
	delete(d.acme, key)
	spec, _ := issuer.Object["spec"].(map[string]any)
	if _, is := spec["acme"].(map[string]any); is && kind.Group == resolver.CertManagerGroup {
		d.acme[key] = true
	}
}

// noteRequest notes what a Certificate asks for that has no controller: that of a source is
// planned.
func (d *documents) noteRequest(c *unstructured.Unstructured) {
	name := types.NamespacedName{Namespace: c.GetNamespace(), Name: c.GetName()}
	delete(d.requests, name)
	if name.Name == "" || !d.Watches(name.Namespace) || metav1.GetControllerOf(c) != nil {
		return
	}
	spec, _ := c.Object["spec"].(map[string]any)
	if asked, is := requestOf(name.Namespace, spec); is {
		d.requests[name] = asked
	}
}

// tellEqual compares the Certificates of the input with each other, once all issuers are known.
func (d *documents) tellEqual() {
	byName := func(a, b types.NamespacedName) int { return strings.Compare(a.String(), b.String()) }
	for _, name := range slices.SortedFunc(maps.Keys(d.requests), byName) {
		if hint, is := d.equalTo(name, d.requests[name]); is {
			kind := inventory.CertificateKind()
			hint.Object = problem.Object{Group: kind.Group, Kind: kind.Kind, Namespace: name.Namespace, Name: name.Name}
			d.faults = append(d.faults, located{problem: hint, at: d.places[inventory.NewKey(source.GroupKind(kind), name.Namespace, name.Name)]})
		}
	}
}

// equalTo returns a hint if an earlier Certificate asks the same ACME issuer for the same names. The
// first Certificate of each request is remembered.
func (k *planInventory) equalTo(name types.NamespacedName, asked request) (hint problem.Problem, is bool) {
	if !k.acme[asked.issuer] {
		return hint, false
	}
	first, is := k.equal[asked]
	if !is {
		k.equal[asked] = name
	}
	return problem.Problem{
		Severity: problem.Info, Path: "spec", Reason: problem.SameNames,
		Message: fmt.Sprintf("Certificate %s of the input asks the same ACME issuer, %s, for the same names: a public one limits how often it signs a set of names",
			problem.Name(first.String()), problem.Name(asked.issuer.Name)),
	}, is && first != name
}

// addEqual says which of the Certificates another one of the input is equal to.
func (one *planned) addEqual(known *planInventory) {
	for _, c := range one.outcome.Certificates {
		spec, _ := c.Config["spec"].(map[string]any)
		asked, is := requestOf(c.Namespace, spec)
		if !is {
			continue
		}
		if hint, is := known.equalTo(types.NamespacedName{Namespace: c.Namespace, Name: c.Name}, asked); is {
			hint.Object, hint.Certificate, hint.Path = one.object.Object(), c.Name, secretPath(one.object, c.Name)
			one.outcome.Problems.Add(hint)
		}
	}
}
