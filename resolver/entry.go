package resolver

import (
	"errors"
	"fmt"
	"slices"
	"strings"

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

// fault is what is wrong at a path of a declaration.
type fault struct {
	path string
	err  error
}

// check says what is wrong with an entry as a declaration.
func (e Entry) check() error {
	var errs []error
	for _, fault := range e.faults() {
		errs = append(errs, fmt.Errorf("issuer type %s of group %s: %s: %w", e.ID, problem.Quote(e.Group), fault.path, fault.err))
	}
	return errors.Join(errs...)
}

func (e Entry) faults() []fault {
	var faults []fault
	wrong := func(path string, err error) {
		if err != nil {
			faults = append(faults, fault{path: path, err: err})
		}
	}
	if e.ID == "" {
		wrong("metadata.name", errors.New("it has no name"))
	}
	wrong("spec.group", e.checkGroup())
	if len(e.Versions) == 0 || slices.Contains(e.Versions, "") {
		wrong("spec.versions", errors.New("it names no version"))
	}
	if len(e.Kinds) == 0 {
		wrong("spec.kinds", errors.New("it names no kind"))
	}
	for i, kind := range e.Kinds {
		wrong(fmt.Sprintf("spec.kinds[%d]", i), kind.check())
	}
	wrong("spec.readiness", e.Readiness.check())
	wrong("spec.constraints", e.Constraints.check())
	wrong("spec.recommend", e.Recommend.check(everything))
	wrong("spec.defaults", e.Defaults.check(everything))
	for i, variant := range e.Variants {
		wrong(fmt.Sprintf("spec.variants[%d]", i), variant.check())
	}
	for i, annotation := range e.Annotations {
		wrong(fmt.Sprintf("spec.annotations[%d]", i), annotation.check())
	}
	if !slices.Contains([]Approver{"", ByCertManager, ByItself, ByNobody}, e.Approval.By) {
		wrong("spec.approval.by", fmt.Errorf("%q is none of %s, %s, %s", e.Approval.By, ByCertManager, ByItself, ByNobody))
	}
	for i, c := range e.Cases {
		wrong(fmt.Sprintf("spec.tests[%d]", i), c.check())
	}
	return faults
}

// everything is the grant of a file of the operator's own.
var everything = Grant{Values: ValueFields(), MayRefuse: true}

func (e Entry) checkGroup() error {
	switch {
	case !isSubdomain(e.Group):
		return fmt.Errorf("%q is not an API group; it is written without a version, such as awspca.cert-manager.io", e.Group)
	case e.Group == CertManagerGroup && !e.builtin:
		return fmt.Errorf("%s is built in and can't be declared", e.Group)
	}
	return nil
}

func (k KindEntry) check() error {
	switch {
	case !isKind(k.Kind):
		return fmt.Errorf("kind %q is not a kind; it is written in CamelCase", k.Kind)
	case k.Resource == "":
		return fmt.Errorf("kind %s: it names no resource", k.Kind)
	case k.Scope != Namespaced && k.Scope != Cluster:
		return fmt.Errorf("kind %s: scope %q is neither %s nor %s", k.Kind, k.Scope, Namespaced, Cluster)
	}
	return nil
}

func (a ReadAnnotation) check() error {
	domain, _, found := strings.Cut(a.Key, "/")
	if !isSubdomain(strings.TrimSuffix(domain, ".")) || (!found && !strings.HasSuffix(a.Key, ".")) {
		return fmt.Errorf("%q is no annotation key, and no prefix that ends in / or", a.Key)
	}
	if a.Doc == "" {
		return fmt.Errorf("the annotation %s has no doc", a.Key)
	}
	return nil
}

func (v Variant) check() error {
	errs := []error{v.Constraints.check(), v.Recommend.check(everything), v.Defaults.check(everything)}
	if _, err := compile(v.When); err != nil {
		errs = append(errs, fmt.Errorf("when: %w", err))
	}
	for _, path := range v.Drop {
		if !slices.Contains(droppable(), path) {
			errs = append(errs, fmt.Errorf("%q can't be dropped, must be one of %s", path, strings.Join(droppable(), ", ")))
		}
	}
	return errors.Join(errs...)
}
