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
	// settled are the Certificates all of whose fields are certshim's, as they were when their
	// sources were decided about.
	settled map[types.NamespacedName]settledCertificate
}

// settledCertificate is what is kept of a Certificate all of whose fields are certshim's. There is
// one for nearly each of a cluster.
type settledCertificate struct {
	// version is the resourceVersion by which that was found.
	uid, version, secret string
	fields               int32
	// source is where its source is in the set that findings are looked for in.
	source int32
	// stays is set once it was read again, and was still so.
	stays bool
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
	// Raw is managedFields as it is, where that is asked for.
	Raw any
}

// readAudit reads what is to be audited, and decides about each source that is asked for.
func readAudit(ctx context.Context, o *auditOptions) (*auditing, error) {
	var a *auditing
	o.plan.surveyed = func(known *planInventory) surveyor {
		a = newAuditing(o, known)
		return a.noteSource
	}
	known, err := o.plan.read(ctx)
	if err != nil || a != nil {
		return a, err
	}
	// Documents are not surveyed.
	note := o.plan.surveyed(known)
	for _, key := range known.Keys() {
		look := known.Look(key)
		note(look, decide(look))
		look.Close()
	}
	return a, nil
}

func newAuditing(o *auditOptions, known *planInventory) *auditing {
	sources, certificates := len(known.Keys()), known.CountCertificates()
	a := &auditing{
		o: o, known: known, tally: newAuditTally(o.plan.configuration.Ownership.Rules),
		settled: make(map[types.NamespacedName]settledCertificate, certificates),
		set:     ownership.Set{Sources: make([]ownership.Source, 0, sources)},
	}
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
		if !a.o.showsAll() {
			for _, name := range a.settledNames() {
				if !yield(a.withoutFields(name), nil) {
					return
				}
			}
			if len(a.settled) == a.known.CountCertificates() {
				return
			}
		}
		for live, err := range a.known.whole(ctx) {
			if err != nil {
				yield(audited{}, err)
				return
			}
			one, asked := a.audit(live)
			if a.o.raw {
				one.Raw = managedFieldsOf(live)
			}
			if asked && !yield(one, nil) {
				return
			}
		}
	}
}

func managedFieldsOf(live map[string]any) any {
	metadata, _ := live["metadata"].(map[string]any)
	return metadata["managedFields"]
}

// noteSource notes for which Secrets a source asks.
func (a *auditing) noteSource(look *inventory.Look, outcome certshim.Outcome) {
	if !a.o.plan.wants(look.Key(), a.known) {
		return
	}
	object, _ := look.Object()
	s := ownership.Source{Ref: object.Ref}
	for _, c := range outcome.Certificates {
		if c.Action != certificate.Delete && c.Asked != nil {
			s.Names = append(s.Names, c.At())
			a.noteSettled(look, object, c)
		}
	}
	s.Asks = s.Names
	for _, c := range outcome.Certificates {
		if c.Action != certificate.Delete && c.Asked == nil {
			s.Names = append(s.Names, c.At())
		}
	}
	a.set.Sources = append(a.set.Sources, s)
}

// noteSettled notes a Certificate of the source that comes next in the set, if all of its fields are
// certshim's.
func (a *auditing) noteSettled(look *inventory.Look, object *source.Object, c certificate.Decision) {
	seen, there := look.Certificate(c.Namespace, c.Name)
	fields, settled := ownership.Settled(seen, c.Want)
	if there != certshim.Present || !settled || seen.Flags.Has(certificate.Deleting) || !certificate.Owns(object, seen) {
		return
	}
	a.settled[seen.FullName()] = settledCertificate{
		uid: seen.UID, version: seen.ResourceVersion, secret: seen.Secret, fields: int32(fields), source: int32(len(a.set.Sources)),
	}
}

// tieOf is the source that a Certificate is tied to, with its namespace; zero for none.
func tieOf(seen certificate.Observed) certificate.Owner {
	if !seen.Flags.Has(certificate.Tied) {
		return certificate.Owner{}
	}
	owner := seen.Owner
	owner.Namespace = seen.OwnerNamespace()
	return owner
}

// tieIgnored says why the annotation that ties a Certificate to a source counts for nothing, or "". One that
// has no uid yet says what was planned.
func tieIgnored(seen certificate.Observed) string {
	tie, err := certificate.ParseTie(seen.Tie)
	switch {
	case seen.Tie == "" || seen.Flags.Has(certificate.Tied):
		return ""
	case err != nil:
		return "its annotation " + certificate.TieKey + " can't be read"
	case tie.ForNamespace != seen.Namespace || tie.ForName != seen.Name:
		return fmt.Sprintf("its annotation %s is a copy of that of Certificate %s/%s", certificate.TieKey, problem.Name(tie.ForNamespace), problem.Name(tie.ForName))
	case tie.Source.UID != "" && seen.Owner == certificate.Owner{}:
		return "its annotation " + certificate.TieKey + " wasn't applied by certshim"
	}
	return ""
}

// settledNames are those of the Certificates that need not be read again, by namespace and name.
func (a *auditing) settledNames() []types.NamespacedName {
	return slices.SortedFunc(maps.Keys(a.settled), func(x, y types.NamespacedName) int {
		return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
	})
}

// withoutFields is a settled Certificate of which nothing but the number of fields is shown.
func (a *auditing) withoutFields(name types.NamespacedName) audited {
	c := a.settled[name]
	report := ownership.Report{Namespace: name.Namespace, Name: name.Name, UID: c.uid, Ours: true}
	return audited{Report: report, Secret: c.secret, Source: a.sourceOf(c), Settled: int(c.fields)}
}

func (a *auditing) sourceOf(c settledCertificate) *problem.Object {
	about := a.set.Sources[c.source].Object()
	return &about
}

// audit reports on a live Certificate, if it is asked for.
func (a *auditing) audit(live map[string]any) (one audited, isAsked bool) {
	metadata, _ := live["metadata"].(map[string]any)
	text := func(name string) string { value, _ := metadata[name].(string); return value }
	name := types.NamespacedName{Namespace: text("namespace"), Name: text("name")}
	c, settled := a.settled[name]
	if settled && !a.o.showsAll() {
		return audited{}, false
	}
	if settled && c.version == text("resourceVersion") {
		if report, ok := ownership.OfSettled(live); ok {
			c.stays = true
			a.settled[name] = c
			return audited{Report: report, Secret: c.secret, Source: a.sourceOf(c)}, true
		}
	}
	return a.auditAtLength(live)
}

// auditAtLength decides about a Certificate by all that it is.
func (a *auditing) auditAtLength(live map[string]any) (one audited, isAsked bool) {
	observed := certificate.Observe(live)
	observed.Live = live
	key := inventory.NewKey(source.GroupKind{Group: observed.Owner.Group, Kind: observed.Owner.Kind}, observed.OwnerNamespace(), observed.Owner.Name)
	in, one := ownership.Input{Live: live}, audited{Secret: observed.Secret}
	look := a.known.Look(key)
	if look != nil {
		defer look.Close()
		in, one.Source = asked(look, observed)
	}
	if one.Source != nil && !a.o.plan.wants(key, a.known) || one.Source == nil && !a.wantsUnowned(observed.Namespace) {
		return audited{}, false
	}
	seen := ownership.See(live)
	seen.Left = one.Source != nil && a.o.plan.policy.Certificate.Leaves(observed)
	seen.Tie, seen.TieIgnored = tieOf(observed), tieIgnored(observed)
	a.set.Certificates = append(a.set.Certificates, seen)
	one.Report = ownership.Of(in)
	return one, true
}

// asked is what a report of a Certificate goes by, decided with that as it is: what its source asks for, and what is done
// about fields that others hold. There is no source if it isn't the one that controls the Certificate.
func asked(look *inventory.Look, live certificate.Observed) (in ownership.Input, from *problem.Object) {
	in.Live = live.Live
	object, _ := look.Object()
	if !certificate.Owns(object, live) {
		return in, nil
	}
	look.SetLive(types.NamespacedName{Namespace: live.Namespace, Name: live.Name}, &live)
	about := object.Object()
	for _, c := range decide(look).Certificates {
		if c.At() == live.FullName() && c.Action != certificate.Delete {
			in.Asked, in.Choice, in.Held = c.Asked, c.Choice, c.Reason.Cause == certificate.CauseChangesHeld
			break
		}
	}
	return in, &about
}

// wantsUnowned reports whether Certificates without a known source are asked for: not where only
// some sources are.
func (a *auditing) wantsUnowned(namespace string) bool {
	o := &a.o.plan
	return o.selected.everything && o.labels.Empty() && (o.within == "" || o.within == namespace)
}

// findings are about whole objects. What was settled when it was first read, and was gone or something
// else when it was read again, isn't what it was.
func (a *auditing) findings() []ownership.Finding {
	a.set.Settled = make([]ownership.Written, 0, len(a.settled))
	for name, c := range a.settled {
		if c.stays || !a.o.showsAll() {
			a.set.Settled = append(a.set.Settled, ownership.Written{Namespace: name.Namespace, Name: name.Name, Secret: c.secret})
		}
	}
	return ownership.Find(a.set)
}

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
