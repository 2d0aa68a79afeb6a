package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/ownership"
	"github.com/certshim/certshim/source"
)

// adoptVerdict is what adopting a Certificate comes to.
type adoptVerdict string

const (
	adoptSame     adoptVerdict = "same"
	adoptMetadata adoptVerdict = "metadata"
	adoptChanges  adoptVerdict = "changes"
	adoptReissue  adoptVerdict = "reissue"
	adoptRefused  adoptVerdict = "refused"
)

func adoptVerdicts() []adoptVerdict {
	return []adoptVerdict{adoptSame, adoptMetadata, adoptChanges, adoptReissue, adoptRefused}
}

// words are what the table says.
func (v adoptVerdict) words() string {
	switch v {
	case adoptMetadata:
		return "metadata only"
	case adoptChanges:
		return "changes"
	case adoptReissue:
		return "would be re-issued"
	case adoptSame, adoptRefused:
	}
	return string(v)
}

func (v adoptVerdict) meaning() string {
	switch v {
	case adoptSame:
		return "there is nothing to take over"
	case adoptMetadata:
		return "managedFields change, and labels, annotations or the owner where they differ; the spec doesn't"
	case adoptChanges:
		return "the spec changes too, in a way for which cert-manager signs nothing"
	case adoptReissue:
		return "the spec changes, and cert-manager signs a new certificate, or may; left as it is without --allow-reissue"
	case adoptRefused:
		return "it can't be adopted, for the reason that is shown"
	}
	return ""
}

func adoptVerdictHelp() string {
	var b strings.Builder
	for _, v := range adoptVerdicts() {
		fmt.Fprintf(&b, "  %-19s %s\n", v.words(), v.meaning())
	}
	return b.String()
}

// adopted is one Certificate, and what adopting it comes to.
type adopted struct {
	key      inventory.Key
	object   *source.Object
	decision certificate.Decision
	verdict  adoptVerdict
	// from are the field managers that lose fields.
	from []string
	// reason is the decision's, or that of what speaks against it.
	reason certificate.Reason
	// result is what was done; empty for nothing.
	result adoptResult
	failed error
}

// adopting is one run of adopt.
type adopting struct {
	o     *adoptOptions
	known *planInventory
	rows  []adopted
	// named are the sources that were found.
	named map[namedSource]bool
	// leaving is the source that gives its Certificates up, for --to.
	leaving *source.Object
}

// lookAtAll decides about the Certificates of the sources that are asked for, or with --to about those
// of the one that gives them up.
func (a *adopting) lookAtAll(ctx context.Context) error {
	if a.o.target != nil {
		return a.lookAtMoving(ctx)
	}
	return a.look(ctx)
}

// look decides about every Certificate that is asked for.
func (a *adopting) look(ctx context.Context) error {
	a.named = map[namedSource]bool{}
	for one, err := range a.o.plan.decisions(ctx, a.known) {
		if err != nil {
			return err
		}
		key := inventory.KeyOf(one.object.Ref)
		a.named[namedSource{key.Kind(), key.Name()}] = true
		for _, d := range one.outcome.Certificates {
			if live, exists := one.live[d.At()]; exists && d.Action != certificate.Delete {
				a.rows = append(a.rows, a.judge(key, one.object, d, live))
			}
		}
	}
	return nil
}

// judge says what adopting one Certificate comes to; live is nil where nothing had to be read.
func (a *adopting) judge(key inventory.Key, object *source.Object, d certificate.Decision, live map[string]any) adopted {
	one := adopted{key: key, object: object, decision: d, reason: d.Reason}
	one.verdict = verdictOf(d)
	if one.verdict == adoptSame || one.verdict == adoptRefused {
		return one
	}
	one.from = a.takenFrom(live, d)
	if why := a.keptElsewhere(live, d, one.from); !why.IsZero() {
		one.verdict, one.reason = adoptRefused, why
		return one
	}
	if a.leaving != nil && d.Adopted {
		one.from = append(one.from, a.leaving.Kind+"/"+a.leaving.Name+" (owner)")
	}
	return one
}

// why says more of the verdict.
func (one adopted) why() string {
	if one.verdict == adoptSame || one.verdict == adoptRefused {
		return one.reason.String()
	}
	return changesText(one.decision.Changes)
}

// verdictOf sorts decisions.
func verdictOf(d certificate.Decision) adoptVerdict {
	switch {
	case d.Action == certificate.None:
		return adoptSame
	case d.Action != certificate.Apply:
		return adoptRefused
	case d.TakeOver == nil && !d.Adopted:
		return adoptSame
	case !slices.ContainsFunc(d.Changes, certificate.Change.InSpec):
		if d.Reissue != certificate.ReissueNo {
			return adoptReissue
		}
		return adoptMetadata
	case d.Reissue == certificate.ReissueNo:
		return adoptChanges
	}
	return adoptReissue
}

// takenFrom are the field managers that lose fields, each with its operation.
func (a *adopting) takenFrom(live map[string]any, d certificate.Decision) []string {
	var managers []string
	wanted := certificate.Leaves(d.Config)
	for _, e := range certificate.Entries(live) {
		isTaken := e.Replaced() || e.Subresource == "" && slices.Contains(a.o.from, e.Manager)
		if isTaken && !e.Fields.Intersection(wanted).Empty() {
			managers = append(managers, e.Manager+" ("+e.Operation+")")
		}
	}
	slices.Sort(managers)
	return slices.Compact(managers)
}

// keptElsewhere says what outside of the cluster keeps a Certificate as it is, if anything does.
func (a *adopting) keptElsewhere(live map[string]any, d certificate.Decision, from []string) certificate.Reason {
	if a.o.leftGit {
		return certificate.Reason{}
	}
	if tool, by := ownership.Tracked(live); d.Adopted && tool != "" {
		return certificate.Because(certificate.CauseAppliedElsewhere, tool+" ("+by+")")
	}
	for _, manager := range from {
		name, _, _ := strings.Cut(manager, " (")
		if class := ownership.ClassOf(name); class == ownership.GitOps || class == ownership.Helm {
			return certificate.Because(certificate.CauseAppliedElsewhere, manager)
		}
	}
	return certificate.Reason{}
}

// changesText has the changed fields with both values: those of the spec, if there are any.
func changesText(changes []certificate.Change) string {
	if len(changes) == 0 {
		return "no value changes"
	}
	if slices.ContainsFunc(changes, certificate.Change.InSpec) {
		changes = slices.DeleteFunc(slices.Clone(changes), func(c certificate.Change) bool { return !c.InSpec() })
	}
	const most = 3
	var parts []string
	for i, c := range changes {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(changes)-most))
			break
		}
		parts = append(parts, changeText(c))
	}
	return strings.Join(parts, "; ")
}

func changeText(c certificate.Change) string {
	switch {
	case c.Live == "":
		return c.Field + " becomes " + c.Want
	case c.Want == "":
		return c.Field + " goes, it was " + c.Live
	}
	return c.Field + " changes from " + c.Live + " to " + c.Want
}

// goesWithSource reports whether the Certificate is deleted together with its source.
func (one adopted) goesWithSource() bool {
	metadata, _ := one.decision.Config["metadata"].(map[string]any)
	return metadata["ownerReferences"] != nil
}
