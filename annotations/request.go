package annotations

import "time"

// Request is what the annotations of one object ask for, and nothing more: a zero
// value means "not asked". White space is trimmed, durations are parsed, lists have
// neither empty items nor duplicates.
type Request struct {
	Issuer Issuer
	// Auto is true when one of the keys of [Options.AutoKeys] is set to a true value.
	Auto bool

	CommonName            string
	Duration, RenewBefore *time.Duration
	RenewBeforePercentage *int32
	Usages                []string
	RevisionHistoryLimit  *int32
	PrivateKey            PrivateKey
	Subject               Subject
	SecretTemplate        SecretTemplate

	// DNSNames, IPAddresses, URIs and EmailAddresses come from the *-sans keys and
	// alt-names; an IP address in alt-names is among the IPAddresses.
	DNSNames, IPAddresses, URIs, EmailAddresses []string

	ACME ACME
	// Extra is the annotations of [Options.ExtraKeys] that the object has, verbatim.
	Extra map[string]string
	// Ignore is what the object leaves out: listeners by cert-manager's
	// ignore-tls-listeners, anything by certshim.io/ignore.
	Ignore Ignore

	// Unread names the fields whose annotation is there but was refused, each with a
	// problem of severity error. No new Certificate is made while there is one, and an
	// existing Certificate keeps its live value of that field.
	Unread []Field
}

// Field is the path of a Certificate field that an annotation speaks of. The private
// key and the subject count as one field each.
type Field string

// The fields that annotations speak of.
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
	// FieldNone is for keys that decide what is asked, not a field: ignore and trigger keys.
	// Where one can't be read, nothing new is made.
	FieldNone Field = ""
)

// Issuer is the four issuer annotations as they stand there, trimmed. An empty value
// is the same as no annotation.
type Issuer struct {
	Name        string // cert-manager.io/issuer
	ClusterName string // cert-manager.io/cluster-issuer
	Kind        string // cert-manager.io/issuer-kind
	Group       string // cert-manager.io/issuer-group
}

// Named says whether an issuer is named, by either key.
func (i Issuer) Named() bool { return i.Name != "" || i.ClusterName != "" }

// PrivateKey is spec.privateKey, the parts that were asked for.
type PrivateKey struct {
	Algorithm      string // RSA, ECDSA or Ed25519
	Encoding       string // PKCS1 or PKCS8
	RotationPolicy string // Never or Always
	Size           int    // bits; 0 means not asked
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

// ACME is what the source says of HTTP-01 challenges.
type ACME struct {
	IngressClass      string // acme.cert-manager.io/http01-ingress-class
	IngressClassName  string // acme.cert-manager.io/http01-ingress-ingressclassname
	EditInPlace       bool   // acme.cert-manager.io/http01-edit-in-place
	ParentRefFallback bool   // acme.cert-manager.io/http01-parentreffallback
}

// Ignore is what an object wants to be left out.
type Ignore struct {
	// All is certshim.io/ignore: "true": the whole object.
	All bool
	// Sections are names of listeners, of either key.
	Sections []string
	// Secrets are names from certshim.io/ignore, which may mean a Secret as well.
	Secrets []string
}

// Options is the operator's part of the language.
type Options struct {
	// AutoKeys trigger the default issuer when true (Go's strconv.ParseBool).
	// cert-manager's flag --auto-certificate-annotations; default kubernetes.io/tls-acme.
	AutoKeys []string
	// IssuerKeys may be copied to the Certificate for its issuer; they are kept, and not read.
	// One that ends in "/" or "." is a prefix.
	IssuerKeys []string
	// ExtraKeys are copied to the Certificate: --extra-certificate-annotations, exact keys.
	ExtraKeys []string
}
