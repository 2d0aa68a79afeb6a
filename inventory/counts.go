package inventory

import (
	"iter"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
)

// FieldCounts are how many fields of Certificates have each verdict. As long as nothing else is
// known of a Certificate, it has those of [certificate.Standing].
type FieldCounts struct {
	certificate.Standing
	// Drifted, Yielded, Unowned and Contested are known of the Certificates that a decision has
	// looked at closely.
	Drifted, Yielded, Unowned, Contested uint16
}

// FieldTotals are [FieldCounts] of many Certificates, by verdict.
type FieldTotals struct {
	Ours, Shared, Foreign, Untracked, Unserved, Drifted, Yielded, Unowned, Contested int
}

func (t *FieldTotals) add(c FieldCounts) {
	t.Ours += int(c.Ours)
	t.Shared += int(c.Shared)
	t.Foreign += int(c.Foreign)
	t.Untracked += int(c.Untracked)
	t.Unserved += int(c.Unserved)
	t.Drifted += int(c.Drifted)
	t.Yielded += int(c.Yielded)
	t.Unowned += int(c.Unowned)
	t.Contested += int(c.Contested)
}

// Pass reports whether all fields are ours, shared or not, with the values that are asked for.
func (c FieldCounts) Pass() bool {
	return c == FieldCounts{Standing: certificate.Standing{Ours: c.Ours, Shared: c.Shared}}
}

// CountFields counts the fields of the Certificates that a source which owns them asks for.
func (i *Inventory) CountFields() FieldTotals {
	i.lock.RLock()
	defer i.lock.RUnlock()
	var totals FieldTotals
	for item := range i.askedFor() {
		totals.add(i.countsOf(item))
	}
	return totals
}

// NamespaceFields is what is known of the fields of the Certificates in one namespace that a source
// which owns them asks for.
type NamespaceFields struct {
	Totals FieldTotals
	// Failing are the Certificates of which not all fields pass, in no order.
	Failing []CountedCertificate
}

// CountedCertificate is one version of a Certificate, and how many of its fields have which verdict.
type CountedCertificate struct {
	Source  Key
	Name    string
	Version string
	Counts  FieldCounts
}

// FieldsByNamespace counts what [Inventory.CountFields] does, by namespace.
func (i *Inventory) FieldsByNamespace() map[string]*NamespaceFields {
	i.lock.RLock()
	defer i.lock.RUnlock()
	all := map[string]*NamespaceFields{}
	for item, by := range i.askedFor() {
		in, counts := all[item.namespace.Value()], i.countsOf(item)
		if in == nil {
			in = &NamespaceFields{}
			all[item.namespace.Value()] = in
		}
		if in.Totals.add(counts); !counts.Pass() {
			in.Failing = append(in.Failing, CountedCertificate{
				Source: by.Key(), Name: strings.Clone(item.name()), Version: strings.Clone(item.resourceVersion()), Counts: counts,
			})
		}
	}
	return all
}

// askedFor are the Certificates that a source which owns them asks for, with that source.
func (i *Inventory) askedFor() iter.Seq2[*Certificate, *Source] {
	return func(yield func(*Certificate, *Source) bool) {
		for _, o := range i.owners {
			if o.source == nil || o.certificates == nil {
				continue
			}
			for item := range o.certificates.all() {
				if item.asked && !yield(item, o.source) {
					return
				}
			}
		}
	}
}

// noteAsked notes which of the Certificates that a source owns it asks for.
func (i *Inventory) noteAsked(by Key, decisions []certificate.Decision) {
	for item := range i.owners[by].certificates.all() {
		item.asked = slices.ContainsFunc(decisions, func(d certificate.Decision) bool {
			return d.Asked != nil && nameOf(d.Namespace, d.Name) == item.fullName()
		})
	}
}

func (i *Inventory) countsOf(item *Certificate) FieldCounts {
	if counts, isJudged := i.judged[item]; isJudged {
		return counts
	}
	return FieldCounts{Standing: item.standing}
}

// JudgeFields notes what was found out about the fields of a Certificate. It counts until the
// Certificate changes.
func (i *Inventory) JudgeFields(at types.NamespacedName, version string, counts FieldCounts) {
	i.lock.Lock()
	defer i.lock.Unlock()
	item := i.certificateAt(nameOf(at.Namespace, at.Name))
	if item != nil && item.resourceVersion() == version {
		i.judged[item] = counts
	}
}

// forgetJudged forgets what was found out about a version of a Certificate, unless the next one is the
// same for decisions; either may be nil.
func (i *Inventory) forgetJudged(old, item *Certificate) {
	counts, isJudged := i.judged[old]
	if !isJudged {
		return
	}
	delete(i.judged, old)
	if item != nil && old.same(item) {
		i.judged[item] = counts
	}
}
