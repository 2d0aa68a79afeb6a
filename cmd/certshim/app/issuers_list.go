package app

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
)

// issuerKind is a kind of issuer as the list shows it.
type issuerKind struct {
	Type  string         `json:"type"`
	Group string         `json:"group"`
	Kind  string         `json:"kind"`
	Scope resolver.Scope `json:"scope"`
	From  string         `json:"from"`
	// Installed reports whether the cluster serves the kind. It is nil if no cluster was asked. The
	// numbers are nil then, too, and if issuers or Certificates can't be read.
	Installed    *bool `json:"installed,omitempty"`
	Issuers      *int  `json:"issuers,omitempty"`
	Ready        *int  `json:"ready,omitempty"`
	Certificates *int  `json:"certificates,omitempty"`
}

func (k issuerKind) isInstalled() bool { return k.Installed != nil && *k.Installed }

func (o *issuersOptions) printAll(ctx context.Context) error {
	var known *reading
	if !o.offline {
		var err error
		if known, err = o.read(ctx, o.namespace); err != nil && o.installed {
			return err
		} else if err != nil {
			printLine(o.streams.ErrOut, "warning: no cluster was asked: "+err.Error())
		}
	}
	kinds := o.kinds(known)
	switch o.format {
	case formatJSON:
		return writeJSON(o.streams.Out, kinds)
	case formatYAML:
		return writeYAML(o.streams.Out, kinds)
	}
	list := table{w: o.streams.Out}
	list.row("TYPE", "KIND", "GROUP", "SCOPE", "INSTALLED", "ISSUERS", "READY", "CERTIFICATES", "FROM")
	if hasColour(o.colour, o.streams.Out) {
		list.paint = issuersColour
	}
	for _, k := range kinds {
		list.row(k.Type, k.Kind, k.Group, string(k.Scope), yesNo(k.Installed), number(k.Issuers), number(k.Ready), number(k.Certificates), k.From)
	}
	return list.flush()
}

// The columns of the list that have a colour.
const (
	installedColumn = 4
	issuersColumn   = 5
	readyColumn     = 6
)

// issuersColour tells the kinds that the cluster has from the others, and those that have issuers which
// aren't ready.
func issuersColour(row []string, column int) colour {
	switch {
	case column == installedColumn && row[column] == yes:
		return green
	case column == installedColumn && row[column] == no:
		return dim
	case column == readyColumn && row[installedColumn] == yes && row[column] != row[issuersColumn]:
		return yellow
	}
	return plain
}

const yes, no = "yes", "no"

func yesNo(value *bool) string {
	switch {
	case value == nil:
		return "-"
	case *value:
		return yes
	}
	return no
}

func number(value *int) string {
	if value == nil {
		return "-"
	}
	return fmt.Sprint(*value)
}

// kinds counts what the cluster has of each kind, those that it has first; without one, known is
// nil.
func (o *issuersOptions) kinds(known *reading) []issuerKind {
	kinds := []issuerKind{}
	for _, kind := range o.registry.Kinds() {
		kinds = append(kinds, issuerKind{
			Type: cmp.Or(kind.Type.Title, kind.Type.ID), Group: kind.Group, Kind: kind.GroupKind.Kind,
			Scope: kind.Scope, From: kind.By(),
		})
	}
	if known == nil {
		return kinds
	}
	used, issuers := known.CertificatesByIssuer(), known.CountIssuers()
	kinds = append(kinds, undeclaredKinds(known, used)...)
	for i := range kinds {
		kinds[i].count(known, used, issuers)
	}
	if o.installed {
		return slices.DeleteFunc(kinds, func(k issuerKind) bool { return !k.isInstalled() })
	}
	slices.SortStableFunc(kinds, func(a, b issuerKind) int {
		return cmp.Compare(yesNo(b.Installed), yesNo(a.Installed))
	})
	return kinds
}

// undeclaredKinds are the kinds that nobody declares, that the cluster serves, and that
// Certificates name or are called issuers.
func undeclaredKinds(known *reading, used map[resolver.GroupKind]int) []issuerKind {
	var kinds []issuerKind
	byName := func(a, b resolver.GroupKind) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Kind, b.Kind))
	}
	all := slices.AppendSeq(slices.Clone(known.served.Issuers()), maps.Keys(used))
	slices.SortFunc(all, byName)
	for _, kind := range slices.Compact(all) {
		if known.isUndeclared(kind) {
			scope, _ := known.served.Scope(kind)
			kinds = append(kinds, issuerKind{
				Type: "not declared", Group: kind.Group, Kind: kind.Kind, Scope: scope, From: resolver.Undeclared().By(),
			})
		}
	}
	return kinds
}

func (k *issuerKind) count(known *reading, used map[resolver.GroupKind]int, issuers map[inventory.KindAndReadiness]int) {
	kind := resolver.GroupKind{Group: k.Group, Kind: k.Kind}
	if _, served := known.served.Scope(kind); served || known.served.Lacks(kind) {
		k.Installed = &served
	}
	if ready, whole := issuers[inventory.KindAndReadiness{GroupKind: kind, Ready: resolver.Ready}]; whole {
		all := ready
		for _, other := range []resolver.Readiness{resolver.NotReady, resolver.ReadyUnknown} {
			all += issuers[inventory.KindAndReadiness{GroupKind: kind, Ready: other}]
		}
		k.Issuers, k.Ready = &all, &ready
	}
	if !known.forbidden[inventory.CertificateKind()] {
		certificates := used[kind]
		k.Certificates = &certificates
	}
}
