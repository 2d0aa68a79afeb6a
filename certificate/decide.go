package certificate

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// Decide decides what to do about the Certificate for one Secret that a source asks for. It goes
// through an ordered list of checks; the first that decides ends it.
func Decide(in Input) Decision {
	at := in.Ask.At(in.Source)
	d := decider{in: in, out: Decision{Namespace: at.Namespace, Name: at.Name}}
	if in.Existing == nil {
		d.forNew()
	} else {
		d.seen = current(*in.Existing)
		d.out.Have, d.out.Version = d.seen.Have, d.seen.ResourceVersion
		d.forExisting()
	}
	return d.out
}

// forNew goes through the checks where there is no Certificate yet. Each either decides and
// returns true, or returns false and leaves it to the next. Mistakes of the source come before
// conflicts with other sources of the Secret, so that a source whose own mistake is refused is
// told about it.
func (d *decider) forNew() bool {
	return otherWriterHasIt(d) || nothingValidAsks(d) || invalidAnnotation(d) || mustWait(d) ||
		buildConfig(d) || cannotBeIssued(d) || otherSourceIsFirst(d) || create(d)
}

// forExisting goes through the checks where there is one.
func (d *decider) forExisting() bool {
	return beingDeleted(d) || reclaim(d) || restore(d) || adopt(d) || notOurs(d) || otherWriterShares(d) || nothingValidAsksAnyMore(d) ||
		buildConfig(d) || leftToAdopt(d) || upToDate(d) || liveNeeded(d) || equalByValue(d) || shimStillWrites(d) ||
		changeCannotBeIssued(d) || applyOver(d)
}

// decider is the state of one Decide.
type decider struct {
	in     Input
	seen   Observed
	config map[string]any
	// missing is why a Certificate that could become the source's doesn't.
	missing Reason
	// adopted is true if the operator chose that a Certificate that isn't the source's becomes so.
	adopted bool
	out     Decision
}

// current prefers the live object over the cached state.
func current(o Observed) Observed {
	if o.Live == nil {
		return o
	}
	live := Observe(o.Live)
	live.Live, live.Before, live.Fights = o.Live, o.Before, o.Fights
	live.Flags |= o.Flags & ofThisProcess
	return live
}

func (d *decider) decide(action Action, cause Cause, about ...string) bool {
	return d.decideFor(action, Because(cause, about...))
}

func (d *decider) decideFor(action Action, why Reason) bool {
	d.out.Action, d.out.Reason = action, why
	return true
}

// addError adds an error about this Secret to the source's problems.
func (d *decider) addError(reason problem.Reason, message string) {
	d.addProblem(problem.Error, reason, message)
}

func (d *decider) addProblem(severity problem.Severity, reason problem.Reason, message string) {
	d.out.Problems.Add(problem.Problem{Severity: severity, Path: d.path(), Value: d.in.Ask.Secret, Reason: reason, Message: message})
}

// path returns the path where the source first names the Secret.
func (d *decider) path() string {
	for _, entries := range [][]source.EntryRef{d.in.Ask.Entries, d.in.Ask.Broken} {
		if len(entries) > 0 {
			return entries[0].Path
		}
	}
	return "spec"
}

// buildConfig builds the configuration once it is clear that the Certificate is ours.
func buildConfig(d *decider) bool {
	var problems problem.List
	d.config, problems = build(&d.in)
	if d.in.Policy.Ownership.RespectRemovals {
		noteRespected(d.config, d.seen.Respected)
	}
	d.out.Asked = d.config
	d.out.Problems.Merge(problems)
	d.out.Choice, problems = newChoice(&d.in)
	d.out.Problems.Merge(problems)
	return false
}

// otherWriter says which other Certificate writes the Secret, and whose it is: what made it may be a
// shim of the source's own kind, such as Kuadrant's TLSPolicy or contour-plus.
func (d *decider) otherWriter() (Reason, bool) {
	for _, writer := range d.in.Writers {
		if writer.Flags.Has(Deleting) {
			continue
		}
		name := problem.Name(writer.Name)
		if owner := writer.Owner; owner.Name != "" {
			name += " of " + problem.Name(owner.Kind) + " " + problem.Name(owner.Name)
		}
		return Because(CauseOtherWriter, name, d.in.Ask.Secret), true
	}
	return Reason{}, false
}

func otherWriterHasIt(d *decider) bool {
	why, found := d.otherWriter()
	if !found {
		return false
	}
	d.addError(problem.SecretTaken, why.String())
	return d.decideFor(Refuse, why)
}

func otherSourceIsFirst(d *decider) bool {
	first := d.in.First
	if first == nil {
		return false
	}
	if !d.maySee(first.Source.Namespace) {
		why := Because(CauseSourceElsewhere, d.in.Ask.At(d.in.Source).String())
		d.addError(problem.SecretTaken, why.String())
		return d.decideFor(Refuse, why)
	}
	d.addShared(*first)
	return d.decide(Refuse, CauseOtherSource, d.inWords(first.Source), d.in.Ask.Secret)
}

func nothingValidAsks(d *decider) bool {
	return len(d.in.Ask.Hosts) == 0 && d.decide(Refuse, noneAsks(d.in.Ask))
}

func invalidAnnotation(d *decider) bool {
	switch unread := d.in.Request.Unread; {
	case len(unread) == 0:
		return false
	case unread[0] == annotations.FieldNone:
		return d.decide(Refuse, CauseAskUnreadable)
	default:
		return d.decide(Refuse, CauseAnnotation, string(unread[0]))
	}
}

func create(d *decider) bool {
	d.out.Config, d.out.Want, d.out.Reissue = d.config, Want(d.config), ReissueUnknown
	d.out.Confirm = d.mayBeLate()
	return d.decide(Create, CauseNew)
}

func beingDeleted(d *decider) bool {
	return d.seen.Flags.Has(Deleting) && d.decide(Wait, CauseDeleting)
}

func notOurs(d *decider) bool {
	if d.adopted || Owns(d.in.Source, d.seen) {
		return false
	}
	d.out.Asked = nil // what [reclaim] may have compared it with
	why, reason := otherOwner(d.in.Source, d.seen)
	why = why.behind(d.missing)
	if owner := d.in.Owner; owner != nil && d.maySee(owner.Source.Namespace) {
		d.addShared(*owner)
	} else {
		d.addError(reason, why.String())
	}
	return d.decideFor(Refuse, why)
}

// inWords is a source as it stands in a sentence.
func inWords(ref source.Ref) string { return ref.Kind + " " + problem.Name(ref.Name) }

// inWords is another source as it stands in a sentence, with its namespace if that is another one.
func (d *decider) inWords(ref source.Ref) string {
	if ref.Namespace != d.in.Source.Namespace {
		ref.Name = ref.Namespace + "/" + ref.Name
	}
	return inWords(ref)
}

// maySee reports whether the source may be told which objects of a namespace have to do with the Secret:
// those of its own and, if the Secret is there, all, as they stand on the Certificate.
func (d *decider) maySee(namespace string) bool {
	return namespace == d.in.Source.Namespace || !d.in.isForeign()
}

// Owns reports whether the owner of a Certificate is this source, by uid, group, kind, namespace and name;
// a source that no server has seen has no uid, which is then ignored.
func Owns(object *source.Object, seen Observed) bool {
	owner := seen.Owner
	if object.UID != "" && owner.UID != object.UID {
		return false
	}
	return isNamesake(object, seen)
}

// isNamesake reports whether the owner of a Certificate is the source, or was one before it.
func isNamesake(object *source.Object, seen Observed) bool {
	owner := seen.Owner
	return owner.Group == object.Group && owner.Kind == object.Kind && owner.Name == object.Name && seen.OwnerNamespace() == object.Namespace
}

// otherOwner says whose a Certificate is that isn't ours. What is in other namespaces is named only to
// sources of the Certificate's own.
func otherOwner(object *source.Object, seen Observed) (Reason, problem.Reason) {
	owner, name := seen.Owner, problem.Name(NameFrom(object, seen.FullName()))
	whose := problem.Name(owner.Kind) + " " + problem.Name(owner.Name)
	here := seen.OwnerNamespace() == object.Namespace
	switch {
	case owner == Owner{} && seen.Namespace != object.Namespace:
		return Because(CauseNotThisOnes, name), problem.CertificateNotOurs
	case isNamesake(object, seen) && seen.IsForeign():
		return Because(CauseEarlierTie, name, owner.Kind, problem.Name(owner.UID)), problem.CertificateNotOurs
	case seen.Namespace != object.Namespace && !here:
		return Because(CauseOwnedElsewhere, name), problem.SecretTaken
	case seen.IsForeign() && !here:
		return Because(CauseKeptElsewhere, name, whose, problem.Name(owner.Namespace)), problem.SecretTaken
	case owner == Owner{}, seen.Flags.Has(Tied) && isNamesake(object, seen):
		return Because(CauseNoOwner, name), problem.CertificateNotOurs
	case isNamesake(object, seen):
		return Because(CauseEarlierOwner, name, owner.Kind, problem.Name(owner.UID)), problem.CertificateNotOurs
	case owner.UID == object.UID && owner.UID != "":
		return Because(CauseMisnamedOwner, name, whose), problem.CertificateNotOurs
	}
	if seen.Flags.Has(Tied) {
		return Because(CauseOtherTie, name, whose), problem.SecretTaken
	}
	return Because(CauseOtherOwner, name, whose), problem.SecretTaken
}

func otherWriterShares(d *decider) bool {
	why, found := d.otherWriter()
	if !found {
		return false
	}
	d.addError(problem.SecretTaken, why.String())
	return d.decideFor(Keep, why)
}

func nothingValidAsksAnyMore(d *decider) bool {
	return len(d.in.Ask.Hosts) == 0 && d.decide(Keep, noneAsks(d.in.Ask))
}

// noneAsks is why a Secret that is named gets no names.
func noneAsks(ask source.Ask) Cause {
	if len(ask.Entries)+len(ask.Broken) == 0 {
		return CauseLeftOut
	}
	return CauseNoValidEntry
}

// upToDate is the most frequent case: it compares two digests.
func upToDate(d *decider) bool {
	d.out.Config = d.withoutRespected()
	d.out.Want = Want(d.out.Config)
	if !d.seen.Flags.Has(Applied) || d.seen.Flags.Has(ShimEntries) || d.seen.Have != d.out.Want || d.mayTakeFromOthers() {
		return false
	}
	d.out.Reissue = ReissueNo
	d.warnViolations()
	d.addRespected(d.out.Config)
	return d.decide(None, CauseUpToDate)
}

// withoutRespected is the configuration without what somebody removed and what stays out.
func (d *decider) withoutRespected() map[string]any {
	if d.out.Choice.RespectRemovals && d.seen.Respected != "" {
		config := runtime.DeepCopyJSON(d.config)
		leaveOutRespected(config)
		return config
	}
	return d.config
}

// mayTakeFromOthers reports whether fields may be held by managers that the operator wants taken over.
func (d *decider) mayTakeFromOthers() bool {
	return d.in.Policy.Adoption != nil && d.seen.Flags.Has(OthersHold)
}

func liveNeeded(d *decider) bool {
	const unclear = ShimEntries | OthersHold | UnservedEntries | Untracked | Disturbed
	clear := d.seen.Flags&unclear == 0 && d.seen.Flags.Has(Applied) && len(d.seen.Fights) == 0
	if d.seen.Live != nil || clear && !d.keepsValues() && !d.holdsLargeValues() && !d.spellsTwice() && !d.isUnprompted() {
		return false
	}
	d.out.Config, d.out.NeedsLive = nil, true
	return d.decide(Wait, CauseLiveNeeded)
}

// equalByValue compares the values of a Certificate without managedFields, such as one from a
// file.
func equalByValue(d *decider) bool {
	if d.seen.Live == nil || !d.seen.Flags.Has(Untracked) {
		return false
	}
	d.keepValues()
	if !differing(leaves(d.config), d.config, d.seen.Live).Empty() {
		return false
	}
	d.out.Config, d.out.Want, d.out.Reissue = d.config, Want(d.config), ReissueNo
	d.warnViolations()
	return d.decide(None, CauseEqualValues)
}

// shimStillWrites leaves a Certificate alone that one of cert-manager's shims has written after
// this process did.
func shimStillWrites(d *decider) bool {
	if d.seen.Live == nil || !d.seen.Flags.Has(TakenOver) {
		return false
	}
	seen := observeDecoded(d.seen.Live)
	for _, e := range seen.entries {
		if !e.byShim() || !e.flags(seen.own()).Has(ShimEntries) {
			continue
		}
		flag, _ := shimSwitch(e.manager)
		why := Because(CauseShimWrites, e.manager, problem.Name(d.seen.Name))
		d.addError(problem.OtherShimActive, why.String()+"; switch it off by "+flag+
			". certshim leaves the Certificate alone until then; a restart of certshim takes it over again")
		d.out.Config = nil
		return d.decideFor(Keep, why)
	}
	return false
}

// applyOver applies the configuration, preceded by a take-over if there are fields to take over.
func applyOver(d *decider) bool {
	d.out.Guard = Guard{UID: d.seen.UID}
	if d.seen.Live == nil {
		d.out.Reissue = ReissueUnknown
		d.out.Confirm = d.mayBeLate()
		return d.decide(Apply, CauseDiffers)
	}
	d.keepValues()
	respells := d.respells()
	if respells && d.in.Policy.HoldPaced {
		d.keepSpelling()
	}
	s := settle(d.config, d.seen.Live, d.disturbance(), d.out.Choice)
	if len(s.failed) > 0 {
		return d.fail(s)
	}
	d.out.Yielded = s.yielded
	d.out.Problems.Merge(s.problems)
	switch paced := d.isPaced(s, respells); {
	case paced && s.astray && d.seen.Flags.Has(Applied):
		return d.tieFirst(s)
	case paced && d.in.Policy.HoldPaced:
		return d.hold(s)
	default:
		d.out.Paced = paced
	}
	d.foresee(s)
	return d.applyOf(s)
}

// foresee notes what a settlement changes, and whether a new certificate follows.
func (d *decider) foresee(s settlement) {
	d.out.Changes = s.changes(d.seen.Live)
	if d.out.Reissue = reissue(s, d.seen.Live); d.adopted && d.out.Reissue == ReissueNo && fillsIssuer(s.config, d.seen.Live) {
		d.out.Reissue = ReissueUnknown
	}
}

// applyOf applies a settlement.
func (d *decider) applyOf(s settlement) bool {
	d.out.Config, d.out.Want = s.config, Want(s.config)
	d.out.Force, d.out.PutBack = s.force, s.putBack
	d.out.Problems.Merge(s.putBackProblems())
	d.addRespected(s.config)
	d.out.Confirm = d.mayBeLate()
	if s.entries != nil {
		return d.takeOver(s)
	}
	return d.applySettled(s)
}

func (d *decider) takeOver(s settlement) bool {
	patch, err := s.patch(d.seen.ResourceVersion)
	if err != nil {
		d.out.Config = nil
		return d.decide(Keep, CauseUnwritable, err.Error())
	}
	d.out.TakeOver, d.out.Guard.ResourceVersion = patch, d.seen.ResourceVersion
	d.out.Unchanged = !s.differs
	switch {
	case s.force:
		return d.decide(Apply, CausePutBack)
	case d.seen.Flags.Has(Untracked):
		return d.decide(Apply, CauseDiffers)
	case s.differs:
		return d.decide(Apply, CauseTakenOverDiffer)
	}
	return d.decide(Apply, CauseTakenOver)
}

func (d *decider) applySettled(s settlement) bool {
	if d.seen.Flags.Has(Applied) && d.seen.Have == d.out.Want {
		return d.decide(None, CauseUpToDateBut)
	}
	d.out.Unchanged, d.out.Guard.ResourceVersion = !s.differs, d.seen.ResourceVersion
	if s.force {
		return d.decide(Apply, CausePutBack)
	}
	return d.decide(Apply, CauseDiffers)
}

// fail leaves the Certificate as it is for the sake of fields that others hold, and says so of each.
func (d *decider) fail(s settlement) bool {
	for _, c := range s.failed {
		d.out.Problems.Add(problem.Problem{
			Severity: problem.Error, Path: strings.TrimPrefix(c.Field, "."), Reason: problem.FieldConflict,
			Message: fmt.Sprintf("field manager %s of Certificate %s holds %s with another value, by %s; nothing of the Certificate changes, %s",
				problem.Quote(c.Manager), problem.Name(d.seen.Name), c.Field, c.Operation, authority(c)),
		})
	}
	d.out.Config, d.out.Failed = nil, s.failed
	return d.decide(Keep, CauseFieldConflict, problem.Quote(s.failed[0].Manager), s.failed[0].Field)
}

// authority is what says that nothing changes.
func authority(c Conflict) string {
	switch {
	case c.Lost != "":
		return "since it had the name " + problem.Quote(c.Lost) + ", and would lose it"
	case c.Rule > 0:
		return fmt.Sprintf("by ownership.rules[%d]", c.Rule-1)
	}
	return "by the annotation " + annotations.ConflictsKey
}

// disturbance is what this process knows of a change of what we own without our doing.
func (d *decider) disturbance() disturbance {
	return disturbance{changed: d.seen.Flags.Has(Disturbed), before: d.seen.Before, lacking: d.seen.Flags.Has(LacksNames)}
}

// hold leaves the Certificate as it is, and says in which fields that isn't what is asked for.
func (d *decider) hold(s settlement) bool {
	fields, values := s.described(d.seen.Live)
	d.out.Config, d.out.Paced = nil, false
	d.out.Problems.Add(problem.Problem{
		Severity: problem.Warning, Path: d.path(), Reason: problem.ChangesHeld,
		Message: fmt.Sprintf("Certificate %s isn't what is asked for: %s. No edit of the object asks for that since certshim looks, and takeover.changesPerMinute is 0, so that nothing of it changes",
			problem.Name(d.seen.Name), values),
	})
	return d.decide(Keep, CauseChangesHeld, fields)
}

// sawItChange says whether what differs now was as wanted before, in the time of this process.
func (d *decider) sawItChange() bool { return d.seen.Flags&(Settled|TakenOver) != 0 }
