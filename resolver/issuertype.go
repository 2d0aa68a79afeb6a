package resolver

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
)

// Level says who declared an issuer type. A type of a higher level replaces one of a lower level
// as a whole.
type Level int

// The levels, lowest first.
const (
	LevelShipped Level = iota
	LevelCompiled
	LevelOperator
)

// IssuerType is a declared issuer type: an API group, its issuer kinds, and what is known about them.
// docs/issuers/schema.md describes the fields for authors.
type IssuerType struct {
	// ID is its short name, unique within a level.
	ID    string
	Title string
	// Group is the API group, without a version.
	Group string
	// Versions are the known API versions, the preferred one first.
	Versions []string
	Kinds    []DeclaredKind

	Readiness   ReadinessRule
	Constraints Constraints
	// Recommend has values that suit its issuers, set only if the operator opts in.
	Recommend Recommendation
	// Defaults are set where the source sets no value.
	Defaults Values
	// Variants modify the above for issuers whose object matches; the first match counts.
	Variants []Variant
	// ProvesByRoute is a CEL expression over the variable object, "" for none: whether the issuer proves each name by an
	// HTTPRoute that attaches to the Gateway or ListenerSet that asks, and to nothing else.
	ProvesByRoute string
	// Annotations are those that its controller reads from a Certificate.
	Annotations []ReadAnnotation
	Approval    Approval
	// Example has the annotations of a source that names such an issuer.
	Example map[string]string
	Cases   []Case

	// Notes are remarks about its issuers, one sentence each.
	Notes []string
	// Docs is the URL of its documentation; Verified says how the declaration was checked.
	Docs, Verified string
	// File is where it was read from, "" if it was built in Go.
	File  string
	Level Level

	builtin bool
}

// DeclaredKind is one kind of an issuer type.
type DeclaredKind struct {
	Kind     string `yaml:"kind"`
	Resource string `yaml:"resource"`
	Scope    Scope  `yaml:"scope"`
	// Former marks a kind of older releases: known, but never suggested or completed to.
	Former bool `yaml:"former"`
}

// Recommendation holds recommended values and the reason for them.
type Recommendation struct {
	Values `yaml:",inline"`
	Why    string `yaml:"why"`
}

// Variant modifies an issuer type for those issuers whose object fulfils When.
type Variant struct {
	// Name describes these issuers, for the documentation page only.
	Name string `yaml:"name"`
	// When is a CEL expression over the variable object.
	When string `yaml:"when"`
	// Drop removes rules and values: constraints.keys, recommend, defaults.usages.
	Drop []string `yaml:"drop"`
	// Constraints replace the rules of the same name.
	Constraints Constraints `yaml:"constraints"`
	// Recommend and Defaults each replace the type's, unless empty.
	Recommend Recommendation `yaml:"recommend"`
	Defaults  Values         `yaml:"defaults"`
}

// ReadAnnotation is an annotation that an issuer's controller reads from a Certificate: an exact
// key, or a prefix that ends in "/" or ".".
type ReadAnnotation struct {
	Key     string `json:"key"               yaml:"key"`
	Doc     string `json:"doc"               yaml:"doc"`
	Example string `json:"example,omitempty" yaml:"example"`
}

// Copied reports whether the annotation can be copied from a source: it must be an exact key
// without a meaning to cert-manager or Kubernetes.
func (a ReadAnnotation) Copied() bool { return !isPrefix(a.Key) && CheckCopiedKey(a.Key) == nil }

// Approval says who approves CertificateRequests for an issuer.
type Approval struct {
	By Approver `yaml:"by"`
}

// Approver is who approves requests.
type Approver string

// The approvers. ByCertManager is the default: an approver for the signer names of
// [IssuerType.Signers], such as cert-manager's own.
const (
	ByCertManager Approver = "CertManager"
	ByItself      Approver = "Itself"
	ByNobody      Approver = "None"
)

// Signers returns the signer names that cert-manager's approver must be allowed to approve.
func (t IssuerType) Signers() []string {
	var signers []string
	for _, kind := range t.Kinds {
		signers = append(signers, kind.Resource+"."+t.Group+"/*")
	}
	return signers
}

// check returns the mistakes in a declaration.
func (t IssuerType) check() error {
	var errs []error
	for _, mistake := range t.mistakes() {
		errs = append(errs, fmt.Errorf("issuer type %s of group %s: %w", t.ID, problem.Quote(t.Group), mistake))
	}
	return problem.Join(errs...)
}

func (t IssuerType) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	all.Add("metadata.name", t.checkName())
	all.Add("spec.group", t.checkGroup())
	all.AddUnder("spec", t.kindMistakes())
	all.AddUnder("spec.readiness", t.Readiness.mistakes())
	all.AddUnder("spec.constraints", t.Constraints.mistakes())
	all.AddUnder("spec.recommend", t.Recommend.mistakes())
	all.AddUnder("spec.defaults", t.Defaults.mistakes())
	for i, variant := range t.Variants {
		all.AddUnder(fmt.Sprintf("spec.variants[%d]", i), variant.mistakes())
	}
	if t.ProvesByRoute != "" {
		_, err := expressions.Compile(t.ProvesByRoute, declaration.Bool)
		all.Add("spec.provesByRoute", err)
	}
	all.AddUnder("spec.annotations", t.annotationMistakes())
	if approvers := []Approver{ByCertManager, ByItself, ByNobody}; t.Approval.By != "" && !slices.Contains(approvers, t.Approval.By) {
		all.Add("spec.approval.by", declaration.NoneOf(t.Approval.By, approvers))
	}
	all.AddUnder("spec.tests", declaration.CheckCases(t.Cases))
	for i, c := range t.Cases {
		all.AddUnder(fmt.Sprintf("spec.tests[%d]", i), c.mistakes())
	}
	if len(all) == 0 {
		all.AddUnder("spec", t.contradictions())
	}
	return all
}

func (t IssuerType) checkName() error {
	if !isSubdomain(t.ID) {
		return fmt.Errorf("%s is no short name, which has lower-case letters, digits, '-' and '.', such as corp-ca", problem.Quote(t.ID))
	}
	return nil
}

func (t IssuerType) checkGroup() error {
	switch {
	case !isSubdomain(t.Group):
		return fmt.Errorf("%q is not an API group; it is written without a version, such as awspca.cert-manager.io", t.Group)
	case t.Group == CertManagerGroup && !t.builtin:
		return fmt.Errorf("%s is built in and can't be declared", t.Group)
	}
	return nil
}

// CheckKind returns all mistakes in a kind that the cluster serves, wherever it is declared.
// Paths in the errors begin with at.
func CheckKind(at, group string, versions []string, kind DeclaredKind) error {
	var all declaration.Mistakes
	all.Add(at+".group", IssuerType{Group: group}.checkGroup())
	all.AddUnder(at, versionMistakes(versions))
	all.AddUnder(at, kind.mistakes())
	return all.Err()
}

func versionMistakes(versions []string) declaration.Mistakes {
	var all declaration.Mistakes
	if len(versions) == 0 {
		all.Add("versions", errors.New("it names no version, such as v1"))
	}
	for i, version := range versions {
		if !isSubdomain(version) {
			all.Add(fmt.Sprintf("versions[%d]", i), fmt.Errorf("%s is no version; it is written without the group, such as v1", problem.Quote(version)))
		}
	}
	return all
}

// kindMistakes returns the mistakes in the versions and kinds.
func (t IssuerType) kindMistakes() declaration.Mistakes {
	all := versionMistakes(t.Versions)
	if len(t.Kinds) == 0 {
		all.Add("kinds", errors.New("it names no kind"))
	}
	for i, kind := range t.Kinds {
		path := fmt.Sprintf("kinds[%d]", i)
		all.AddUnder(path, kind.mistakes())
		if slices.ContainsFunc(t.Kinds[:i], func(before DeclaredKind) bool { return before.Kind == kind.Kind }) {
			all.Add(path+".kind", fmt.Errorf("%s occurs twice", problem.Quote(kind.Kind)))
		}
		if slices.ContainsFunc(t.Kinds[:i], func(before DeclaredKind) bool { return before.Resource == kind.Resource }) {
			all.Add(path+".resource", fmt.Errorf("%s belongs to another kind too", problem.Quote(kind.Resource)))
		}
	}
	return all
}

func (k DeclaredKind) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	if !isKind(k.Kind) {
		all.Add("kind", fmt.Errorf("%s is not a kind; it is written in CamelCase, such as CorpIssuer", problem.Quote(k.Kind)))
	}
	if !isSubdomain(k.Resource) {
		all.Add("resource", fmt.Errorf("%s is no resource; it is the plural of the kind, in lower case, such as %s",
			problem.Quote(k.Resource), strings.ToLower(cmp.Or(k.Kind, "CorpIssuer"))+"s"))
	}
	if scopes := []Scope{Namespaced, Cluster}; !slices.Contains(scopes, k.Scope) {
		all.Add("scope", declaration.NoneOf(k.Scope, scopes))
	}
	return all
}

func (t IssuerType) annotationMistakes() declaration.Mistakes {
	var all declaration.Mistakes
	for i, annotation := range t.Annotations {
		path := fmt.Sprintf("[%d]", i)
		all.Add(path, annotation.check())
		// Prefixes are only documented, and so are the keys that cert-manager's own issuers
		// read.
		if annotation.check() == nil && !isPrefix(annotation.Key) && !t.builtin {
			all.Add(path+".key", CheckCopiedKey(annotation.Key))
		}
		if slices.ContainsFunc(t.Annotations[:i], func(before ReadAnnotation) bool { return before.Key == annotation.Key }) {
			all.Add(path+".key", fmt.Errorf("%s occurs twice", problem.Quote(annotation.Key)))
		}
	}
	return all
}

func (a ReadAnnotation) check() error {
	domain, _, found := strings.Cut(a.Key, "/")
	if !isSubdomain(strings.TrimSuffix(domain, ".")) || (!found && !strings.HasSuffix(a.Key, ".")) {
		return fmt.Errorf("%s is no annotation key, such as pki.corp.example/profile, and no prefix, which ends in \"/\" or \".\"", problem.Quote(a.Key))
	}
	if a.Doc == "" {
		return fmt.Errorf("the annotation %s has no doc", a.Key)
	}
	return nil
}

func (v Variant) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	_, err := expressions.Compile(v.When, declaration.Bool)
	all.Add("when", err)
	for i, path := range v.Drop {
		if !slices.Contains(droppable(), path) {
			all.Add(fmt.Sprintf("drop[%d]", i), notDroppable(path))
		}
	}
	all.AddUnder("constraints", v.Constraints.mistakes())
	all.AddUnder("recommend", v.Recommend.mistakes())
	all.AddUnder("defaults", v.Defaults.mistakes())
	return all
}

// notDroppable suggests the full path if only its end was written, else lists all paths.
func notDroppable(path string) error {
	for _, known := range droppable() {
		if strings.HasSuffix(known, "."+path) {
			return fmt.Errorf("%s can't be dropped, did you mean %q?", problem.Quote(path), known)
		}
	}
	return declaration.NoneOf(path, droppable())
}

// contradictions returns the values that break rules of the same declaration.
func (t IssuerType) contradictions() declaration.Mistakes {
	var all declaration.Mistakes
	base := profile{constraints: t.Constraints, recommend: t.Recommend, defaults: t.Defaults}
	all.AddUnder("", base.contradictions())
	for i, variant := range t.Variants {
		if part := base.with(variant).contradictions(); len(part) > 0 && len(base.contradictions()) == 0 {
			all.Add(fmt.Sprintf("variants[%d]", i), part.Err())
		}
	}
	return all
}

func (s profile) contradictions() declaration.Mistakes {
	var all declaration.Mistakes
	for path, values := range map[string]Values{"recommend": s.recommend.Values, "defaults": s.defaults} {
		for _, broken := range s.constraints.Violations(values.facts()) {
			field, _, _ := strings.Cut(broken.Field, ".")
			if slices.Contains(values.Set(), ValueField(field)) {
				all.Add(path+"."+field, fmt.Errorf("it breaks the rule %s of the same declaration, which allows %s",
					broken.Rule, cmp.Or(broken.Allowed, "none")))
			}
		}
	}
	return all
}

// facts returns the facts of a Certificate that has only these values.
func (v Values) facts() Facts {
	facts := Facts{Key: v.PrivateKey.Algorithm, Duration: v.Duration, RenewBefore: v.RenewBefore, CommonNameIsSAN: true}
	facts.RotationPolicy = v.PrivateKey.RotationPolicy
	if v.CommonName {
		facts.CommonName = "shop.example.com"
	}
	if len(v.PrivateKey.Sizes) > 0 {
		facts.KeySize = v.PrivateKey.Sizes[0]
	}
	usages := make([]any, len(v.Usages))
	for i, usage := range v.Usages {
		usages[i] = usage
	}
	facts.usages = usages
	return facts
}
