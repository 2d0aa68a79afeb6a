package app

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/ownership"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// auditing is one run of audit.
type auditing struct {
	o     *auditOptions
	known *planInventory
	tally auditTally
	// set is what findings are looked for in.
	set ownership.Set
	// settled are the Certificates all of whose fields are certshim's, with their number, where that
	// is all that is shown of them.
	settled map[types.NamespacedName]int
}

// audited is one Certificate, and whose its fields are.
type audited struct {
	ownership.Report
	// Secret is the one that the Certificate writes.
	Secret string
	// Source asks for the Certificate and owns it; nil if no source does.
	Source *problem.Object
	// Settled is the number of fields that are left out of the Report as all are certshim's alone.
	Settled int
}

func newAuditing(o *auditOptions, known *planInventory) *auditing {
	a := &auditing{o: o, known: known, tally: newAuditTally(), settled: map[types.NamespacedName]int{}}
	a.set.Complete = func(group, kind, _ string) bool { return a.isWhole(resolver.GroupKind{Group: group, Kind: kind}) }
	a.set.CertificatesComplete = func(string) bool { return a.isWhole(inventory.CertificateKind()) }
	return a
}

// isWhole reports whether all objects of a kind are known: those that labels leave out are there.
func (a *auditing) isWhole(kind resolver.GroupKind) bool {
	return a.known.KnowledgeOf(kind) == inventory.Whole
}

// certificates gives the Certificates that are asked for, by namespace and name, one after
// another as they are read, and notes what findings are looked for in.
func (a *auditing) certificates(ctx context.Context) iter.Seq2[audited, error] {
	return func(yield func(audited, error) bool) {
		for _, key := range a.known.sorted() {
			a.noteSource(key)
		}
		for _, one := range a.settledOnes() {
			if !yield(one, nil) {
				return
			}
		}
		if len(a.settled) == a.known.CountCertificates() {
			return
		}
		for live, err := range a.known.whole(ctx) {
			if err != nil {
				yield(audited{}, err)
				return
			}
			if one, asked := a.audit(live); asked && !yield(one, nil) {
				return
			}
		}
	}
}

// noteSource notes for which Secrets a source asks.
func (a *auditing) noteSource(key inventory.Key) {
	if !a.o.plan.wants(key, a.known) {
		return
	}
	look := a.known.Look(key)
	defer look.Close()
	outcome := decide(look)
	object, _ := look.Object()
	s := ownership.Source{Ref: object.Ref}
	for _, c := range outcome.Certificates {
		if c.Action == certificate.Delete {
			continue
		}
		s.Names = append(s.Names, c.Name)
		if c.Asked != nil {
			s.Asks = append(s.Asks, c.Name)
			a.noteSettled(look, object, c)
		}
	}
	a.set.Sources = append(a.set.Sources, s)
}

// noteSettled notes a Certificate of which nothing but its number of fields is shown. What findings
// read of it is as its source asks.
func (a *auditing) noteSettled(look *inventory.Look, object *source.Object, c certificate.Decision) {
	if a.o.showsAll() {
		return
	}
	seen, there := look.Certificate(c.Namespace, c.Name)
	fields, settled := ownership.Settled(seen, c.Want)
	if there != certshim.Present || !settled || !certificate.Owns(object, seen.Owner) {
		return
	}
	a.settled[types.NamespacedName{Namespace: c.Namespace, Name: c.Name}] = fields
	a.set.Certificates = append(a.set.Certificates, ownership.Certificate{
		Namespace: seen.Namespace, Name: seen.Name, UID: seen.UID, Secret: seen.Secret, Applied: true,
		Owner:   ownership.OwnerReference{APIVersion: object.APIVersion(), Kind: object.Kind, Name: object.Name, UID: seen.Owner.UID},
		Origins: []string{seen.Owner.UID}, IssuerName: seen.Issuer.Name, IssuerKind: seen.Issuer.Kind, IssuerGroup: seen.Issuer.Group,
	})
}

// settledOnes are the Certificates that need not be read again, by namespace and name.
func (a *auditing) settledOnes() []audited {
	var all []audited
	for _, seen := range a.set.Certificates {
		report := ownership.Report{Namespace: seen.Namespace, Name: seen.Name, UID: seen.UID, Ours: true}
		all = append(all, audited{Report: report, Secret: seen.Secret, Settled: a.settled[nameOfCertificate(seen)]})
	}
	slices.SortFunc(all, func(x, y audited) int {
		return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
	})
	return all
}

func nameOfCertificate(c ownership.Certificate) types.NamespacedName {
	return types.NamespacedName{Namespace: c.Namespace, Name: c.Name}
}

// audit reports on a live Certificate, if it is asked for.
func (a *auditing) audit(live map[string]any) (audited, bool) {
	observed := certificate.Observe(live)
	if _, done := a.settled[types.NamespacedName{Namespace: observed.Namespace, Name: observed.Name}]; done {
		return audited{}, false
	}
	observed.Live = live
	key := inventory.NewKey(source.GroupKind{Group: observed.Owner.Group, Kind: observed.Owner.Kind}, observed.Namespace, observed.Owner.Name)
	in, one := ownership.Input{Live: live}, audited{Secret: observed.Secret}
	look := a.known.Look(key)
	if look != nil {
		defer look.Close()
		in.Asked, in.Choice, one.Source = asked(look, observed)
	}
	if one.Source != nil && !a.o.plan.wants(key, a.known) || one.Source == nil && !a.wantsUnowned(observed.Namespace) {
		return audited{}, false
	}
	a.set.Certificates = append(a.set.Certificates, ownership.See(live))
	one.Report = ownership.Of(in)
	return one, true
}

// asked is the configuration that a source asks for of a Certificate, and what is done about fields
// that others hold, decided with that as it is; no source if it isn't the one that controls the Certificate.
func asked(look *inventory.Look, live certificate.Observed) (map[string]any, certificate.Choice, *problem.Object) {
	object, _ := look.Object()
	if !certificate.Owns(object, live.Owner) {
		return nil, certificate.Choice{}, nil
	}
	look.SetLive(types.NamespacedName{Namespace: live.Namespace, Name: live.Name}, &live)
	about := object.Object()
	for _, c := range decide(look).Certificates {
		if c.Name == live.Name && c.Action != certificate.Delete {
			return c.Asked, c.Choice, &about
		}
	}
	return nil, certificate.Choice{}, &about
}

// wantsUnowned reports whether Certificates without a known source are asked for: not where only
// some sources are.
func (a *auditing) wantsUnowned(namespace string) bool {
	o := &a.o.plan
	return o.selected.everything && o.labels.Empty() && (o.within == "" || o.within == namespace)
}

// findings are about whole objects.
func (a *auditing) findings() []ownership.Finding { return ownership.Find(a.set) }

// unread says what couldn't be read, a line each.
func (a *auditing) unread() []string {
	var lines []string
	for _, kind := range slices.SortedFunc(maps.Keys(a.known.forbidden), func(x, y resolver.GroupKind) int {
		return cmp.Or(cmp.Compare(x.Group, y.Group), cmp.Compare(x.Kind, y.Kind))
	}) {
		lines = append(lines, fmt.Sprintf("may not list objects of kind %s of group %q: what depends on them isn't audited", kind.Kind, kind.Group))
	}
	return lines
}
