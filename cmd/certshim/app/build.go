package app

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/certshim/certshim/controller"
	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/plugins"
	"github.com/certshim/certshim/plugins/remote"
	"github.com/certshim/certshim/resolver"
)

// Option adds to this build; see [Main].
type Option func(*build)

// WithResolver compiles a resolver in, with the declarations of its issuer types: how the
// cluster serves them, and what needs no code to be said of them. Where the operator declares
// the same kind, by a file or a plugin, that counts.
func WithResolver(r resolver.Resolver, types ...resolver.Entry) Option {
	return func(b *build) {
		own := compiled{Resolver: r}
		for _, entry := range types {
			entry.Level = resolver.LevelCompiled
			own.types = append(own.types, entry)
		}
		b.compiled = append(b.compiled, own)
	}
}

// build is what this program has beside the usual.
type build struct{ compiled []compiled }

// compiled is a resolver of this program, with the declarations of its issuer types.
type compiled struct {
	resolver.Resolver
	types []resolver.Entry
}

// names by which it can be switched off: its own, and those of its types.
func (c compiled) names() []string {
	names := []string{"compiled-in/" + c.Describe().Name}
	for _, entry := range c.types {
		names = append(names, entry.By())
	}
	return names
}

// resolvers are those that the operator hasn't switched off.
func (b build) resolvers(c controller.Configuration) []compiled {
	var on []compiled
	for _, r := range b.compiled {
		off := func(name string) bool { return slices.Contains(c.Resolvers.Disable, name) }
		if !slices.ContainsFunc(r.names(), off) {
			on = append(on, r)
		}
	}
	return on
}

// shippedTypes are those of the catalogue that the operator hasn't switched off. It is an
// error to switch off what there isn't.
func (b build) shippedTypes(c controller.Configuration) ([]resolver.Entry, error) {
	entries, err := resolver.Shipped()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.By())
	}
	for _, r := range b.compiled {
		names = append(names, r.names()...)
	}
	var errs []error
	for i, name := range c.Resolvers.Disable {
		if slices.Contains(names, name) {
			continue
		}
		message := fmt.Sprintf("resolvers.disable[%d] is %q, must be what certshim issuers --offline shows of this build, such as catalogue/step-issuer", i, name)
		if near := declaration.Nearest(name, names); near != "" {
			message += fmt.Sprintf("; did you mean %q?", near)
		}
		errs = append(errs, errors.New(message))
	}
	return slices.DeleteFunc(entries, func(e resolver.Entry) bool {
		return slices.Contains(c.Resolvers.Disable, e.By())
	}), errors.Join(errs...)
}

func newBuild(options []Option) build {
	var b build
	for _, option := range options {
		option(&b)
	}
	return b
}

// entries are the issuer types of this build's resolvers, and of the operator's plugins.
func (b build) entries(c controller.Configuration) []resolver.Entry {
	var entries []resolver.Entry
	for _, r := range b.resolvers(c) {
		entries = append(entries, r.types...)
	}
	for _, plugin := range c.Resolvers.Plugins {
		entries = append(entries, typesOf(plugin)...)
	}
	return entries
}

// issuerKeys are the annotations, and prefixes of such, that resolvers may have copied.
func (b build) issuerKeys(c controller.Configuration) []string {
	var keys []string
	for _, plugin := range c.Resolvers.Plugins {
		keys = append(keys, plugin.Grant.Annotations...)
	}
	for _, r := range b.resolvers(c) {
		keys = append(keys, r.Describe().Grant.Annotations...)
	}
	return keys
}

// typesOf are the kinds that a plugin speaks for, as issuer types: one a group and list of
// versions.
func typesOf(plugin controller.PluginSettings) []resolver.Entry {
	var types []resolver.Entry
	for _, kind := range plugin.Grant.Kinds {
		declared := resolver.KindEntry{Kind: kind.Kind, Resource: kind.Resource, Scope: kind.Scope}
		i := slices.IndexFunc(types, func(e resolver.Entry) bool {
			return e.Group == kind.Group && slices.Equal(e.Versions, kind.Versions)
		})
		if i >= 0 {
			types[i].Kinds = append(types[i].Kinds, declared)
			continue
		}
		types = append(types, resolver.Entry{
			ID: plugin.Name, Title: "issuers of the plugin " + plugin.Name, Group: kind.Group, Versions: kind.Versions,
			Kinds: []resolver.KindEntry{declared}, Level: resolver.LevelOperator,
		})
	}
	return types
}

// plugins are the resolvers that are asked beside the decisions; nil where there are none.
func (b build) plugins(c controller.Configuration, registry *resolver.Registry, log *slog.Logger) (*plugins.Host, error) {
	var all []plugins.Plugin
	for _, settings := range c.Resolvers.Plugins {
		all = append(all, pluginOf(settings))
	}
	var errs []error
	for _, r := range b.resolvers(c) {
		plugin, err := compiledPlugin(r.Resolver, registry)
		errs = append(errs, err)
		all = append(all, plugin)
	}
	if err := errors.Join(errs...); err != nil || len(all) == 0 {
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
		return declared && known.Entry.Level != resolver.LevelCompiled
	})
	return plugin, errors.Join(errs...)
}

func pluginOf(s controller.PluginSettings) plugins.Plugin {
	grant := resolver.Grant{Values: s.Grant.Defaults, MayRefuse: s.Grant.MayRefuse, Annotations: s.Grant.Annotations}
	var kinds []resolver.DescribedKind
	for _, kind := range s.Grant.Kinds {
		kinds = append(kinds, resolver.DescribedKind{GroupKind: resolver.GroupKind{Group: kind.Group, Kind: kind.Kind}, Scope: kind.Scope})
	}
	hold := plugins.Holds(grant)
	if s.OnUnavailable != controller.UnavailableByGrant {
		hold = s.OnUnavailable == controller.UnavailableHold
	}
	timeout := cmp.Or(time.Duration(s.Timeout), plugins.DefaultTimeout)
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
func (b build) unasked(c controller.Configuration, sources []planned) []string {
	speaks := map[resolver.GroupKind]string{}
	for _, r := range b.resolvers(c) {
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
	for _, one := range sources {
		issuer := one.outcome.Issuer
		who, some := speaks[resolver.GroupKind{Group: issuer.Group, Kind: issuer.Kind}]
		if !some || issuer.Name == "" {
			continue
		}
		line := fmt.Sprintf("note: %s isn't asked, so that it isn't known what it says of issuers of kind %s: rules, defaults, readiness, namespaces", who, issuer.Kind)
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}
