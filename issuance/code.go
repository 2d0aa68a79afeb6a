package issuance

import "slices"

// Code names a place where an issuance can hang. Codes are stable: scripts and pages go by them.
type Code string

// The codes. What each means is in [Codes], and on docs/hangs.md.
const (
	NoCertificate           Code = "NoCertificate"
	CertManagerSilent       Code = "CertManagerSilent"
	AnotherCertificateFirst Code = "AnotherCertificateFirst"
	PrivateKeyKept          Code = "PrivateKeyKept"
	RequestNotCreated       Code = "RequestNotCreated"
	WaitingForApproval      Code = "WaitingForApproval"
	ApprovalNotPermitted    Code = "ApprovalNotPermitted"
	RequestDenied           Code = "RequestDenied"
	IssuerSilent            Code = "IssuerSilent"
	IssuerNotFound          Code = "IssuerNotFound"
	IssuerNotReady          Code = "IssuerNotReady"
	IssuerSecretMissing     Code = "IssuerSecretMissing"
	SecretOverwritesCA      Code = "SecretOverwritesCA"
	WaitingForOrder         Code = "WaitingForOrder"
	OrderNotAccepted        Code = "OrderNotAccepted"
	RateLimited             Code = "RateLimited"
	NoSolverMatches         Code = "NoSolverMatches"
	ChallengeQueued         Code = "ChallengeQueued"
	ChallengeNotPresented   Code = "ChallengeNotPresented"
	HTTP01NotReachable      Code = "HTTP01NotReachable"
	DNS01NotPropagated      Code = "DNS01NotPropagated"
	BackingOff              Code = "BackingOff"
	OrderFailed             Code = "OrderFailed"
	ChallengeNotRemoved     Code = "ChallengeNotRemoved"
	ServerShowsAnother      Code = "ServerShowsAnother"
	RequestFailed           Code = "RequestFailed"
	RequestPending          Code = "RequestPending"
)

// Explained is a code with what it means, in a sentence fragment.
type Explained struct {
	Code  Code
	Means string
}

// Codes lists all of them. Where an issuance hangs at several places, the one that comes first
// here is to be looked at first: it is nearest to the cause.
func Codes() []Explained {
	return []Explained{
		{ChallengeNotRemoved, "a Challenge that is being deleted doesn't go away"},
		{HTTP01NotReachable, "the self-check of an HTTP-01 challenge doesn't get the answer of the solver"},
		{DNS01NotPropagated, "the self-check of a DNS-01 challenge doesn't find the TXT record"},
		{ChallengeNotPresented, "a challenge can't be prepared: the solver's objects or the DNS record can't be made"},
		{ChallengeQueued, "a Challenge waits for others"},
		{NoSolverMatches, "no solver of the issuer is for one of the names"},
		{RateLimited, "the CA refused the order, because there were too many"},
		{RequestDenied, "an approver denied the CertificateRequest"},
		{WaitingForApproval, "nobody has approved the CertificateRequest"},
		{ApprovalNotPermitted, "nobody has approved the CertificateRequest to an external issuer; cert-manager needs a permission for that"},
		{SecretOverwritesCA, "the Certificate writes the Secret that its issuer signs with"},
		{IssuerSecretMissing, "the issuer's Secret isn't there"},
		{IssuerNotFound, "there is no such issuer"},
		{IssuerNotReady, "the issuer isn't ready"},
		{OrderNotAccepted, "the ACME server has not taken the order"},
		{OrderFailed, "the ACME order failed"},
		{WaitingForOrder, "the CertificateRequest waits for its Order"},
		{RequestFailed, "the issuer refused the CertificateRequest"},
		{RequestPending, "the issuer says that the CertificateRequest has to wait"},
		{IssuerSilent, "the issuer's controller says nothing about an approved CertificateRequest"},
		{PrivateKeyKept, "the private key has to change, and the Certificate forbids it"},
		{RequestNotCreated, "cert-manager can't make the CertificateRequest"},
		{AnotherCertificateFirst, "another Certificate has the same Secret, and goes first"},
		{CertManagerSilent, "cert-manager has not written anything about the Certificate"},
		{BackingOff, "cert-manager waits before it tries again"},
		{NoCertificate, "certshim has not made a Certificate"},
		{ServerShowsAnother, "the certificate is issued; if clients see an older one, their server has not taken it"},
	}
}

// rank orders places; see [Codes].
func (c Code) rank() int {
	return slices.IndexFunc(Codes(), func(e Explained) bool { return e.Code == c })
}

// Means is the sentence fragment of [Codes].
func (c Code) Means() string {
	if at := c.rank(); at >= 0 {
		return Codes()[at].Means
	}
	return ""
}
