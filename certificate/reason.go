package certificate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/certshim/certshim/annotations"
)

// Cause is the code for why something is decided, for programs to compare. Codes are part of the
// reports of plan and explain, and keep their meaning.
type Cause string

// The causes of what is done about a Certificate.
const (
	CauseNew             Cause = "new"
	CauseUpToDate        Cause = "up-to-date"
	CauseUpToDateBut     Cause = "up-to-date-but-left"
	CauseEqualValues     Cause = "equal-values"
	CauseDiffers         Cause = "differs"
	CausePutBack         Cause = "put-back"
	CauseTakenOver       Cause = "taken-over"
	CauseTakenOverDiffer Cause = "taken-over-differs"
	CauseReclaimed       Cause = "reclaimed"
	CauseRestored        Cause = "restored"
	CauseRetained        Cause = "retained"
	CauseUnneeded        Cause = "no-longer-named"
)

// The causes of leaving one as it is, or of making none.
const (
	CauseDeleting         Cause = "deleting"
	CauseLiveNeeded       Cause = "live-needed"
	CauseOtherWriter      Cause = "other-certificate"
	CauseOtherSource      Cause = "other-source-first"
	CauseNoValidEntry     Cause = "no-valid-entry"
	CauseLeftOut          Cause = "left-out"
	CauseAnnotation       Cause = "annotation-unreadable"
	CauseIssuerRefuses    Cause = "issuer-refuses"
	CauseChangeRefused    Cause = "issuer-refuses-change"
	CauseFieldConflict    Cause = "field-conflict"
	CauseChangesHeld      Cause = "changes-held"
	CauseLeftToAdopt      Cause = "left-to-adopt"
	CauseShimWrites       Cause = "shim-still-writes"
	CauseUnwritable       Cause = "managed-fields-unwritable"
	CauseOutlives         Cause = "outlives-source"
	CauseAwaitsOther      Cause = "awaits-other"
	CauseNotKept          Cause = "no-longer-kept"
	CauseNotAskedFor      Cause = "not-asked-for"
	CauseNoOwner          Cause = "no-owner"
	CauseEarlierOwner     Cause = "earlier-owner"
	CauseMisnamedOwner    Cause = "misnamed-owner"
	CauseOtherTie         Cause = "tied-to-other"
	CauseOtherOwner       Cause = "other-owner"
	CauseSourceElsewhere  Cause = "source-elsewhere-first"
	CauseNotThisOnes      Cause = "not-this-objects"
	CauseEarlierTie       Cause = "tied-to-earlier"
	CauseOwnedElsewhere   Cause = "owned-elsewhere"
	CauseKeptElsewhere    Cause = "kept-for-elsewhere"
	CauseStaysElsewhere   Cause = "stays-elsewhere"
	CauseNotCrossing      Cause = "other-namespace"
	CauseNotGranted       Cause = "not-granted"
	CauseGrantUnread      Cause = "grant-unread"
	CauseFieldElsewhere   Cause = "annotation-not-elsewhere"
	CauseIssuerElsewhere  Cause = "issuer-not-elsewhere"
	CauseIssuerNotThere   Cause = "issuer-not-for-secret"
	CausePolicyElsewhere  Cause = "policy-of-secret-unknown"
	CauseIssuerUnknown    Cause = "issuer-unknown"
	CauseIssuerForbidden  Cause = "issuer-not-allowed"
	CauseIssuerClosed     Cause = "issuer-not-for-namespace"
	CauseResolverSilent   Cause = "resolver-silent"
	CauseRoutesSettle     Cause = "routes-settle"
	CauseNameForbidden    Cause = "name-not-allowed"
	CauseKeptForbidden    Cause = "kept-name-not-allowed"
	CausePolicyUnknown    Cause = "policy-unknown"
	CauseNamespaceUnread  Cause = "namespace-unread"
	CauseNamespaceInvalid Cause = "namespace-annotation-unreadable"
	CauseUnread           Cause = "certificate-unread"
	CauseNoTrigger        Cause = "no-trigger"
	CauseIgnored          Cause = "ignored"
	CauseOtherShare       Cause = "other-instance"
	CauseSecretInShare    Cause = "secret-of-other-instance"
	CauseSourceDeleting   Cause = "source-deleting"
	CauseSourceUnreadable Cause = "source-unreadable"
	CauseSourceFails      Cause = "source-type-fails"
	CauseNoKind           Cause = "no-kind-of-source"
	CauseSectionsUnread   Cause = "sections-unreadable"
	CauseSectionUnread    Cause = "section-unreadable"
	CauseSectionUnclear   Cause = "section-unclear"
	CauseSectionsDiffer   Cause = "sections-differ"
	CauseSectionSilent    Cause = "section-no-trigger"
	CauseParentInvalid    Cause = "parent-invalid"
	CauseParentUnread     Cause = "parent-unread"
	CauseParentMissing    Cause = "parent-missing"
	CauseParentRefuses    Cause = "parent-refuses"
	CauseParentUncertain  Cause = "parent-uncertain"
	CauseListenersUnread  Cause = "listeners-unread"
)

// The causes for which certshim adopt or release leaves one as it is.
const (
	CauseNoShim           Cause = "no-shim"
	CauseNoReference      Cause = "no-owner-reference"
	CauseControllerServes Cause = "controller-serves"
	CauseLeaseUnread      Cause = "lease-unread"
	CauseAppliedElsewhere Cause = "applied-elsewhere"
)

// The causes behind another one: why a Certificate that isn't the source's doesn't become so.
const (
	CauseAskUnreadable    Cause = "ask-unreadable"
	CauseOtherNames       Cause = "other-source"
	CauseUntracked        Cause = "untracked"
	CauseOthersHold       Cause = "others-hold"
	CauseNotAsAsked       Cause = "not-as-asked"
	CauseOrigins          Cause = "several-origins"
	CauseOriginThere      Cause = "origin-may-be-there"
	CauseOriginNotAsAsked Cause = "origin-gone-not-as-asked"
	CauseTieUnreadable    Cause = "tie-unreadable"
	CauseTieCopied        Cause = "tie-copied"
	CauseTieOther         Cause = "tie-to-other"
	CauseTieEarlier       Cause = "tie-to-earlier"
	CauseOtherSecret      Cause = "other-secret"
	CauseNotNamed         Cause = "holder-not-named"
	CauseLosesNames       Cause = "loses-names"
)

// words are what people read. Each %s is something that the reason is about, in the order of
// [Because]. What ends in a colon goes on with the reason behind it. They are never changed.
var words = map[Cause]string{
	CauseNew:             "there is no such Certificate yet",
	CauseUpToDate:        "it is up to date",
	CauseUpToDateBut:     "it is up to date, except for fields that others hold or that are kept",
	CauseEqualValues:     "its values are as asked for; it has no managedFields",
	CauseDiffers:         "it differs from what is asked for",
	CausePutBack:         "somebody changed fields of it, which are put back",
	CauseTakenOver:       "it is taken over; no value changes",
	CauseTakenOverDiffer: "it is taken over, and differs from what is asked for",
	CauseReclaimed:       "it is tied to this object, which takes it over; no value changes",
	CauseRestored:        "certshim made it for an object that isn't there any more, and it is as this one asks for; no value changes",
	CauseRetained:        "it is to outlive the object: the annotation " + TieKey + " takes the place of its owner reference",
	CauseUnneeded:        "the source no longer names its Secret",

	CauseDeleting:        "the Certificate is being deleted",
	CauseLiveNeeded:      "the live Certificate has to be read first",
	CauseOtherWriter:     "Certificate %s writes Secret %s too",
	CauseOtherSource:     "%s asks for Secret %s too, and comes first",
	CauseNoValidEntry:    "no valid entry asks for it",
	CauseLeftOut:         "no entry asks for it: those that name it are ignored by an annotation, or don't terminate TLS",
	CauseAnnotation:      "the annotation for %s can't be read",
	CauseIssuerRefuses:   "it can't be issued: %s",
	CauseChangeRefused:   "the change can't be issued: %s",
	CauseFieldConflict:   "field manager %s holds %s, and nothing may change then",
	CauseChangesHeld:     "takeover.changesPerMinute is 0, and it differs in %s",
	CauseLeftToAdopt:     "cert-manager's shim made it, and takeover.mode is manual: it is left to certshim adopt",
	CauseShimWrites:      "cert-manager's %s still writes Certificate %s",
	CauseUnwritable:      "its managedFields can't be written as JSON: %s",
	CauseOutlives:        "nothing names it any more, and it outlives that: its annotation " + TieKey + " takes the place of an owner reference",
	CauseAwaitsOther:     "nothing names it any more, but it stays until there is a Certificate %s",
	CauseNotKept:         "it is no longer kept up to date:",
	CauseNotAskedFor:     "%s doesn't ask for a Secret of this name; it stays with %s",
	CauseNoOwner:         "Certificate %s exists and has no controller owner",
	CauseEarlierOwner:    "Certificate %s belongs to an earlier %s of this name, with uid %s",
	CauseMisnamedOwner:   "Certificate %s has an owner reference with this object's uid, but to %s",
	CauseOtherTie:        "Certificate %s is kept for %s, to which its annotation " + TieKey + " ties it",
	CauseOtherOwner:      "Certificate %s belongs to %s",
	CauseSourceElsewhere: "another object asks for Secret %s too, and comes first",
	CauseNotThisOnes:     "Certificate %s exists and isn't this object's",
	CauseEarlierTie: "Certificate %s is tied to an earlier %s of this name, with uid %s: nothing is taken over across namespaces. " +
		"Let the owners of that namespace look at their ReferenceGrant, and delete the Certificate",
	CauseOwnedElsewhere: "Certificate %s belongs to another object",
	CauseKeptElsewhere: "Certificate %s is kept for %s of namespace %s, to which its annotation " + TieKey + " ties it: " +
		"to have it here, take back the ReferenceGrant and delete the Certificate",
	CauseStaysElsewhere:   "nothing names it any more, and it stays: none is deleted in another namespace while the object is there",
	CauseNotCrossing:      "its Secret is in another namespace",
	CauseNotGranted:       "no ReferenceGrant of its namespace allows it",
	CauseGrantUnread:      "whether a ReferenceGrant of its namespace allows it can't be known",
	CauseFieldElsewhere:   "the annotation for %s asks for what isn't made in another namespace",
	CauseIssuerElsewhere:  "its issuer can't sign for another namespace",
	CauseIssuerNotThere:   "the namespace of its Secret may not use its issuer",
	CausePolicyElsewhere:  "the Namespace of its Secret can't be read, and a policy goes by it",
	CauseIssuerUnknown:    "its issuer isn't known",
	CauseIssuerForbidden:  "%s doesn't allow its issuer",
	CauseIssuerClosed:     "this namespace may not use its issuer",
	CauseResolverSilent:   "the resolver of its issuer has not answered yet",
	CauseRoutesSettle:     "its routes changed a moment ago",
	CauseNameForbidden:    "%s doesn't allow a name of it",
	CauseKeptForbidden:    "%s doesn't allow a name that it keeps",
	CausePolicyUnknown:    "its Namespace can't be read, and a policy goes by it",
	CauseNamespaceUnread:  "the annotations of its namespace can't be read, and may name its issuer",
	CauseNamespaceInvalid: "an issuer annotation of its Namespace can't be read",
	CauseUnread:           "whether it has a Certificate can't be known",
	CauseNoTrigger:        "it names no issuer: no trigger annotation",
	CauseIgnored:          "it is marked to be ignored",
	CauseSourceDeleting:   "it is being deleted; the garbage collector takes its Certificates along",
	CauseSourceUnreadable: "it can't be read",
	CauseSourceFails:      "its source type fails: %s",
	CauseOtherShare:       "another instance serves its namespace",
	CauseSecretInShare:    "another instance serves the namespace of the Secret",
	CauseNoKind:           "%s of group %s is no kind of source",
	CauseSectionsUnread:   "the annotation " + annotations.SectionsKey + " can't be read",
	CauseSectionUnread:    "the section %s can't be read",
	CauseSectionUnclear:   "the name %s of a section is that of a listener and of a Secret",
	CauseSectionsDiffer:   "%s and %s have the same Secret %s, and not the same annotations",
	CauseSectionSilent:    "neither the object nor a section of " + annotations.SectionsKey + " names an issuer for its Secret",
	CauseParentInvalid:    "its parent can't be asked: %s",
	CauseParentUnread:     "%s can't be read",
	CauseParentMissing:    "%s isn't there",
	CauseParentRefuses:    "its parent doesn't admit it: %s",
	CauseParentUncertain:  "whether its parent admits it can't be known: %s",
	CauseListenersUnread:  "whether other listeners of its Gateway conflict with its own can't be known",

	CauseNoShim:           "cert-manager has no shim for the kind %s",
	CauseNoReference:      "it has no owner reference, by which cert-manager's shim knows its Certificates: let certshim put it back by " + annotations.DeletionKey + ": delete on the object, or free the Certificate",
	CauseControllerServes: "the controller %s serves it (Lease %s), and would take it over again",
	CauseLeaseUnread:      "whether a controller serves it can't be known, since the Lease %s may not be read; if none runs, say so by --controller-stopped",
	CauseAppliedElsewhere: "%s applies it, and would set its fields again; take it out of there first, without letting it be deleted, then give --yes-it-left-git",

	CauseAskUnreadable:    "not all that is asked for can be read",
	CauseOtherNames:       "%s names Secret %s too",
	CauseUntracked:        "it has no managedFields, which would show that certshim applied it",
	CauseOthersHold:       "field manager %s holds fields of it, by %s: only what certshim alone applied is taken over",
	CauseNotAsAsked:       "it isn't as asked for: %s",
	CauseOrigins:          "certshim made it for %s objects that aren't its owner",
	CauseOriginThere:      "certshim made it for an object of uid %s, which may still be there",
	CauseOriginNotAsAsked: "certshim made it for an object that isn't there any more, and it isn't as asked for: %s",
	CauseTieUnreadable:    "its annotation " + TieKey + " can't be read: %s",
	CauseTieCopied:        "its annotation " + TieKey + " is a copy of that of Certificate %s",
	CauseTieEarlier:       "its annotation " + TieKey + " ties it to an earlier %s of this name, and nothing is taken over across namespaces",
	CauseTieOther:         "its annotation " + TieKey + " ties it to %s",
	CauseOtherSecret:      "it writes Secret %s, not the one of its name that is asked for",
	CauseNotNamed:         "its fields are held by %s; name those to take over by --from",
	CauseLosesNames:       "it would lose the names %s",
}

// Causes lists every cause, sorted.
func Causes() []Cause { return slices.Sorted(maps.Keys(words)) }

// Words are those of the cause for people; … stands for what a reason is about.
func (c Cause) Words() string {
	return strings.ReplaceAll(strings.TrimSuffix(words[c], ":"), "%s", "…")
}

// Reason is why something is decided: a cause, and what in particular it is about. The zero Reason
// is none.
type Reason struct {
	Cause Cause
	// About is what the words name, as it stands in them.
	About []string
	// Behind is the reason of the reason, nil for none.
	Behind *Reason
}

// Because is the reason of a cause.
func Because(cause Cause, about ...string) Reason { return Reason{Cause: cause, About: about} }

// IsZero reports whether it is none.
func (r Reason) IsZero() bool { return r.Cause == "" }

// behind is the reason with another one behind it, if that is one.
func (r Reason) behind(other Reason) Reason {
	if !other.IsZero() {
		r.Behind = &other
	}
	return r
}

// String is the reason in words, as a sentence fragment.
func (r Reason) String() string {
	about := make([]any, len(r.About))
	for i, text := range r.About {
		about[i] = text
	}
	text := fmt.Sprintf(words[r.Cause], about...)
	switch {
	case r.Behind == nil:
		return text
	case strings.HasSuffix(words[r.Cause], ":"):
		return text + " " + r.Behind.String()
	}
	return text + "; " + r.Behind.String()
}
