package configuration

import (
	"fmt"
	"slices"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// Surroundings are what a policy depends on beside the configuration.
type Surroundings struct {
	// Compiled are the resolvers of this program.
	Compiled []Compiled
	// Types are the issuer types that the operator's files declare, see [Resolvers.Types], and
	// SourceTypes the source types, see [Sources.Types].
	Types       []resolver.IssuerType
	SourceTypes []source.Type
	// Offline means that what isn't observed may exist all the same.
	Offline bool
}

// Compiled is a resolver that is compiled in, with the declarations of its issuer types.
type Compiled struct {
	resolver.Resolver
	Types []resolver.IssuerType
}

// names by which it can be switched off: its own, and those of its types.
func (c Compiled) names() []string {
	names := []string{"compiled-in/" + c.Describe().Name}
	for _, entry := range c.Types {
		names = append(names, entry.By())
	}
	return names
}

// Policy is what decisions follow. It is the one place where a configuration becomes that, so
// that no two callers can disagree.
func (c Configuration) Policy(s Surroundings) (*certshim.Policy, error) {
	registry, err := c.Registry(s)
	if err != nil {
		return nil, err
	}
	labels, err := annotations.NewLabels(c.Labels.Exclude, c.Labels.Include)
	rules, wrong := c.rules()
	ownership, wrongToo := c.Ownership.ownership()
	kinds, failed := c.kinds(s)
	if err := problem.Join(err, wrong.Err(), wrongToo.Err(), failed); err != nil {
		return nil, err
	}
	return &certshim.Policy{
		Rules:             rules,
		NamespaceDefaults: c.NamespaceDefaults,
		HideIssuerStatus:  !c.TellIssuerStatus,
		CrossNamespace:    c.CrossNamespace.Mode,
		RetainUnneeded:    c.Ownership.DeletionPolicy == annotations.RetainUnneeded,
		Parser: annotations.NewParser(annotations.Options{
			AutoKeys: c.Annotations.Auto, ExtraKeys: c.Annotations.Extra, IssuerKeys: slices.Concat(registry.CopyKeys(), c.issuerKeys(s)),
		}),
		Registry:       registry,
		Kinds:          kinds,
		AutoKinds:      c.Annotations.AutoKinds,
		ExtraProtocols: c.GatewayAPI.ExtraProtocols,
		Routes:         c.GatewayAPI.routeNames(),
		Serve:          certshim.Share(c.Serve),
		Certificate: certificate.Policy{
			Labels: labels, Ownership: ownership, HoldPaced: c.Takeover.ChangesPerMinute == 0, ManualTakeOver: c.Takeover.Mode == ManualTakeover,
		},
		Offline: s.Offline,
	}, nil
}

// Registry knows the issuer types of this program, and the operator's.
func (c Configuration) Registry(s Surroundings) (*resolver.Registry, error) {
	shipped, err := c.shipped(s)
	if err != nil {
		return nil, err
	}
	entries := slices.Concat(shipped, s.Types)
	for _, compiled := range c.SwitchedOn(s.Compiled) {
		entries = append(entries, compiled.Types...)
	}
	for _, plugin := range c.Resolvers.Plugins {
		entries = append(entries, plugin.types()...)
	}
	var options []resolver.Option
	if c.Resolvers.Recommendations == ApplyRecommendations {
		options = append(options, resolver.ApplyRecommendations())
	}
	registry, err := resolver.NewRegistry(resolver.Defaults{
		Name: c.DefaultIssuer.Name, Kind: c.DefaultIssuer.Kind, Group: c.DefaultIssuer.Group,
	}, entries, options...)
	if err != nil {
		return nil, fmt.Errorf("the registry of issuers: %w", err)
	}
	return registry, nil
}

// SwitchedOn are the resolvers that the operator hasn't switched off.
func (c Configuration) SwitchedOn(compiled []Compiled) []Compiled {
	var on []Compiled
	for _, each := range compiled {
		if !slices.ContainsFunc(each.names(), c.disabled) {
			on = append(on, each)
		}
	}
	return on
}

func (c Configuration) disabled(name string) bool { return slices.Contains(c.Resolvers.Disable, name) }

// shipped are the types of the catalogue that the operator hasn't switched off. It is an error
// to switch off what there isn't.
func (c Configuration) shipped(s Surroundings) ([]resolver.IssuerType, error) {
	entries, err := resolver.Shipped()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.By())
	}
	for _, compiled := range s.Compiled {
		names = append(names, compiled.names()...)
	}
	return slices.DeleteFunc(entries, func(e resolver.IssuerType) bool { return c.disabled(e.By()) }), c.checkDisabled(names).Err()
}

func (c Configuration) checkDisabled(names []string) declaration.Mistakes {
	var all declaration.Mistakes
	for i, name := range c.Resolvers.Disable {
		hint := ""
		if near := declaration.Nearest(name, names); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		all.Addf(!slices.Contains(names, name), fmt.Sprintf("resolvers.disable[%d]", i),
			"%s, must be what certshim issuers --offline shows of this build, such as catalogue/step-issuer%s", problem.Quote(name), hint)
	}
	return all
}

// issuerKeys are the annotations, and prefixes of such, that resolvers may have copied.
func (c Configuration) issuerKeys(s Surroundings) []string {
	var keys []string
	for _, plugin := range c.Resolvers.Plugins {
		keys = append(keys, plugin.Grant.Annotations...)
	}
	for _, compiled := range c.SwitchedOn(s.Compiled) {
		keys = append(keys, compiled.Describe().Grant.Annotations...)
	}
	return keys
}
