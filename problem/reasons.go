package problem

import "slices"

// Reason is the CamelCase identifier of a class of problems: the reason of their Events and a
// label of the problem counter.
type Reason string

const (
	// BadConfig is cert-manager's own word for a source that can't be understood.
	BadConfig Reason = "BadConfig"
	// UnknownAnnotation is an unknown key that resembles a known one, or has one of cert-manager's
	// prefixes.
	UnknownAnnotation Reason = "UnknownAnnotation"
	// NothingToDo is a trigger annotation on an object that asks for no certificate.
	NothingToDo Reason = "NothingToDo"
	// BadIssuer is an issuer reference that can't be valid as it is written.
	BadIssuer Reason = "BadIssuer"
	// IssuerNotFound is an issuer that doesn't exist.
	IssuerNotFound Reason = "IssuerNotFound"
	// IssuerKindNotInstalled is an issuer of a kind whose CRD isn't installed.
	IssuerKindNotInstalled Reason = "IssuerKindNotInstalled"
	// IssuerNotReady is an issuer that can't sign at the moment.
	IssuerNotReady Reason = "IssuerNotReady"
	// IssuerNotAllowed is an issuer that the namespace may not use.
	IssuerNotAllowed Reason = "IssuerNotAllowed"
	// HostNotAllowed is a name, mostly a host, that the operator's policy doesn't allow here.
	HostNotAllowed Reason = "HostNotAllowed"
	// IssuerResolverUnavailable is an issuer whose resolver hasn't answered yet.
	IssuerResolverUnavailable Reason = "IssuerResolverUnavailable"
	// IssuerCannotIssue is a Certificate that its issuer can never sign.
	IssuerCannotIssue Reason = "IssuerCannotIssue"
	// IssuerMayRefuse is a Certificate that its issuer will probably not sign as asked.
	IssuerMayRefuse Reason = "IssuerMayRefuse"
	// ParentNotFound is a ListenerSet whose Gateway doesn't exist.
	ParentNotFound Reason = "ParentNotFound"
	// ParentRefuses is a ListenerSet that its Gateway does not admit.
	ParentRefuses Reason = "ParentRefuses"
	// ListenerConflict is a listener that another one of the same Gateway conflicts with.
	ListenerConflict Reason = "ListenerConflict"
	// SecretTaken is a Secret that another object or Certificate already uses.
	SecretTaken Reason = "SecretTaken"
	// NotGranted means that a Secret of another namespace is asked for and no ReferenceGrant there lets it be.
	NotGranted Reason = "NotGranted"
	// RouteNames is about names of attached routes that can't go into a Certificate, or not be issued.
	RouteNames Reason = "RouteNames"
	// ChallengeUnanswered is an issuer that proves names over HTTP at an object that has no listener for it.
	ChallengeUnanswered Reason = "ChallengeUnanswered"
	// SecretShared is a Secret of another object whose Certificate has all names of this one, from the
	// same issuer.
	SecretShared Reason = "SecretShared"
	// CertificateNotOurs is a Certificate of the wanted name that this source doesn't own.
	CertificateNotOurs Reason = "CertificateNotOurs"
	// NoLongerKept is a Certificate that is no longer kept up to date.
	NoLongerKept Reason = "NoLongerKept"
	// FieldConflict is a field of our Certificate that another field manager holds.
	FieldConflict Reason = "FieldConflict"
	// EditPutBack is a field of our Certificate that somebody else changed.
	EditPutBack Reason = "EditPutBack"
	// FieldContested is a field of our Certificate that somebody else takes again and again.
	FieldContested Reason = "FieldContested"
	// RemovalRespected is a field of our Certificate that somebody removed and that stays out.
	RemovalRespected Reason = "RemovalRespected"
	// ChangesHeld is a Certificate that stays as it is, though something else is asked for, since the
	// operator allows no change of it.
	ChangesHeld Reason = "ChangesHeld"
	// LeftToAdopt is a Certificate of cert-manager's shim that is taken over by hand.
	LeftToAdopt Reason = "LeftToAdopt"
	// ChangedOnAdmission is a field of our Certificate that admission gives another value.
	ChangedOnAdmission Reason = "ChangedOnAdmission"
	// OtherShimActive is a sign that cert-manager's own shim still writes.
	OtherShimActive Reason = "OtherShimActive"
	// FieldNotServed is a field that the installed Certificate CRD doesn't have.
	FieldNotServed Reason = "FieldNotServed"
	// Refused is a rejection by the API server that a retry doesn't resolve.
	Refused Reason = "Refused"
	// WebhookDown is an admission webhook that has not answered for minutes.
	WebhookDown Reason = "WebhookDown"
	// UnknownField is a field of a manifest that its kind doesn't have.
	UnknownField Reason = "UnknownField"
	// InvalidField is a field of a manifest that is missing, or has a value that API servers refuse.
	InvalidField Reason = "InvalidField"
	// NotServed is a manifest whose version or kind no API server serves.
	NotServed Reason = "NotServed"
	// HostWithoutTLS is a host of an Ingress's rule that none of its TLS entries covers.
	HostWithoutTLS Reason = "HostWithoutTLS"
	// SecretInInput is the Secret of a planned Certificate that is among the manifests itself.
	SecretInInput Reason = "SecretInInput"
	// SameNames is a second Certificate for a set of names of an ACME issuer.
	SameNames Reason = "SameNames"
)

// Explained is a reason and the sentence that says when it occurs.
type Explained struct {
	Reason   Reason
	Sentence string
	// Announced lets a problem of severity [Info] become an Event, a Normal one.
	Announced bool
	// Settles says that the problem may be true for a moment only, because what it depends on comes
	// through another watch. The controller waits a little before it says so.
	Settles bool
	// Answered says that the problem is an answer of the API server. Its words differ from try to
	// try, and it stands until the server gives another answer.
	Answered bool
}

// reasons has every reason in the order in which the reference page shows them.
var reasons = []Explained{
	{Reason: BadConfig, Sentence: "An annotation, a TLS entry or a listener can't be understood as it is written."},
	{Reason: UnknownAnnotation, Sentence: "An annotation key is unknown, and nearly the same as a known one, or one of cert-manager.io or acme.cert-manager.io: it does nothing."},
	{Reason: NothingToDo, Sentence: "The object names an issuer but asks for no certificate: no TLS entry or listener counts."},
	{Reason: BadIssuer, Sentence: "The issuer annotations don't name an issuer that can exist; the message has the lines that would."},
	{Reason: IssuerNotFound, Sentence: "The issuer isn't there. The Certificate is made all the same, and is signed once it is; an existing one stays with its present issuer until then.", Settles: true},
	{Reason: IssuerKindNotInstalled, Sentence: "The cluster has no issuers of this kind: its CRD isn't installed. What is done is the same as for IssuerNotFound.", Settles: true},
	{Reason: IssuerNotReady, Sentence: "The issuer can't sign now. The Certificate is made all the same, and is signed once the issuer is ready."},
	{Reason: IssuerNotAllowed, Sentence: "The namespace may not use the issuer. No Certificate is made, and one that exists stays as it is."},
	{Reason: HostNotAllowed, Sentence: "The operator's policy doesn't allow this name here: a host, a URI or an e-mail address. No Certificate is made, and one that exists stays as it is."},
	{Reason: IssuerResolverUnavailable, Sentence: "The resolver of the issuer, a plugin, has not answered since the start, and the operator lets it set values: new Certificates wait for it.", Settles: true},
	{Reason: IssuerCannotIssue, Sentence: "The issuer can never sign what is asked for. No Certificate is made from it, and one that exists is not changed to it."},
	{Reason: IssuerMayRefuse, Sentence: "The issuer will probably refuse what is asked for, or sign something else."},
	{Reason: ParentNotFound, Sentence: "The Gateway that a ListenerSet names isn't there or is being deleted.", Settles: true},
	{Reason: ParentRefuses, Sentence: "The Gateway that a ListenerSet names does not admit it (spec.allowedListeners).", Settles: true},
	{Reason: ListenerConflict, Sentence: "Another listener of the same Gateway, or of one of its ListenerSets, has this listener's port, protocol and hostname, and comes first, or that can't be known. No certificate is made for it, and one that exists stays as it is.", Settles: true},
	{Reason: SecretTaken, Sentence: "Another object, or another Certificate, already has the Secret. The first keeps it."},
	{Reason: NotGranted, Sentence: "A Secret of another namespace is asked for, and no ReferenceGrant there lets it be, or that can't be known. No Certificate is made, and one that exists stays as it is.", Settles: true},
	{Reason: RouteNames, Sentence: "Names of attached routes can't be had as they are asked for: not all routes can be read, there is no room for all of them, or the certificate fails since some were added."},
	{Reason: ChallengeUnanswered, Sentence: "The issuer proves names over HTTP, by a route that attaches to this object, and none of its listeners takes that route: they don't admit it, or there is none for HTTP. The Certificate is made all the same.", Announced: true},
	{Reason: SecretShared, Sentence: "Another object has the Secret, and its Certificate has all names of this one, from the same issuer.", Announced: true},
	{Reason: CertificateNotOurs, Sentence: "A Certificate of that name exists and this object is not its controller owner. It is left alone."},
	{Reason: NoLongerKept, Sentence: "The object no longer asks for its Certificate, or is marked to be ignored: the Certificate stays, and is not kept up to date.", Settles: true},
	{Reason: FieldConflict, Sentence: "Another field manager applies a field with another value. It stays theirs; the rest is applied."},
	{Reason: EditPutBack, Sentence: "Somebody changed a field that the object asks for, without applying it. It gets its value again."},
	{Reason: FieldContested, Sentence: "Somebody takes a field that the object asks for again and again. It is left to them for now, and tried again later."},
	{Reason: RemovalRespected, Sentence: "Somebody removed a field that the object asks for, and the operator wants it to stay out until something else is asked for.", Announced: true},
	{Reason: ChangesHeld, Sentence: "The Certificate isn't what is asked for, no edit of the object caused that, and takeover.changesPerMinute is 0: it stays as it is until that is raised."},
	{Reason: LeftToAdopt, Sentence: "cert-manager's shim made the Certificate, and takeover.mode is manual: it stays as it is until certshim adopt takes it over.", Announced: true},
	{Reason: ChangedOnAdmission, Sentence: "An admission webhook or policy gives a field another value whenever it is applied. It isn't applied again."},
	{Reason: OtherShimActive, Sentence: "cert-manager's own shim still writes this Certificate. certshim steps back until the shim is switched off."},
	{Reason: FieldNotServed, Sentence: "The Certificate CRD in this cluster lacks a field that an annotation asks for. It is left out."},
	{Reason: Refused, Sentence: "The API server refuses what the object asks for, by admission or validation. It is tried again slowly.", Answered: true},
	{Reason: WebhookDown, Sentence: "An admission webhook has not answered for minutes, so that nothing can be written.", Answered: true},
	{Reason: UnknownField, Sentence: "A field of a manifest is unknown to its kind. API servers refuse it, or drop it. Only plan -f says so."},
	{Reason: InvalidField, Sentence: "A field of a manifest is missing, or its value is of a wrong type or form: API servers refuse the object. Only plan -f says so."},
	{Reason: NotServed, Sentence: "No API server serves what a manifest says it is, in this version or under this name. It isn't planned. Only plan -f says so."},
	{Reason: HostWithoutTLS, Sentence: "A rule of an Ingress that has TLS entries is for a host that none of them covers: no certificate is asked for it. Only plan -f says so."},
	{Reason: SecretInInput, Sentence: "The Secret of a planned Certificate is among the manifests, too, and isn't one that cert-manager made: two write it. Only plan -f says so."},
	{Reason: SameNames, Sentence: "Two Certificates ask one ACME issuer for the same set of names, which public ones limit. Only plan -f says so."},
}

// Reasons lists every reason in the order in which the reference page shows them.
func Reasons() []Explained { return slices.Clone(reasons) }

// byReason has the same by reason.
var byReason = func() map[Reason]Explained {
	found := map[Reason]Explained{}
	for _, r := range reasons {
		found[r.Reason] = r
	}
	return found
}()

// Settles reports whether problems of this reason may be true for a moment only.
func (r Reason) Settles() bool { return byReason[r].Settles }

// Answered reports whether problems of this reason are answers of the API server.
func (r Reason) Answered() bool { return byReason[r].Answered }

// IsEvent reports whether a problem is worth an Event on its object: each that is more than
// information, and information whose reason says so.
func (p Problem) IsEvent() bool { return p.Severity != Info || byReason[p.Reason].Announced }
