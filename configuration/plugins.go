package configuration

import (
	"fmt"
	"slices"
	"time"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// Plugin is a resolver plugin: a program beside this one, on a socket.
type Plugin struct {
	// Name is a DNS label: it is used in metrics, logs and problems of issuers.
	Name string `yaml:"name"`
	// Socket is the path of the Unix domain socket on which the plugin listens.
	Socket string `yaml:"socket"`
	// UID is the user that the plugin must run as. Left out, it is certshim's own where anybody may write in the socket's
	// folder, as in an emptyDir, and any elsewhere.
	UID *int `yaml:"uid,omitempty"`
	// Timeout is the deadline of a question, 100ms to 10s; 0 is 2s.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// OnUnavailable is what becomes of new Certificates while the plugin has said nothing yet of
	// their issuer: Hold or Proceed. By default they are held if the grant has defaults or
	// mayRefuse.
	OnUnavailable Unavailable `yaml:"onUnavailable,omitempty"`
	Grant         Grant       `yaml:"grant"`
}

// Unavailable says what becomes of new Certificates while a plugin has said nothing yet.
type Unavailable string

// The choices. An existing Certificate is never touched by it.
const (
	UnavailableByGrant Unavailable = ""
	UnavailableHold    Unavailable = "Hold"
	UnavailableProceed Unavailable = "Proceed"
)

// Grant is all that a plugin may do. An answer beyond it is refused whole.
type Grant struct {
	// Kinds are those that it speaks for, and nobody else does.
	Kinds []GrantedKind `yaml:"kinds"`
	// Observe is how much of an issuer's object it sees: None, Status (the default) or Full.
	Observe resolver.Observe `yaml:"observe,omitempty"`
	// Defaults are the fields for which it may say what new Certificates get.
	Defaults []resolver.ValueField `yaml:"defaults,omitempty"`
	// MayRefuse lets it rule out Certificates that its issuers can't sign.
	MayRefuse bool `yaml:"mayRefuse,omitempty"`
	// Annotations are keys, or prefixes that end in "/" or ".", of annotations that its issuers
	// read from a Certificate.
	Annotations []string `yaml:"annotations,omitempty"`
}

// GrantedKind is an issuer kind, as the cluster serves it.
type GrantedKind struct {
	Group    string         `yaml:"group"`
	Kind     string         `yaml:"kind"`
	Resource string         `yaml:"resource"`
	Versions []string       `yaml:"versions"`
	Scope    resolver.Scope `yaml:"scope"`
}

const (
	minPluginTimeout = 100 * time.Millisecond
	maxPluginTimeout = 10 * time.Second
	// maxSocketPath is what the kernel takes.
	maxSocketPath = 107
)

func (p Plugin) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	all.Addf(!isLabel(p.Name), "name", "%s is no DNS label, such as corp-ca", problem.Quote(p.Name))
	all.Addf(p.Socket == "" || p.Socket[0] != '/', "socket", "%s, must be an absolute path", problem.Quote(p.Socket))
	all.Addf(len(p.Socket) > maxSocketPath, "socket", "it has %d bytes, must have at most %d", len(p.Socket), maxSocketPath)
	all.Addf(p.Timeout != 0 && (p.Timeout < minPluginTimeout || p.Timeout > maxPluginTimeout),
		"timeout", "%s, must be %s to %s", p.Timeout, minPluginTimeout, maxPluginTimeout)
	if choices := []Unavailable{UnavailableHold, UnavailableProceed}; p.OnUnavailable != UnavailableByGrant && !slices.Contains(choices, p.OnUnavailable) {
		all.Add("onUnavailable", declaration.NoneOf(p.OnUnavailable, choices))
	}
	all.AddUnder("grant", p.Grant.mistakes())
	return all
}

func (g Grant) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	all.Addf(len(g.Kinds) == 0, "kinds", "it is empty, must have the kinds that the plugin speaks for")
	for i, kind := range g.Kinds {
		at := fmt.Sprintf("kinds[%d]", i)
		all.AddEach("", resolver.CheckKind(at, kind.Group, kind.Versions, kind.entry()))
		all.Addf(slices.ContainsFunc(g.Kinds[:i], kind.same), at, "%s of group %s is listed twice", kind.Kind, kind.Group)
	}
	all.AddUnder("", g.fieldMistakes())
	return all
}

func (g Grant) fieldMistakes() declaration.Mistakes {
	var all declaration.Mistakes
	if choices := []resolver.Observe{resolver.ObserveNone, resolver.ObserveStatus, resolver.ObserveFull}; g.Observe != "" && !slices.Contains(choices, g.Observe) {
		all.Add("observe", declaration.NoneOf(g.Observe, choices))
	}
	for i, field := range g.Defaults {
		if !slices.Contains(resolver.ValueFields(), field) {
			all.Add(fmt.Sprintf("defaults[%d]", i), declaration.NoneOf(field, resolver.ValueFields()))
		}
	}
	for i, key := range g.Annotations {
		all.Add(fmt.Sprintf("annotations[%d]", i), resolver.CheckCopiedKey(key))
	}
	return all
}

// Resolver is the grant as resolvers know it.
func (g Grant) Resolver() resolver.Grant {
	return resolver.Grant{Values: g.Defaults, MayRefuse: g.MayRefuse, Annotations: g.Annotations}
}

// DescribedKinds are the kinds of the grant as resolvers know them.
func (g Grant) DescribedKinds() []resolver.DescribedKind {
	var kinds []resolver.DescribedKind
	for _, kind := range g.Kinds {
		kinds = append(kinds, resolver.DescribedKind{GroupKind: resolver.GroupKind{Group: kind.Group, Kind: kind.Kind}, Scope: kind.Scope})
	}
	return kinds
}

// entry is how the cluster serves the kind.
func (k GrantedKind) entry() resolver.DeclaredKind {
	return resolver.DeclaredKind{Kind: k.Kind, Resource: k.Resource, Scope: k.Scope}
}

func (k GrantedKind) same(other GrantedKind) bool {
	return k.Group == other.Group && k.Kind == other.Kind
}

// types are the kinds that a plugin speaks for, as issuer types: one a group and list of
// versions.
func (p Plugin) types() []resolver.IssuerType {
	var types []resolver.IssuerType
	for _, kind := range p.Grant.Kinds {
		i := slices.IndexFunc(types, func(e resolver.IssuerType) bool {
			return e.Group == kind.Group && slices.Equal(e.Versions, kind.Versions)
		})
		if i >= 0 {
			types[i].Kinds = append(types[i].Kinds, kind.entry())
			continue
		}
		types = append(types, resolver.IssuerType{
			ID: p.Name, Title: "issuers of the plugin " + p.Name, Group: kind.Group, Versions: kind.Versions,
			Kinds: []resolver.DeclaredKind{kind.entry()}, Level: resolver.LevelOperator,
		})
	}
	return types
}
