package resolver

import (
	"fmt"
	"slices"
)

// Level says who declared an issuer type. A higher level wins whole.
type Level int

// The levels, lowest first.
const (
	LevelShipped Level = iota
	LevelOperator
)

// Entry is one declared issuer type: a group and the issuer kinds in it.
type Entry struct {
	// ID is its short name, unique within a level.
	ID    string
	Title string
	// Group is the API group, without a version.
	Group string
	// Versions are the API versions that are known, the preferred one first.
	Versions []string
	Kinds    []KindEntry
	// Notes say what to know of its issuers, one sentence an item.
	Notes []string
	// Docs is where its own documentation is.
	Docs  string
	Level Level
}

// KindEntry is one kind of an issuer type.
type KindEntry struct {
	Kind, Resource string
	Scope          Scope
}

// check says what is wrong with an entry as a declaration.
func (e Entry) check() error {
	switch {
	case e.ID == "":
		return fmt.Errorf("issuer type of group %q: it has no name", e.Group)
	case !isSubdomain(e.Group):
		return fmt.Errorf("issuer type %s: group %q is not an API group; it is written without a version, such as awspca.cert-manager.io", e.ID, e.Group)
	case e.Group == CertManagerGroup:
		return fmt.Errorf("issuer type %s: group %s is built in and can't be declared", e.ID, e.Group)
	case len(e.Versions) == 0 || slices.Contains(e.Versions, ""):
		return fmt.Errorf("issuer type %s: it names no version", e.ID)
	case len(e.Kinds) == 0:
		return fmt.Errorf("issuer type %s: it names no kind", e.ID)
	}
	for _, kind := range e.Kinds {
		if err := kind.check(); err != nil {
			return fmt.Errorf("issuer type %s: %w", e.ID, err)
		}
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
