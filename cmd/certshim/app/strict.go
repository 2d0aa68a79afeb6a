package app

import (
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/certshim/certshim/cmd/certshim/app/manifest"
	"github.com/certshim/certshim/cmd/certshim/app/schema"
	"github.com/certshim/certshim/names"
	"github.com/certshim/certshim/problem"
)

// located is a problem of a document, and where in the input it stands.
type located struct {
	problem problem.Problem
	at      manifest.Position
}

// notServed returns what is wrong with a document that is meant as a kind that is read, but isn't one
// to any API server, or not to certshim.
func notServed(d manifest.Document) (located, bool) {
	fault := schema.Served(d.Object.GetAPIVersion(), d.Object.GetKind())
	if fault == nil {
		return located{}, false
	}
	severity := problem.Error
	if fault.Elsewhere {
		severity = problem.Warning
	}
	return located{at: d.Find(fault.Field), problem: problem.Problem{
		Severity: severity, Object: objectOf(d.Object), Path: fault.Field, Value: fault.Value,
		Suggestion: fault.Right, Reason: problem.NotServed, Message: fault.Message,
	}}, true
}

// badFields returns the fields of a document for which API servers refuse it. If it has a uid, an API
// server has accepted it, and may know newer fields, so they are warnings.
func badFields(d manifest.Document) []located {
	faults := schema.Faults(d.Object.Object, d.Object.GetAPIVersion(), d.Object.GetKind())
	all := append(badMetadata(d), badHosts(d)...)
	for _, fault := range faults {
		all = append(all, located{problem: fieldProblem(fault, d.Object.GetKind()), at: d.Find(fault.Steps...)})
	}
	for i := range all {
		all[i].problem.Object = objectOf(d.Object)
		if d.Object.GetUID() != "" {
			all[i].problem.Severity = problem.Warning
		}
	}
	return all
}

func fieldProblem(fault schema.Field, kind string) problem.Problem {
	p := problem.Problem{Severity: problem.Error, Path: fault.Path, Reason: problem.InvalidField}
	switch fault.Fault {
	case schema.Unknown:
		p.Reason, p.Message, p.Suggestion = problem.UnknownField, kind+" has no such field", fault.Right
		if fault.Right == "" {
			p.Allowed = strings.Join(fault.Here, ", ")
		}
	case schema.Missing:
		p.Message = "it is missing"
		if len(fault.Here) > 0 {
			p.Message += ": one of " + strings.Join(fault.Here, ", ") + " is needed"
		}
	case schema.Mistyped:
		p.Message = "must be " + article(fault.Want) + ", not " + article(fault.Got)
		if fault.Want == "integer" && fault.Got == "string" {
			p.Message += ": take it out of its quotes"
		}
	}
	return p
}

func article(word string) string {
	if strings.ContainsAny(word[:1], "aeiou") {
		return "an " + word
	}
	return "a " + word
}

// badMetadata returns what API servers refuse of an object's name, namespace, labels and annotations.
func badMetadata(d manifest.Document) []located {
	if !schema.Knows(d.Object.GetAPIVersion(), d.Object.GetKind()) {
		return nil
	}
	var all []located
	add := func(value, message string, steps ...string) {
		all = append(all, located{at: d.Find(steps...), problem: problem.Problem{
			Severity: problem.Error, Path: schema.Path(steps), Value: value, Reason: problem.InvalidField, Message: message,
		}})
	}
	if name := d.Object.GetName(); name != "" && len(validation.IsDNS1123Subdomain(name)) > 0 {
		add(name, "a name has lower-case letters, digits, '-' and '.', and 253 of them at most", "metadata", "name")
	}
	if namespace := d.Object.GetNamespace(); namespace != "" && len(validation.IsDNS1123Label(namespace)) > 0 {
		add(namespace, "the name of a namespace has lower-case letters, digits and '-', and 63 of them at most", "metadata", "namespace")
	}
	for key, value := range d.Object.GetLabels() {
		if len(validation.IsQualifiedName(key)) > 0 {
			add(key, "a label's key is a name of at most 63 characters, after a domain and a slash or alone", "metadata", "labels", key)
		} else if len(validation.IsValidLabelValue(value)) > 0 {
			add(value, "a label's value has letters, digits, '-', '_' and '.', and 63 of them at most", "metadata", "labels", key)
		}
	}
	for key := range d.Object.GetAnnotations() {
		if len(validation.IsQualifiedName(strings.ToLower(key))) > 0 {
			add(key, "an annotation's key is a name of at most 63 characters, after a domain and a slash or alone", "metadata", "annotations", key)
		}
	}
	slices.SortFunc(all, func(a, b located) int { return strings.Compare(a.problem.Path, b.problem.Path) })
	return all
}

// badHosts returns the hosts of a source that a decision takes and API servers refuse: with white space
// around them, IPv6 addresses, and any address in the rule of an Ingress.
func badHosts(d manifest.Document) []located {
	var all []located
	add := func(host any, inRule bool, steps ...string) {
		text, _ := host.(string)
		trimmed, message := strings.TrimSpace(text), ""
		switch {
		case trimmed != text:
			message = "API servers refuse white space around a host"
		case strings.Contains(text, ":") && names.IsIP(text):
			message = "API servers refuse IPv6 addresses as hosts: write it into the annotation cert-manager.io/ip-sans"
		case inRule && names.IsIP(text):
			message = "API servers refuse IP addresses as hosts of rules"
		default:
			return
		}
		p := problem.Problem{Severity: problem.Error, Path: schema.Path(steps), Value: text, Reason: problem.InvalidField, Message: message}
		if trimmed != text {
			p.Suggestion = trimmed
		}
		all = append(all, located{at: d.Find(steps...), problem: p})
	}
	spec, _ := d.Object.Object["spec"].(map[string]any)
	eachOf(spec["tls"], func(at string, entry map[string]any) {
		hosts, _ := entry["hosts"].([]any)
		for i, host := range hosts {
			add(host, false, "spec", "tls", at, "hosts", strconv.Itoa(i))
		}
	})
	eachOf(spec["rules"], func(at string, rule map[string]any) { add(rule["host"], true, "spec", "rules", at, "host") })
	eachOf(spec["listeners"], func(at string, listener map[string]any) {
		add(listener["hostname"], false, "spec", "listeners", at, "hostname")
	})
	return all
}

// eachOf calls for the objects of a list.
func eachOf(list any, call func(at string, object map[string]any)) {
	items, _ := list.([]any)
	for i, item := range items {
		if object, is := item.(map[string]any); is {
			call(strconv.Itoa(i), object)
		}
	}
}

func objectOf(u *unstructured.Unstructured) problem.Object {
	kind := u.GroupVersionKind()
	return problem.Object{Group: kind.Group, Kind: u.GetKind(), Namespace: u.GetNamespace(), Name: u.GetName()}
}

// places has the lines of problems by path, where they are known more exactly than the line of the
// object.
type places map[string]int

func (p places) of(found problem.Problem, object manifest.Position) manifest.Position {
	if line, known := p[placeKey(found)]; known {
		object.Line = line
	}
	return object
}

func placeKey(p problem.Problem) string { return string(p.Reason) + " " + p.Path }

// lineOf says what is wrong, and with which object of which file, by the reason under which the
// documentation explains it.
func lineOf(p problem.Problem, at manifest.Position) string {
	place := p.Object.String()
	if at != (manifest.Position{}) {
		place = at.String() + ": " + place
	}
	return string(p.Severity) + ": " + place + ": " + string(p.Reason) + ": " + p.Error()
}
