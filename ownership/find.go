package ownership

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// Set is what findings are looked for in: the Certificates and the sources of some namespaces.
type Set struct {
	Certificates []Certificate
	// Settled are further Certificates, which their sources own and ask for just as they are: [Settled]
	// found them so. Nothing is to be said of one by itself.
	Settled []Written
	Sources []Source
	// Complete says whether all objects of a group and kind in a namespace are among the sources.
	// Only then is one that isn't there gone. nil means never.
	Complete func(group, kind, namespace string) bool
	// CertificatesComplete says the same of Certificates. nil means never.
	CertificatesComplete func(namespace string) bool
}

// Certificate is what findings read of a live Certificate; [See] makes it.
type Certificate struct {
	Namespace, Name, UID string
	// Secret is spec.secretName.
	Secret string
	// IssuerKind and IssuerGroup are those of spec.issuerRef, as they stand there.
	IssuerName, IssuerKind, IssuerGroup string
	// Owner is the controller reference, zero for none.
	Owner OwnerReference
	// Tie is the source that certshim's annotation ties it to in place of that, zero for none; its
	// namespace is filled in. TieIgnored says why an annotation that is there is none.
	Tie        certificate.Owner
	TieIgnored string
	// Applied is set if certshim has applied it.
	Applied bool
	// Origins are the uids of the owners that certshim's entry names.
	Origins []string
	// Left is set if it is left to certshim adopt.
	Left bool
	// Shim is the field manager of cert-manager's shim that wrote it after certshim did, or empty.
	Shim string
	// Unserved is set if an entry of managedFields names a version that is no longer served.
	Unserved bool
	// Deleting is set if it is being deleted.
	Deleting bool
}

// Written is a Certificate, and the Secret that it writes.
type Written struct{ Namespace, Name, Secret string }

// OwnerReference is a controller reference as it stands in an object.
type OwnerReference struct {
	APIVersion, Kind, Name, UID string
}

// Source is an object that may ask for Certificates, and the Secrets for which it does.
type Source struct {
	source.Ref
	// Asks are the Secrets that it asks for now. Names has those that it names at all, also while it
	// asks for nothing.
	Asks, Names []types.NamespacedName
}

// Kind is the kind of a finding.
type Kind string

const (
	// OrphanCertificate means that certshim made the Certificate, and no source asks for it now.
	OrphanCertificate Kind = "orphan-certificate"
	// MissingCertificate means that a source asks for a Secret, and there is no Certificate of that name.
	MissingCertificate Kind = "missing-certificate"
	// SecretWantedTwice means that several sources ask for one Secret.
	SecretWantedTwice Kind = "secret-wanted-twice"
	// SecretWrittenTwice means that several Certificates write one Secret.
	SecretWrittenTwice Kind = "secret-written-twice"
	// OwnerGone means that the controller reference names an object that isn't there.
	OwnerGone Kind = "owner-gone"
	// OwnerOldVersion means that the controller reference names its object in another group or version.
	OwnerOldVersion Kind = "owner-old-version"
	// OwnerOther means that the controller reference has the uid of an object of another name or kind.
	OwnerOther Kind = "owner-other"
	// TieIgnored means that a Certificate has certshim's annotation that ties it to a source, which counts
	// for nothing: it is a copy, or somebody else wrote it.
	TieIgnored Kind = "tie-ignored"
	// ShimWrites means that one of cert-manager's shims has written the Certificate after certshim did.
	ShimWrites Kind = "shim-writes"
	// NotAdopted means that cert-manager's shim made the Certificate, and that it is left to certshim adopt.
	NotAdopted Kind = "not-adopted"
	// UnservedEntry means that an entry of managedFields is of a version that is no longer served.
	UnservedEntry Kind = "unserved-entry"
	// IssuerWithoutGroup means that a Certificate of others has an issuerRef without a group.
	IssuerWithoutGroup Kind = "issuer-without-group"
)

// Finding is something about a whole object, or several, that somebody should look at.
type Finding struct {
	Kind     Kind             `json:"kind"`
	Severity problem.Severity `json:"severity"`
	// Object is the Certificate or source that it is about.
	Object problem.Object `json:"object"`
	// Others are further objects that have to do with it, sorted.
	Others []problem.Object `json:"others,omitempty"`
	// Message says what is the matter, as a sentence fragment in which all that comes from
	// objects is quoted.
	Message string `json:"message"`
}

// Kinds lists every kind of finding.
func Kinds() []Kind {
	return []Kind{
		OrphanCertificate, MissingCertificate, SecretWantedTwice, SecretWrittenTwice, OwnerGone, OwnerOldVersion, OwnerOther, TieIgnored, ShimWrites, NotAdopted,
		UnservedEntry, IssuerWithoutGroup,
	}
}
