package annotations

import "time"

// Request is what the annotations of one object ask for. A zero value means "not asked for".
// White space is trimmed, durations are parsed, and lists have no empty items and no duplicates.
type Request struct {
	Issuer Issuer
	// Auto is true if one of the [Options.AutoKeys] has a true value.
	Auto bool

	CommonName            string
	Duration, RenewBefore *time.Duration
	RenewBeforePercentage *int32
	Usages                []string
	RevisionHistoryLimit  *int32
	PrivateKey            PrivateKey
	Subject               Subject
	SecretTemplate        SecretTemplate

	// DNSNames, IPAddresses, URIs and EmailAddresses come from the *-sans keys and alt-names,
	// whose IP addresses are added to IPAddresses.
	DNSNames, IPAddresses, URIs, EmailAddresses []string

	ACME ACME
	// Extra holds the annotations of [Options.ExtraKeys] that the object has, unchanged.
	Extra map[string]string
	// Ignore is what the object excludes: listeners by cert-manager's ignore-tls-listeners,
	// anything by certshim.io/ignore.
	Ignore Ignore
	// Conflicts is what is done about fields that others hold: force, yield, fail, or empty.
	Conflicts string

	// DeletionPolicy is what becomes of the Certificates when the object no longer asks for them,
	// or is gone. One that can't be read is Retain.
	DeletionPolicy DeletionPolicy

	// RouteNames is "true" if the names of attached routes are asked for, too.
	RouteNames string

	// Sections have the annotations that count for single listeners and Secrets.
	Sections Sections

	// Unread lists the fields whose annotation is present but invalid, each of which has a
	// problem of severity error. While there is one, no new Certificate is created, and an
	// existing one keeps its live value of that field.
	Unread []Field
	// NotCopied are the keys whose annotation is to be copied and can't be. An existing Certificate
	// keeps its value.
	NotCopied []string
}

// Field is the path of a Certificate field that annotations set. The private key and the subject
// count as one field each.
type Field string

// The fields that annotations set.
const (
	FieldCommonName            Field = "spec.commonName"
	FieldDNSNames              Field = "spec.dnsNames"
	FieldIPAddresses           Field = "spec.ipAddresses"
	FieldURIs                  Field = "spec.uris"
	FieldEmailAddresses        Field = "spec.emailAddresses"
	FieldSubject               Field = "spec.subject"
	FieldDuration              Field = "spec.duration"
	FieldRenewBefore           Field = "spec.renewBefore"
	FieldRenewBeforePercentage Field = "spec.renewBeforePercentage"
	FieldUsages                Field = "spec.usages"
	FieldRevisionHistoryLimit  Field = "spec.revisionHistoryLimit"
	FieldPrivateKey            Field = "spec.privateKey"
	FieldSecretTemplate        Field = "spec.secretTemplate"
	FieldIssuerRef             Field = "spec.issuerRef"
	FieldAnnotations           Field = "metadata.annotations"
	// FieldNone is for keys that set no field: ignore and trigger keys. If one is invalid, no
	// new Certificate is created.
	FieldNone Field = ""
)

// Issuer holds the four issuer annotations, trimmed. An empty value is the same as no
// annotation.
type Issuer struct {
	Name        string // cert-manager.io/issuer
	ClusterName string // cert-manager.io/cluster-issuer
	Kind        string // cert-manager.io/issuer-kind
	Group       string // cert-manager.io/issuer-group
}

// Named reports whether an issuer is named, by either key.
func (i Issuer) Named() bool { return i.Name != "" || i.ClusterName != "" }

// DeletionPolicy is what becomes of a Certificate that isn't asked for any more.
type DeletionPolicy string

// The deletion policies; empty means that the object says nothing of it.
const (
	DeleteUnneeded DeletionPolicy = "delete"
	RetainUnneeded DeletionPolicy = "retain"
)

// PrivateKey holds the parts of spec.privateKey that were asked for.
type PrivateKey struct {
	Algorithm      string // RSA, ECDSA or Ed25519
	Encoding       string // PKCS1 or PKCS8
	RotationPolicy string // Never or Always
	Size           int    // bits; 0 means not asked for
}

// Subject is spec.subject, an X.509 distinguished name without its common name.
type Subject struct {
	Organizations, OrganizationalUnits, Countries, Provinces, Localities, PostalCodes, StreetAddresses []string
	SerialNumber                                                                                       string
}

// SecretTemplate is spec.secretTemplate: metadata for the Secret.
type SecretTemplate struct {
	Annotations, Labels map[string]string
}

// ACME is what the annotations say about HTTP-01 challenges.
type ACME struct {
	IngressClass      string // acme.cert-manager.io/http01-ingress-class
	IngressClassName  string // acme.cert-manager.io/http01-ingress-ingressclassname
	EditInPlace       bool   // acme.cert-manager.io/http01-edit-in-place
	ParentRefFallback bool   // acme.cert-manager.io/http01-parentreffallback
}

// Ignore is what an object excludes.
type Ignore struct {
	// All is set by certshim.io/ignore: "true" and excludes the whole object.
	All bool
	// Sections are names of listeners, from either key.
	Sections []string
	// Secrets are the names from certshim.io/ignore, each of which may be a Secret or a
	// listener.
	Secrets []string
}

// Options are the operator's settings.
type Options struct {
	// AutoKeys ask for the default issuer if one has a true value (Go's strconv.ParseBool). They
	// are cert-manager's flag --auto-certificate-annotations; default kubernetes.io/tls-acme.
	AutoKeys []string
	// IssuerKeys may be copied to the Certificate for its issuer: they are kept, but not parsed.
	// One that ends in "/" or "." is a prefix.
	IssuerKeys []string
	// ExtraKeys are the exact keys to copy to the Certificate: --extra-certificate-annotations.
	ExtraKeys []string
}
