package resolver

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
)

// Level says who declared an issuer type. A higher level wins whole.
type Level int

// The levels, lowest first.
const (
	LevelShipped Level = iota
	LevelCompiled
	LevelOperator
)

// Entry is one declared issuer type: a group, the issuer kinds in it, and what is known of
// them. Its fields are described, for those who write them, in docs/issuers/schema.md.
type Entry struct {
	// ID is its short name, unique within a level.
	ID    string
	Title string
	// Group is the API group, without a version.
	Group string
	// Versions are the API versions that are known, the preferred one first.
	Versions []string
	Kinds    []KindEntry

	Readiness   ReadinessRule
	Constraints Constraints
	// Recommend are values that are good for its issuers, set where the operator opts in.
	Recommend Recommendation
	// Defaults are values that are set where the source has none.
	Defaults Values
	// Variants change what is said of an issuer by its object; the first that fits counts.
	Variants []Variant
	// Annotations are those that its controller reads from a Certificate.
	Annotations []ReadAnnotation
	Approval    Approval
	// Example are annotations of a source that name such an issuer.
	Example map[string]string
	Cases   []Case

	// Notes say what to know of its issuers, one sentence an item.
	Notes []string
	// Docs is where its own documentation is; Verified how what is said here was.
	Docs, Verified string
	// File it was read from; "" for one that is made in Go.
	File  string
	Level Level

	builtin bool
}

// KindEntry is one kind of an issuer type.
type KindEntry struct {
	Kind     string `yaml:"kind"`
	Resource string `yaml:"resource"`
	Scope    Scope  `yaml:"scope"`
	// Former is a kind of older releases: known, and never suggested or completed to.
	Former bool `yaml:"former"`
}

// Recommendation are values and why they are good.
type Recommendation struct {
	Values `yaml:",inline"`
	Why    string `yaml:"why"`
}

// Variant is what holds, in place of the rest, for issuers on whose object When is true.
type Variant struct {
	// Name says in words which issuers they are; for the page alone.
	Name string `yaml:"name"`
	// When is a CEL expression over the variable object.
	When string `yaml:"when"`
	// Drop takes away rules and values: constraints.keys, recommend, defaults.usages.
	Drop []string `yaml:"drop"`
	// Constraints replace the rules of the same name.
	Constraints Constraints `yaml:"constraints"`
	// Recommend and Defaults replace the whole, where they aren't empty.
	Recommend Recommendation `yaml:"recommend"`
	Defaults  Values         `yaml:"defaults"`
}

// ReadAnnotation is an annotation that an issuer's controller reads from a Certificate: an
// exact key, or a prefix that ends in "/" or ".".
type ReadAnnotation struct {
	Key     string `yaml:"key"`
	Doc     string `yaml:"doc"`
	Example string `yaml:"example"`
}

// Copied says whether the annotation can be copied from a source for this issuer: exact
// keys, and none to which cert-manager or Kubernetes give a meaning.
func (a ReadAnnotation) Copied() bool { return !isPrefix(a.Key) && CheckCopiedKey(a.Key) == nil }

// Approval says who approves the CertificateRequests of an issuer.
type Approval struct {
	By Approver `yaml:"by"`
}

// Approver is who approves requests.
type Approver string

// The approvers. ByCertManager is the default: its internal approver, or another, acts on
// the signer names of [Entry.Signers].
const (
	ByCertManager Approver = "CertManager"
	ByItself      Approver = "Itself"
	ByNobody      Approver = "None"
)

// Signers are the names that cert-manager's approver must be allowed to approve.
func (e Entry) Signers() []string {
	var signers []string
	for _, kind := range e.Kinds {
		signers = append(signers, kind.Resource+"."+e.Group+"/*")
	}
	return signers
}

// check says what is wrong with an entry as a declaration.
func (e Entry) check() error {
	var errs []error
	for _, mistake := range e.mistakes() {
		errs = append(errs, fmt.Errorf("issuer type %s of group %s: %w", e.ID, problem.Quote(e.Group), mistake))
	}
	return problem.Join(errs...)
}

func (e Entry) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	all.Add("metadata.name", e.checkName())
	all.Add("spec.group", e.checkGroup())
	all.AddUnder("spec", e.kindMistakes())
	all.AddUnder("spec.readiness", e.Readiness.mistakes())
	all.AddUnder("spec.constraints", e.Constraints.mistakes())
	all.AddUnder("spec.recommend", e.Recommend.mistakes())
	all.AddUnder("spec.defaults", e.Defaults.mistakes())
	for i, variant := range e.Variants {
		all.AddUnder(fmt.Sprintf("spec.variants[%d]", i), variant.mistakes())
	}
	all.AddUnder("spec.annotations", e.annotationMistakes())
	if approvers := []Approver{ByCertManager, ByItself, ByNobody}; e.Approval.By != "" && !slices.Contains(approvers, e.Approval.By) {
		all.Add("spec.approval.by", declaration.NoneOf(e.Approval.By, approvers))
	}
	all.AddUnder("spec.tests", declaration.CheckCases(e.Cases))
	for i, c := range e.Cases {
		all.AddUnder(fmt.Sprintf("spec.tests[%d]", i), c.mistakes())
	}
	if len(all) == 0 {
		all.AddUnder("spec", e.contradictions())
	}
	return all
}

func (e Entry) checkName() error {
	if !isSubdomain(e.ID) {
		return fmt.Errorf("%s is no short name, which has lower-case letters, digits, '-' and '.', such as corp-ca", problem.Quote(e.ID))
	}
	return nil
}

func (e Entry) checkGroup() error {
	switch {
	case !isSubdomain(e.Group):
		return fmt.Errorf("%q is not an API group; it is written without a version, such as awspca.cert-manager.io", e.Group)
	case e.Group == CertManagerGroup && !e.builtin:
		return fmt.Errorf("%s is built in and can't be declared", e.Group)
	}
	return nil
}

// CheckKind says all that is wrong with a kind as the cluster serves it, wherever it is
// declared; at is the path there, to which the names of its fields are added.
func CheckKind(at, group string, versions []string, kind KindEntry) error {
	var all declaration.Mistakes
	all.Add(at+".group", Entry{Group: group}.checkGroup())
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

// kindFaults are those of the versions and kinds.
func (e Entry) kindMistakes() declaration.Mistakes {
	all := versionMistakes(e.Versions)
	if len(e.Kinds) == 0 {
		all.Add("kinds", errors.New("it names no kind"))
	}
	for i, kind := range e.Kinds {
		path := fmt.Sprintf("kinds[%d]", i)
		all.AddUnder(path, kind.mistakes())
		if slices.ContainsFunc(e.Kinds[:i], func(before KindEntry) bool { return before.Kind == kind.Kind }) {
			all.Add(path+".kind", fmt.Errorf("%s stands there twice", problem.Quote(kind.Kind)))
		}
		if slices.ContainsFunc(e.Kinds[:i], func(before KindEntry) bool { return before.Resource == kind.Resource }) {
			all.Add(path+".resource", fmt.Errorf("%s is that of another kind, too", problem.Quote(kind.Resource)))
		}
	}
	return all
}

func (k KindEntry) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	if !isKind(k.Kind) {
		all.Add("kind", fmt.Errorf("%s is not a kind; it is written in CamelCase, such as CorpIssuer", problem.Quote(k.Kind)))
	}
	if !isSubdomain(k.Resource) {
		all.Add("resource", fmt.Errorf("%s is no resource; it is the plural of the kind, in lower case, such as %s",
			problem.Quote(k.Resource), strings.ToLower(orElse(k.Kind, "CorpIssuer"))+"s"))
	}
	if scopes := []Scope{Namespaced, Cluster}; !slices.Contains(scopes, k.Scope) {
		all.Add("scope", declaration.NoneOf(k.Scope, scopes))
	}
	return all
}

func (e Entry) annotationMistakes() declaration.Mistakes {
	var all declaration.Mistakes
	for i, annotation := range e.Annotations {
		path := fmt.Sprintf("[%d]", i)
		all.Add(path, annotation.check())
		// A prefix is for the page alone, and so are the keys that cert-manager's own issuers read.
		if annotation.check() == nil && !isPrefix(annotation.Key) && !e.builtin {
			all.Add(path+".key", CheckCopiedKey(annotation.Key))
		}
		if slices.ContainsFunc(e.Annotations[:i], func(before ReadAnnotation) bool { return before.Key == annotation.Key }) {
			all.Add(path+".key", fmt.Errorf("%s stands there twice", problem.Quote(annotation.Key)))
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

// notDroppable names the one that is meant, written without what it stands in, or all.
func notDroppable(path string) error {
	for _, known := range droppable() {
		if strings.HasSuffix(known, "."+path) {
			return fmt.Errorf("%s can't be dropped, did you mean %q?", problem.Quote(path), known)
		}
	}
	return declaration.NoneOf(path, droppable())
}

// contradictions are values that break rules of the same declaration.
func (e Entry) contradictions() declaration.Mistakes {
	var all declaration.Mistakes
	base := said{constraints: e.Constraints, recommend: e.Recommend, defaults: e.Defaults}
	all.AddUnder("", base.contradictions())
	for i, variant := range e.Variants {
		if part := base.with(variant).contradictions(); len(part) > 0 && len(base.contradictions()) == 0 {
			all.Add(fmt.Sprintf("variants[%d]", i), part.Err())
		}
	}
	return all
}

func (s said) contradictions() declaration.Mistakes {
	var all declaration.Mistakes
	for path, values := range map[string]Values{"recommend": s.recommend.Values, "defaults": s.defaults} {
		for _, broken := range s.constraints.Violations(values.facts()) {
			field, _, _ := strings.Cut(broken.Field, ".")
			if slices.Contains(values.Set(), ValueField(field)) {
				all.Add(path+"."+field, fmt.Errorf("it breaks the rule %s of the same declaration, which allows %s",
					broken.Rule, orElse(broken.Allowed, "none")))
			}
		}
	}
	return all
}

// facts are those of a Certificate that has the values and nothing else.
func (v Values) facts() Facts {
	facts := Facts{Key: v.PrivateKey.Algorithm, Duration: v.Duration, RenewBefore: v.RenewBefore, CommonNameIsSAN: true}
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
