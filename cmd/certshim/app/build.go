package app

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"

	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/plugins"
	"github.com/certshim/certshim/plugins/remote"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// Option adds to this build; see [Main].
type Option func(*build)

// WithResolver compiles a resolver in, with the declarations of its issuer types: how the
// cluster serves them, and what needs no code to be said of them. Where the operator declares
// the same kind, by a file or a plugin, that counts.
func WithResolver(r resolver.Resolver, types ...resolver.IssuerType) Option {
	return func(b *build) {
		own := configuration.Compiled{Resolver: r}
		for _, entry := range types {
			entry.Level = resolver.LevelCompiled
			own.Types = append(own.Types, entry)
		}
		b.compiled = append(b.compiled, own)
	}
}

// build is what this program has beside the usual.
type build struct{ compiled []configuration.Compiled }

func newBuild(options []Option) build {
	var b build
	for _, option := range options {
		option(&b)
	}
	return b
}

// plugins are the resolvers that are asked beside the decisions; nil where there are none.
func (b build) plugins(c configuration.Configuration, registry *resolver.Registry, log *slog.Logger) (*plugins.Host, error) {
	var all []plugins.Plugin
	for _, settings := range c.Resolvers.Plugins {
		all = append(all, pluginOf(settings))
	}
	var errs []error
	for _, r := range c.SwitchedOn(b.compiled) {
		plugin, err := compiledPlugin(r.Resolver, registry)
		errs = append(errs, err)
		all = append(all, plugin)
	}
	if err := problem.Join(errs...); err != nil || len(all) == 0 {
		return nil, err
	}
	return plugins.New(all, log)
}

// compiledPlugin leaves out the kinds that the operator declares otherwise.
func compiledPlugin(r resolver.Resolver, registry *resolver.Registry) (plugins.Plugin, error) {
	plugin := plugins.Compiled(r)
	var errs []error
	plugin.Kinds = slices.DeleteFunc(slices.Clone(plugin.Kinds), func(kind resolver.DescribedKind) bool {
		known, declared := registry.Known(kind.GroupKind)
		if !declared {
			errs = append(errs, fmt.Errorf("resolver %s speaks for kind %s of group %s, which no issuer type declares: give WithResolver one", plugin.Name, kind.Kind, kind.Group))
		}
		return declared && known.Type.Level != resolver.LevelCompiled
	})
	return plugin, problem.Join(errs...)
}

func pluginOf(s configuration.Plugin) plugins.Plugin {
	grant, kinds := s.Grant.Resolver(), s.Grant.DescribedKinds()
	hold := plugins.Holds(grant)
	if s.OnUnavailable != configuration.UnavailableByGrant {
		hold = s.OnUnavailable == configuration.UnavailableHold
	}
	timeout := cmp.Or(s.Timeout, plugins.DefaultTimeout)
	return plugins.Plugin{
		Name: s.Name, Tier: "plugin", Kinds: kinds, Grant: grant, Observe: cmp.Or(s.Grant.Observe, resolver.ObserveStatus),
		Hold: hold, Timeout: timeout,
		Backend: remote.New(remote.Config{
			Socket: s.Socket, UID: s.UID, Kinds: kinds, Grant: grant, Timeout: timeout, Version: readVersion().Version,
		}),
	}
}

// unasked says, a line each, what can't be known where no resolver is asked: of the plans'
// issuers, those for which one speaks.
func (b build) unasked(c configuration.Configuration, issuers []resolver.GroupKind) []string {
	speaks := map[resolver.GroupKind]string{}
	for _, r := range c.SwitchedOn(b.compiled) {
		for _, kind := range r.Describe().Kinds {
			speaks[kind.GroupKind] = "the resolver " + r.Describe().Name
		}
	}
	for _, plugin := range c.Resolvers.Plugins {
		for _, kind := range plugin.Grant.Kinds {
			speaks[resolver.GroupKind{Group: kind.Group, Kind: kind.Kind}] = "the plugin " + plugin.Name
		}
	}
	var lines []string
	for _, issuer := range issuers {
		who, some := speaks[issuer]
		if !some {
			continue
		}
		line := fmt.Sprintf("note: %s isn't asked, so that it isn't known what it says of issuers of kind %s: rules, defaults, readiness, namespaces", who, issuer.Kind)
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}
