package plugintest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/resolver"
)

// Fixture describes what the plugin under test knows, so that its answers can be checked.
type Fixture struct {
	// Grant is what the plugin is granted, as in certshim's configuration.
	Grant GrantFixture `yaml:"grant"`
	// Issuers names, for each kind, issuers in the states that the cases need.
	Issuers []IssuerFixture `yaml:"issuers"`
	// Change is a shell command that changes what the plugin states about an issuer, each time
	// it runs. Without it, the cases about changes are skipped.
	Change string `yaml:"change"`
	// Storm is a shell command that makes 1,000 changes as fast as it can. Without it, the case
	// about storms is skipped.
	Storm string `yaml:"storm"`
	// Restart is a shell command that kills the plugin (SIGKILL) and starts it again, Stop one
	// that ends it (SIGTERM). Without them, those cases are skipped.
	Restart string `yaml:"restart"`
	Stop    string `yaml:"stop"`
	// Output is a shell command that prints the plugin's standard output so far. Without it, the
	// case about output is skipped.
	Output string `yaml:"output"`
	// Timeout is the deadline of a question; 0 means 2s.
	Timeout time.Duration `yaml:"timeout"`
}

// GrantFixture is a grant, written as in certshim's configuration.
type GrantFixture struct {
	Kinds       []KindFixture         `yaml:"kinds"`
	Defaults    []resolver.ValueField `yaml:"defaults"`
	MayRefuse   bool                  `yaml:"mayRefuse"`
	Annotations []string              `yaml:"annotations"`
	Observe     resolver.Observe      `yaml:"observe"`
}

// KindFixture is an issuer kind.
type KindFixture struct {
	Group string         `yaml:"group"`
	Kind  string         `yaml:"kind"`
	Scope resolver.Scope `yaml:"scope"`
	// Resource and Versions, like Observe in the grant, are accepted so that a grant can be
	// copied from certshim's configuration.
	Resource string   `yaml:"resource"`
	Versions []string `yaml:"versions"`
}

// IssuerFixture names issuers of one kind. If a name is empty, the cases that need it are
// skipped.
type IssuerFixture struct {
	// Kind is one of the kinds in the grant.
	Kind string `yaml:"kind"`
	// Namespace of the issuers, if the kind is namespaced.
	Namespace string `yaml:"namespace"`
	// Ready can sign, Unready can't, Missing doesn't exist, and Restricted is only for some
	// namespaces.
	Ready      string `yaml:"ready"`
	Unready    string `yaml:"unready"`
	Missing    string `yaml:"missing"`
	Restricted string `yaml:"restricted"`
	// Observed maps issuers' names to their objects, for a plugin that reads them.
	Observed map[string]map[string]any `yaml:"observed"`
}

// ReadFixture decodes a fixture strictly. The error lists all mistakes, each with its line in
// the file.
func ReadFixture(data []byte, file string) (Fixture, error) {
	var f Fixture
	document, err := declaration.Read(data, file, "a fixture")
	if err != nil {
		return f, err
	}
	return f, document.Decode(&f, f.mistakes)
}

func (f *Fixture) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	all.Addf(len(f.Grant.Kinds) == 0, "grant.kinds", "it is empty, must have the plugin's kinds")
	scopes := []resolver.Scope{resolver.Namespaced, resolver.Cluster}
	for i, kind := range f.Grant.Kinds {
		if !slices.Contains(scopes, kind.Scope) {
			all.Add(fmt.Sprintf("grant.kinds[%d].scope", i), declaration.NoneOf(kind.Scope, scopes))
		}
	}
	all.Addf(len(f.Issuers) == 0, "issuers", "it is empty, must name at least one issuer that is ready")
	for i, set := range f.Issuers {
		all.AddUnder(fmt.Sprintf("issuers[%d]", i), f.mistakesOf(set))
	}
	return all
}

func (f Fixture) mistakesOf(set IssuerFixture) declaration.Mistakes {
	var all declaration.Mistakes
	kind, known := f.kind(set.Kind)
	if !known {
		var kinds []string
		for _, granted := range f.Grant.Kinds {
			kinds = append(kinds, granted.Kind)
		}
		all.Add("kind", fmt.Errorf("%w: the grant has no such kind", declaration.NoneOf(set.Kind, kinds)))
		return all
	}
	all.Addf((kind.Scope == resolver.Namespaced) != (set.Namespace != ""), "namespace", "a namespace goes with a namespaced kind, and with no other")
	all.Addf(set.Ready == "", "ready", "it names no issuer")
	return all
}

func (f Fixture) kind(name string) (resolver.DescribedKind, bool) {
	for _, kind := range f.kinds() {
		if kind.Kind == name {
			return kind, true
		}
	}
	return resolver.DescribedKind{}, false
}

func (f Fixture) kinds() []resolver.DescribedKind {
	kinds := make([]resolver.DescribedKind, 0, len(f.Grant.Kinds))
	for _, k := range f.Grant.Kinds {
		kinds = append(kinds, resolver.DescribedKind{GroupKind: resolver.GroupKind{Group: k.Group, Kind: k.Kind}, Scope: k.Scope})
	}
	return kinds
}

func (f Fixture) grant() resolver.Grant {
	return resolver.Grant{Values: f.Grant.Defaults, MayRefuse: f.Grant.MayRefuse, Annotations: f.Grant.Annotations}
}

// question returns a query about the issuer of that name.
func (s IssuerFixture) question(f Fixture, name string) resolver.Query {
	kind, _ := f.kind(s.Kind)
	q := resolver.Query{
		Issuer: resolver.IssuerKey{GroupKind: kind.GroupKind, Namespace: s.Namespace, Name: name}, Scope: kind.Scope,
	}
	if object, has := s.Observed[name]; has {
		// A value decoded from YAML can always be encoded.
		q.Observed, _ = json.Marshal(object)
	}
	return q
}

// named returns queries about every existing issuer; all includes the missing ones.
func (f Fixture) named() []resolver.Query {
	return slices.Concat(f.some(ready), f.some(unready), f.some(restricted))
}

func (f Fixture) all() []resolver.Query { return append(f.named(), f.some(missing)...) }

// some returns queries about the issuers in one state.
func (f Fixture) some(state func(IssuerFixture) string) []resolver.Query {
	var some []resolver.Query
	for _, set := range f.Issuers {
		if name := state(set); name != "" {
			some = append(some, set.question(f, name))
		}
	}
	return some
}
