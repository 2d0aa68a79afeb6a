package configuration

import (
	"fmt"
	"maps"
	"slices"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/routes"
)

// RouteNames says which names routes may bring.
type RouteNames struct {
	// Kinds of routes: HTTPRoute, GRPCRoute, TLSRoute.
	Kinds []string `yaml:"kinds"`
	// Namespaces maps the namespaces of routes to the domains of which they may bring names, with all that is
	// under them. Without any, routes aren't even read.
	Namespaces map[string][]string `yaml:"namespaces,omitempty"`
	// NamesPerCertificate is how many names a Certificate may have with those of routes, unless its issuer
	// signs fewer; NamesPerNamespace how many of them one namespace may bring.
	NamesPerCertificate int `yaml:"namesPerCertificate"`
	NamesPerNamespace   int `yaml:"namesPerNamespace"`
	// Wildcard is what becomes of the wildcard of a listener whose routes bring names: keep or replace.
	Wildcard WildcardChoice `yaml:"wildcard"`
}

// WildcardChoice is what becomes of the wildcard of a listener.
type WildcardChoice string

// The choices.
const (
	KeepWildcards    WildcardChoice = "keep"
	ReplaceWildcards WildcardChoice = "replace"
)

// routeNames is what decisions follow, nil while routes bring no names.
func (g GatewayAPI) routeNames() *certshim.RouteNames {
	r := g.RouteNames
	if len(r.Namespaces) == 0 || len(r.Kinds) == 0 {
		return nil
	}
	return &certshim.RouteNames{
		Kinds: r.Kinds, Suffixes: r.Namespaces, Limits: routes.Limits{Certificate: r.NamesPerCertificate, Namespace: r.NamesPerNamespace},
		ReplaceWildcards: r.Wildcard == ReplaceWildcards,
	}
}

func (r RouteNames) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	for i, kind := range r.Kinds {
		if !slices.Contains(routes.Kinds(), kind) {
			all.Add(fmt.Sprintf("kinds[%d]", i), declaration.NoneOf(kind, routes.Kinds()))
		}
	}
	for _, namespace := range slices.Sorted(maps.Keys(r.Namespaces)) {
		all.Addf(!isLabel(namespace), "namespaces", "%s is no namespace, which has lower-case letters, digits and '-', such as shop", problem.Quote(namespace))
		all.AddUnder("namespaces."+namespace, checkDomains(r.Namespaces[namespace]))
	}
	all.Addf(r.NamesPerCertificate < 1, "namesPerCertificate", "%d, must be 1 or more", r.NamesPerCertificate)
	all.Addf(r.NamesPerNamespace < 1, "namesPerNamespace", "%d, must be 1 or more", r.NamesPerNamespace)
	if choices := []WildcardChoice{KeepWildcards, ReplaceWildcards}; !slices.Contains(choices, r.Wildcard) {
		all.Add("wildcard", declaration.NoneOf(r.Wildcard, choices))
	}
	return all
}
