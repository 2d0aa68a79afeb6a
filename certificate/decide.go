package certificate

import (
	"fmt"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// Decide says what is to be done about the Certificate of one Secret that a source asks
// for. It is an ordered list of checks: the first that has an answer gives it.
func Decide(in Input) Decision {
	d := newDecider(in)
	for _, check := range d.checks() {
		if check(d) {
			break
		}
	}
	return d.out
}

// differs is why a Certificate is applied that is ours already.
const differs = "it differs from what is asked for"

// check answers by calling a method of the decider, or leaves it to the next by false.
type check func(*decider) bool

func (d *decider) checks() []check {
	if d.in.Existing == nil {
		return []check{otherWriterHasIt, otherSourceIsFirst, nothingValidAsks, notUnderstood, mustWait, cannotBeIssued, createIt}
	}
	return []check{
		beingDeleted, notOurs, otherWriterShares, nothingValidAsksAnyMore,
		upToDate, liveIsNeeded, equalByValue, shimStillWrites, changeCannotBeIssued, applyOver,
	}
}

// decider is one run of Decide.
type decider struct {
	in     Input
	seen   Observed
	config map[string]any
	out    Decision
}

func newDecider(in Input) *decider {
	d := &decider{in: in, out: Decision{Namespace: in.Source.Namespace, Name: in.Ask.Secret}}
	if in.Existing != nil {
		d.seen = current(*in.Existing)
	}
	return d
}

// current prefers what was read live over what the cache said.
func current(o Observed) Observed {
	if o.Live == nil {
		return o
	}
	fresh := Observe(o.Live)
	fresh.Live = o.Live
	fresh.Flags |= o.Flags & TakenOver
	return fresh
}

func (d *decider) decide(action Action, reason string) bool {
	d.out.Action, d.out.Reason = action, reason
	return true
}

// tell adds an error of the source about this Secret.
func (d *decider) tell(reason problem.Reason, message string) {
	d.out.Problems.Add(problem.Problem{Severity: problem.Error, Path: d.path(), Value: d.in.Ask.Secret, Reason: reason, Message: message})
}

// path is where the source names the Secret first.
func (d *decider) path() string {
	for _, entries := range [][]source.EntryRef{d.in.Ask.Entries, d.in.Ask.Broken} {
		if len(entries) > 0 {
			return entries[0].Path
		}
	}
	return "spec"
}

// build makes the configuration once it is clear that the Certificate is ours.
func (d *decider) build() {
	var problems problem.List
	d.config, problems = build(d.in)
	d.out.Problems.Merge(problems)
}

func (d *decider) otherWriter() (string, bool) {
	for _, writer := range d.in.Writers {
		if writer.Name != d.in.Ask.Secret && writer.Flags&Deleting == 0 {
			return writer.Name, true
		}
	}
	return "", false
}

func otherWriterHasIt(d *decider) bool {
	name, found := d.otherWriter()
	if !found {
		return false
	}
	why := fmt.Sprintf("Certificate %s already writes Secret %s", problem.Name(name), d.in.Ask.Secret)
	d.tell(problem.SecretTaken, why)
	return d.decide(Refuse, why)
}

func otherSourceIsFirst(d *decider) bool {
	first := d.in.First
	if first == nil {
		return false
	}
	why := fmt.Sprintf("%s %s asks for Secret %s too, and comes first", first.Kind, problem.Name(first.Name), d.in.Ask.Secret)
	d.tell(problem.SecretTaken, why)
	return d.decide(Refuse, why)
}

func nothingValidAsks(d *decider) bool {
	return len(d.in.Ask.Hosts) == 0 && d.decide(Refuse, "no valid entry asks for it")
}

func notUnderstood(d *decider) bool {
	switch unread := d.in.Request.Unread; {
	case len(unread) == 0:
		return false
	case unread[0] == annotations.FieldNone:
		return d.decide(Refuse, "an annotation that says what is asked for can't be read")
	default:
		return d.decide(Refuse, fmt.Sprintf("the annotation for %s can't be read", unread[0]))
	}
}

func createIt(d *decider) bool {
	d.out.Config, d.out.Want, d.out.Reissue = d.config, Want(d.config), ReissueUnknown
	return d.decide(Create, "there is no such Certificate yet")
}

func beingDeleted(d *decider) bool {
	return d.seen.Flags.Has(Deleting) && d.decide(Wait, "the Certificate is being deleted")
}

func notOurs(d *decider) bool {
	if owns(d.in.Source, d.seen.Owner) {
		return false
	}
	why, reason := stranger(d.in.Source, d.seen)
	d.tell(reason, why)
	return d.decide(Refuse, why)
}

// owns says whether a controller reference is to this source: by uid, group, kind and
// name, or without uid for a source that no server has seen.
func owns(object *source.Object, owner Owner) bool {
	if object.UID != "" && owner.UID != object.UID {
		return false
	}
	return owner.Group == object.Group && owner.Kind == object.Kind && owner.Name == object.Name
}

// stranger says in words whose a Certificate is that isn't ours.
func stranger(object *source.Object, seen Observed) (string, problem.Reason) {
	owner, name := seen.Owner, problem.Name(seen.Name)
	whose := problem.Name(owner.Kind) + " " + problem.Name(owner.Name)
	switch {
	case owner == Owner{}:
		return fmt.Sprintf("Certificate %s exists and has no controller owner", name), problem.CertificateNotOurs
	case owner.Group == object.Group && owner.Kind == object.Kind && owner.Name == object.Name:
		return fmt.Sprintf("Certificate %s belongs to an earlier %s of this name, with uid %s", name, owner.Kind, problem.Name(owner.UID)), problem.CertificateNotOurs
	case owner.UID == object.UID && owner.UID != "":
		return fmt.Sprintf("Certificate %s has an owner reference with this object's uid, but to %s", name, whose), problem.CertificateNotOurs
	}
	return fmt.Sprintf("Certificate %s belongs to %s", name, whose), problem.SecretTaken
}

func otherWriterShares(d *decider) bool {
	name, found := d.otherWriter()
	if !found {
		return false
	}
	why := fmt.Sprintf("Certificate %s writes Secret %s too", problem.Name(name), d.in.Ask.Secret)
	d.tell(problem.SecretTaken, why)
	return d.decide(Keep, why)
}

func nothingValidAsksAnyMore(d *decider) bool {
	return len(d.in.Ask.Hosts) == 0 && d.decide(Keep, "it is still named, but no valid entry asks for it")
}

// upToDate is the healthy path: one comparison of two numbers.
func upToDate(d *decider) bool {
	d.build()
	d.out.Config, d.out.Want = d.config, Want(d.config)
	if !d.seen.Flags.Has(Applied) || d.seen.Flags.Has(ShimEntries) || d.seen.Have != d.out.Want {
		return false
	}
	d.out.Reissue = ReissueNo
	d.warnOfLimits()
	return d.decide(None, "it is up to date")
}

func liveIsNeeded(d *decider) bool {
	const unclear = ShimEntries | OthersHold | UnservedEntries | Untracked
	if d.seen.Live != nil || d.seen.Flags&unclear == 0 && d.seen.Flags.Has(Applied) && !d.keepsValues() {
		return false
	}
	d.out.Config, d.out.NeedsLive = nil, true
	return d.decide(Wait, "it has to be read once: others hold fields of it, or values have to be kept")
}

// equalByValue judges a Certificate without any managedFields, such as one from a file.
func equalByValue(d *decider) bool {
	if d.seen.Live == nil || !d.seen.Flags.Has(Untracked) {
		return false
	}
	d.keepValues()
	for path, want := range leaves(d.config) {
		if there, found := lookup(d.seen.Live, path); !found || !equal(there, want) {
			return false
		}
	}
	d.out.Config, d.out.Want, d.out.Reissue = d.config, Want(d.config), ReissueNo
	d.warnOfLimits()
	return d.decide(None, "its values are as they should be; nothing is recorded of who set them")
}

// shimStillWrites steps back from a Certificate that one of cert-manager's shims wrote
// after this process had.
func shimStillWrites(d *decider) bool {
	if d.seen.Live == nil || !d.seen.Flags.Has(TakenOver) {
		return false
	}
	entries := managedFields(d.seen.Live)
	own := ownEntry(entries)
	for _, e := range entries {
		if !e.shim() || !e.flags(own).Has(ShimEntries) {
			continue
		}
		flag, _ := shimSwitch(e.manager())
		why := fmt.Sprintf("cert-manager's %s still writes Certificate %s", e.manager(), problem.Name(d.seen.Name))
		d.tell(problem.OtherShimActive, why+"; switch it off by "+flag+
			". certshim leaves the Certificate alone until then; a restart of certshim takes it over again")
		d.out.Config = nil
		return d.decide(Keep, why)
	}
	return false
}

// applyOver applies, after a take-over where there is something to take.
func applyOver(d *decider) bool {
	d.out.Guard = Guard{UID: d.seen.UID}
	if d.seen.Live == nil {
		d.out.Reissue = ReissueUnknown
		return d.decide(Apply, differs)
	}
	d.keepValues()
	s := settle(d.config, d.seen.Live)
	d.out.Config, d.out.Want, d.out.Yielded = s.config, Want(s.config), s.yielded
	d.out.Problems.Merge(s.problems)
	d.out.Reissue = reissue(s, d.seen.Live)
	if s.entries != nil {
		return d.takeOver(s)
	}
	return d.applySettled(s)
}

func (d *decider) takeOver(s settlement) bool {
	patch, err := s.patch(d.seen.ResourceVersion)
	if err != nil {
		d.out.Config = nil
		return d.decide(Keep, "its managedFields can't be written as JSON: "+err.Error())
	}
	d.out.TakeOver, d.out.Guard.ResourceVersion = patch, d.seen.ResourceVersion
	d.out.Unchanged = !s.differs
	d.out.Paced = s.differs && s.shimHeld
	switch {
	case d.seen.Flags.Has(Untracked):
		return d.decide(Apply, differs)
	case s.differs:
		return d.decide(Apply, "it is taken over, and differs from what is asked for")
	}
	return d.decide(Apply, "it is taken over; no value changes")
}

func (d *decider) applySettled(s settlement) bool {
	if d.seen.Flags.Has(Applied) && d.seen.Have == d.out.Want {
		return d.decide(None, "it is up to date, but for what others hold or what is kept")
	}
	d.out.Unchanged, d.out.Guard.ResourceVersion = !s.differs, d.seen.ResourceVersion
	return d.decide(Apply, differs)
}
