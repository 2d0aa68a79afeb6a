package certificate

import (
	"errors"
	"slices"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
)

// Then is what is done about a field that somebody else holds with another value than the wanted
// one.
type Then string

const (
	// Force gives the field the wanted value, and takes it from its holder.
	Force Then = "force"
	// Yield leaves the field to its holder, and applies the rest.
	Yield Then = "yield"
	// Fail changes nothing on the Certificate.
	Fail Then = "fail"
)

// Thens lists every choice.
func Thens() []Then { return []Then{Force, Yield, Fail} }

// Ownership is what the operator decides about fields that others hold. The zero value has the
// defaults: what somebody applies is left to them, everything else gets the wanted value.
type Ownership struct {
	// Rules are gone through in their order. The first that matches a field and its holder counts.
	Rules []OwnershipRule
	// SourcesMay are the choices that a source may make by annotation in place of a default.
	SourcesMay []Then
	// RespectRemovals lets a field stay out that somebody removed, until the source asks for another
	// value. Else it is put back.
	RespectRemovals bool
}

// OwnershipRule says what is done about some fields of some holders. A part that is empty matches
// everything.
type OwnershipRule struct {
	// Managers are field managers; one that ends in * stands for all that begin so.
	Managers []string
	// Operations are Apply and Update.
	Operations []string
	// Fields are fields, with all that is in them.
	Fields []FieldPrefix
	Then   Then
}

func (r OwnershipRule) matches(h holder, path fieldpath.Path) bool {
	isManager := func(name string) bool {
		begin, open := strings.CutSuffix(name, "*")
		return h.manager == name || open && strings.HasPrefix(h.manager, begin)
	}
	return (len(r.Managers) == 0 || slices.ContainsFunc(r.Managers, isManager)) &&
		(len(r.Operations) == 0 || slices.Contains(r.Operations, string(h.operation))) &&
		(len(r.Fields) == 0 || slices.ContainsFunc(r.Fields, func(of FieldPrefix) bool { return within(path, of.path) }))
}

// Choice is what is done about the fields of one Certificate that others hold.
type Choice struct {
	Ownership
	// Source is what the source chose in place of the defaults, or empty.
	Source Then
	// Fights are the fields that somebody takes from us again and again. They are never forced.
	Fights []Fight
	// adopted are the field managers that are taken over besides those that always are.
	adopted []string
}

// newChoice takes what the source chose as far as the operator lets it, and says where not.
func newChoice(in *Input) (Choice, problem.List) {
	var problems problem.List
	c := Choice{Ownership: in.Policy.Ownership}
	if in.Existing != nil {
		c.Fights = in.Existing.Fights
	}
	if in.Policy.Adoption != nil {
		c.adopted = in.Policy.Adoption.Managers
	}
	chosen := Then(in.Request.Conflicts)
	switch {
	case chosen == "":
	case slices.Contains(c.SourcesMay, chosen):
		c.Source = chosen
	default:
		problems.Add(problem.Problem{
			Severity: problem.Warning, Key: annotations.ConflictsKey, Path: "metadata.annotations[" + annotations.ConflictsKey + "]", Value: string(chosen), Allowed: allowedThens(c.SourcesMay),
			Reason: problem.BadConfig, Message: "the operator doesn't let objects choose this; it has no effect",
		})
	}
	return c, problems
}

func allowedThens(may []Then) string {
	if len(may) == 0 {
		return "nothing, by ownership.sourcesMay"
	}
	texts := make([]string, len(may))
	for i, then := range may {
		texts[i] = string(then)
	}
	return strings.Join(texts, ", ")
}

// about says what is done about a field that a holder has with another value, and by which rule: the
// number of the operator's, or 0. What ties a Certificate to its source is never left to others.
func (c Choice) about(h holder, path fieldpath.Path) (then Then, rule int) {
	if identity(path) {
		return Force, 0
	}
	for i, r := range c.Rules {
		if r.matches(h, path) {
			return r.Then, i + 1
		}
	}
	switch {
	case c.takes(h):
		return Force, 0
	case c.Source != "":
		return c.Source, 0
	case h.operation == byApply:
		return Yield, 0
	}
	return Force, 0
}

// keyed are the fields that are maps of keys of anybody's.
func keyed() []string {
	return []string{"metadata.labels", "metadata.annotations", "spec.secretTemplate.labels", "spec.secretTemplate.annotations"}
}

// SetFields lists the fields that certshim sets and that a rule may name, without the keys of maps.
func SetFields() []string {
	return slices.Concat(keyed(), []string{
		"spec", "spec.commonName", "spec.dnsNames", "spec.duration", "spec.emailAddresses", "spec.ipAddresses",
		"spec.issuerRef", "spec.issuerRef.group", "spec.issuerRef.kind", "spec.issuerRef.name",
		"spec.privateKey", "spec.privateKey.algorithm", "spec.privateKey.encoding", "spec.privateKey.rotationPolicy", "spec.privateKey.size",
		"spec.renewBefore", "spec.renewBeforePercentage", "spec.revisionHistoryLimit", "spec.secretTemplate",
		"spec.subject", "spec.subject.countries", "spec.subject.localities", "spec.subject.organizationalUnits", "spec.subject.organizations",
		"spec.subject.postalCodes", "spec.subject.provinces", "spec.subject.serialNumber", "spec.subject.streetAddresses",
		"spec.uris", "spec.usages",
	})
}

// FieldPrefix is a field with all that is in it; [ParseField] makes it.
type FieldPrefix struct{ path fieldpath.Path }

// ParseField reads a field as rules name it: spec.duration, spec.subject, metadata.labels[team]. The key of a map
// stands in brackets, since it may have dots.
func ParseField(text string) (FieldPrefix, error) {
	name, key, hasKey := strings.Cut(text, "[")
	key, closed := strings.CutSuffix(key, "]")
	switch {
	case hasKey && (!closed || key == "" || !slices.Contains(keyed(), name)):
		return FieldPrefix{}, errors.New("only the key of a map stands in brackets, such as metadata.labels[team]")
	case slices.ContainsFunc(keyed(), func(of string) bool { return strings.HasPrefix(name, of+".") }):
		return FieldPrefix{}, errors.New("the key of a map must stand in brackets, such as metadata.labels[team]")
	case name == "spec.secretName", strings.HasPrefix(name, "metadata.ownerReferences"):
		return FieldPrefix{}, errors.New("it ties a Certificate to its source, and is never left to others")
	case !slices.Contains(SetFields(), name):
		return FieldPrefix{}, errors.New("must be a field that certshim sets, such as spec.duration or metadata.labels[team]")
	}
	var path fieldpath.Path
	for element := range strings.SplitSeq(name, ".") {
		path = append(path, fieldpath.FieldNameElement(element))
	}
	if hasKey {
		path = append(path, fieldpath.FieldNameElement(key))
	}
	return FieldPrefix{path}, nil
}
