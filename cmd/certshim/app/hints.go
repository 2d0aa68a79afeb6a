package app

import (
	"fmt"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cmd/certshim/app/manifest"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/names"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// mostHosts is how many hosts without TLS of an Ingress are told.
const mostHosts = 20

// hostsWithoutTLS gives the hosts of an Ingress's rules that none of its TLS entries covers. An
// Ingress without TLS entries serves HTTP alone, and a TLS entry without hosts is for all of them.
func hostsWithoutTLS(d manifest.Document) []located {
	spec, _ := d.Object.Object["spec"].(map[string]any)
	covered, all := hostsWithTLS(spec)
	if all || len(covered) == 0 {
		return nil
	}
	var found []located
	told := map[string]bool{}
	rules, _ := spec["rules"].([]any)
	for i, item := range rules {
		rule, _ := item.(map[string]any)
		host, _ := rule["host"].(string)
		if host == "" || told[host] || covers(covered, host) || len(found) == mostHosts {
			continue
		}
		told[host] = true
		found = append(found, located{at: d.Find("spec", "rules", strconv.Itoa(i), "host"), problem: hostWithoutTLS(d.Object, i, host)})
	}
	return found
}

func hostWithoutTLS(ingress *unstructured.Unstructured, rule int, host string) problem.Problem {
	return problem.Problem{
		Severity: problem.Info, Object: objectOf(ingress), Path: fmt.Sprintf("spec.rules[%d].host", rule), Value: host,
		Reason: problem.HostWithoutTLS, Message: "no TLS entry covers the host of this rule, so no certificate is asked for it",
	}
}

// hostsWithTLS gives the hosts of TLS entries, and whether an entry has none.
func hostsWithTLS(spec map[string]any) (hosts map[string]bool, all bool) {
	hosts = map[string]bool{}
	entries, _ := spec["tls"].([]any)
	for _, item := range entries {
		entry, _ := item.(map[string]any)
		list, _ := entry["hosts"].([]any)
		addTexts(hosts, list)
		all = all || len(list) == 0
	}
	return hosts, all
}

func addTexts(to map[string]bool, from []any) {
	for _, item := range from {
		if text, is := item.(string); is {
			to[text] = true
		}
	}
}

// covers says whether a host is one of the names, or one label below a wildcard among them.
func covers(hosts map[string]bool, host string) bool {
	wildcard := names.Wildcard(host)
	return hosts[host] || wildcard != "" && hosts[wildcard]
}

// addHosts adds a hint for each host without a TLS entry, unless an annotation adds the host to a
// certificate.
func (one *planned) addHosts(hosts []located) {
	if len(hosts) == 0 || !one.outcome.Ignored.IsZero() {
		return
	}
	named := map[string]bool{}
	for _, c := range one.outcome.Certificates {
		addTexts(named, dnsNames(c))
	}
	for _, hint := range hosts {
		if !covers(named, hint.problem.Value) {
			one.addLocated(hint)
		}
	}
}

func dnsNames(c certificate.Decision) []any {
	spec, _ := c.Config["spec"].(map[string]any)
	list, _ := spec["dnsNames"].([]any)
	return list
}

func (one *planned) addLocated(found located) {
	one.outcome.Problems.Add(found.problem)
	one.lines[placeKey(found.problem)] = found.at.Line
}

// isIngress says whether a kind of source has rules with hosts.
func isIngress(kind source.GroupKind) bool {
	return kind == source.GroupKind{Group: source.IngressGroup, Kind: source.IngressKind}
}

// addSecret notes where a Secret is in the input, unless its annotations say that cert-manager made
// it. If a name occurs twice, the last one counts.
func (d *documents) addSecret(document manifest.Document) {
	object := document.Object
	d.setNamespace(object)
	key := keyOf(secretKind(), object)
	delete(d.secrets, key)
	_, annotated := object.GetAnnotations()[annotations.Prefix+"certificate-name"]
	_, labelled := object.GetLabels()["controller.cert-manager.io/fao"]
	if object.GetName() != "" && !annotated && !labelled {
		d.secrets[key] = document.At
	}
}

func secretKind() source.GroupKind { return source.GroupKind{Kind: "Secret"} }

// addSecrets says which Secrets of planned Certificates are in the input themselves.
func (one *planned) addSecrets(secrets map[inventory.Key]manifest.Position) {
	for _, c := range one.outcome.Certificates {
		at, is := secrets[inventory.NewKey(secretKind(), c.Namespace, c.Name)]
		if is && isKept(c) {
			one.outcome.Problems.Add(problem.Problem{
				Severity: problem.Info, Object: one.object.Object(), Certificate: c.Name, Path: secretPath(one.object, c.Name),
				Reason: problem.SecretInInput, Message: fmt.Sprintf("Secret %s is in the input as well, at %s: cert-manager and whoever applies that Secret overwrite each other's changes", problem.Name(c.Name), at),
			})
		}
	}
}

// isKept reports whether the source has its Certificate once the decision is carried out.
func isKept(c certificate.Decision) bool {
	return c.Action != certificate.Refuse && c.Action != certificate.Delete
}

// secretPath is where a source names a Secret first, or empty.
func secretPath(object *source.Object, name string) string {
	for _, entry := range object.Entries {
		for _, ref := range entry.Secrets {
			if ref.Name == name && ref.In(object.Namespace) {
				return ref.Path
			}
		}
	}
	return ""
}
