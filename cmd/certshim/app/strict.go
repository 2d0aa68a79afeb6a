package app

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/cmd/certshim/app/manifest"
	"github.com/certshim/certshim/cmd/certshim/app/schema"
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

// unknownFields returns the fields that the kind of a document doesn't have. If it has a
// uid, an API server has accepted it, and may know newer fields, so they are warnings.
func unknownFields(d manifest.Document) []located {
	severity := problem.Error
	if d.Object.GetUID() != "" {
		severity = problem.Warning
	}
	var all []located
	for _, field := range schema.Unknown(d.Object.Object, d.Object.GetAPIVersion(), d.Object.GetKind()) {
		p := problem.Problem{
			Severity: severity, Object: objectOf(d.Object), Path: field.Path, Suggestion: field.Right,
			Reason: problem.UnknownField, Message: d.Object.GetKind() + " has no such field",
		}
		if field.Right == "" {
			p.Allowed = strings.Join(field.Here, ", ")
		}
		all = append(all, located{problem: p, at: d.Find(field.Steps...)})
	}
	return all
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
