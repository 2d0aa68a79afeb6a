package configuration

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// Sources is what the operator says of the kinds of sources that are declared.
type Sources struct {
	// Types are files that declare source types, or folders of them: --sources.
	Types []string `yaml:"types,omitempty"`
	// Disable are types of the catalogue that don't count, by the names that certshim sources
	// shows, such as catalogue/contour-httpproxy.
	Disable []string `yaml:"disable,omitempty"`
	// Params are values for the parameters of types, by the short name of the type.
	Params map[string]map[string]string `yaml:"params,omitempty"`
	// OnKindRemoved is delete or retain for types, by their short names, in place of what they declare.
	OnKindRemoved map[string]source.Removal `yaml:"onKindRemoved,omitempty"`
}

// ShippedKinds are all kinds of sources that this build knows.
func ShippedKinds() source.Kinds {
	kinds, _ := Default().kinds(Surroundings{}) // the tests see that the catalogue can be read
	return kinds
}

// kinds of sources that are switched on. Of documents all are read.
func (c Configuration) kinds(s Surroundings) (source.Kinds, error) {
	var off []source.Switch
	if !c.GatewayAPI.Enabled && !s.Offline {
		off = append(off, source.SwitchGatewayAPI)
	}
	if !c.GatewayAPI.ListenerSets && !s.Offline {
		off = append(off, source.SwitchListenerSets)
	}
	types, err := c.sourceTypes(s)
	var all declaration.Mistakes
	all.AddEach("", err)
	kinds := source.Builtin().Without(off...).All()
	for _, t := range types {
		t.OnKindRemoved = cmp.Or(c.Sources.OnKindRemoved[t.ID], t.OnKindRemoved)
		kind, err := source.Declared(t, c.Sources.Params[t.ID])
		all.AddEach("sources.params."+t.ID, err)
		if err == nil {
			kinds = append(kinds, kind)
		}
	}
	all.AddUnder("sources", c.unnamedTypes(types))
	set := source.NewKinds(kinds...)
	all.AddUnder("", c.unknownKinds(set))
	return set, all.Err()
}

// unknownKinds are kinds that the configuration names and that there aren't.
func (c Configuration) unknownKinds(kinds source.Kinds) declaration.Mistakes {
	var all declaration.Mistakes
	all.AddUnder("annotations.autoKinds", checkKinds(c.Annotations.AutoKinds, kinds))
	for i, rule := range c.Policies {
		all.AddUnder(fmt.Sprintf("policies[%d].kinds", i), checkKinds(rule.Kinds, kinds))
	}
	return all
}

// sourceTypes are the types of the catalogue that the operator hasn't switched off, and the
// operator's own. One of these replaces that of the catalogue for its kind. It is an error to switch
// off what there isn't, and to declare a kind twice.
func (c Configuration) sourceTypes(s Surroundings) ([]source.Type, error) {
	shipped, err := source.ShippedTypes()
	if err != nil {
		return nil, err
	}
	var all declaration.Mistakes
	names := make([]string, len(shipped))
	for i, t := range shipped {
		names[i] = t.By()
	}
	for i, name := range c.Sources.Disable {
		all.Addf(!slices.Contains(names, name), fmt.Sprintf("sources.disable[%d]", i),
			"%s, must be a type of the catalogue as certshim sources --offline shows it, such as %s%s", problem.Quote(name), names[0], meant(name, names))
	}
	own := map[source.GroupKind]string{}
	for _, t := range s.SourceTypes {
		other, twice := own[t.GroupKind()]
		all.Addf(twice, "sources.types", "%s and %s both declare %s of group %s", other, t.File, t.Kind, t.Group)
		own[t.GroupKind()] = t.File
	}
	types := slices.DeleteFunc(slices.Clone(shipped), func(t source.Type) bool {
		_, replaced := own[t.GroupKind()]
		return replaced || slices.Contains(c.Sources.Disable, t.By())
	})
	return append(types, s.SourceTypes...), all.Err()
}

func meant(name string, names []string) string {
	if near := declaration.Nearest(name, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// unnamedTypes are those that the configuration speaks of and that there aren't, and what it can't say of
// the others.
func (c Configuration) unnamedTypes(types []source.Type) declaration.Mistakes {
	var all declaration.Mistakes
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.ID
	}
	check := func(field, id string) {
		all.Addf(!slices.Contains(names, id), field+"."+id, "there is no source type of this name%s", meant(id, names))
	}
	for _, id := range slices.Sorted(maps.Keys(c.Sources.Params)) {
		check("params", id)
	}
	for _, id := range slices.Sorted(maps.Keys(c.Sources.OnKindRemoved)) {
		check("onKindRemoved", id)
		all.Add("onKindRemoved."+id, source.CheckRemoval(c.Sources.OnKindRemoved[id]))
	}
	return all
}

// checkKinds wants kinds of sources, by kind or as Kind.group.
func checkKinds(names []string, kinds source.Kinds) declaration.Mistakes {
	var known []string
	for _, kind := range kinds.All() {
		if name := kind.GroupVersionKind().Kind; !slices.Contains(known, name) {
			known = append(known, name)
		}
	}
	var all declaration.Mistakes
	for i, name := range names {
		named := slices.ContainsFunc(kinds.All(), func(kind source.Kind) bool { return source.GroupKindOf(kind).NamedIn([]string{name}) })
		if !named {
			all.Add(fmt.Sprintf("[%d]", i), declaration.NoneOf(name, known))
		}
	}
	return all
}
