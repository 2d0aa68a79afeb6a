package privateca

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/certshim/certshim/test/external/authority"
)

// Where the service is, what opens it (the keys of AWS's own examples), and what it has.
const (
	Region          = "eu-central-1"
	AccessKeyID     = "AKIAIOSFODNN7EXAMPLE"
	SecretAccessKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	// ARN names the one CA there is.
	ARN = "arn:aws:acm-pca:" + Region + ":" + account + ":certificate-authority/6f1c3a52-8a3e-4c55-9d0f-2b7c1e9a4d10"

	account          = "111122223333"
	templates        = "arn:aws:acm-pca:::template/"
	signingAlgorithm = "SHA256WITHECDSA"
)

// Server is the service with its CA.
type Server struct {
	root, subordinate *authority.Authority

	mu     sync.Mutex
	issued []*Issuance
}

// Issuance is one certificate that was issued.
type Issuance struct {
	// Template is the name and version of the template, such as EndEntityServerAuthCertificate/V1.
	Template    string
	Certificate *x509.Certificate

	arn   string
	input issueInput
	// reported is whether GetCertificate has said once that it is in progress.
	reported bool
}

// New returns a service with a new CA.
func New() (*Server, error) {
	root, err := authority.Root("Example Corp Root")
	if err != nil {
		return nil, err
	}
	subordinate, err := root.Subordinate("Example Corp Issuing CA")
	return &Server{root: root, subordinate: subordinate}, err
}

// Root is the certificate that every chain ends in.
func (s *Server) Root() *x509.Certificate { return s.root.Certificate }

// Issued is all that was issued, oldest first.
func (s *Server) Issued() []Issuance {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Issuance
	for _, issuance := range s.issued {
		all = append(all, *issuance)
	}
	return all
}

type authorityInput struct{ CertificateAuthorityArn string }

func (i authorityInput) check() error {
	if i.CertificateAuthorityArn != ARN {
		return faultf("ResourceNotFoundException", "no certificate authority %q, there is %q", i.CertificateAuthorityArn, ARN)
	}
	return nil
}

func (s *Server) describe(input authorityInput) (any, error) {
	if err := input.check(); err != nil {
		return nil, err
	}
	return map[string]any{"CertificateAuthority": map[string]any{
		"Arn": ARN, "Status": "ACTIVE", "Type": "SUBORDINATE",
		"CertificateAuthorityConfiguration": map[string]any{
			"KeyAlgorithm": "EC_prime256v1", "SigningAlgorithm": signingAlgorithm,
		},
	}}, nil
}

func (s *Server) authorityCertificate(input authorityInput) (any, error) {
	if err := input.check(); err != nil {
		return nil, err
	}
	return map[string]any{
		"Certificate":      string(authority.PEM(s.subordinate.Certificate)),
		"CertificateChain": string(authority.PEM(s.root.Certificate)),
	}, nil
}

type certificateInput struct {
	authorityInput
	CertificateArn string
}

func (s *Server) certificate(input certificateInput) (any, error) {
	if err := input.check(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, issuance := range s.issued {
		if issuance.arn != input.CertificateArn {
			continue
		}
		if !issuance.reported {
			issuance.reported = true
			return nil, faultf("RequestInProgressException", "%s is being issued", issuance.arn)
		}
		return map[string]any{
			"Certificate":      string(authority.PEM(issuance.Certificate)),
			"CertificateChain": string(authority.PEM(s.subordinate.Certificate, s.root.Certificate)),
		}, nil
	}
	return nil, faultf("ResourceNotFoundException", "no certificate %q", input.CertificateArn)
}

// validity is an absolute time in seconds since 1970, the one type that the issuer's controller uses.
type validity struct {
	Type  string
	Value int64
}

type issueInput struct {
	authorityInput
	Csr                         []byte
	SigningAlgorithm            string
	TemplateArn                 string
	IdempotencyToken            string
	Validity, ValidityNotBefore validity
}

// repeats tells whether the input asks for the certificate that an earlier one has asked for already.
func (i issueInput) repeats(earlier issueInput) bool {
	return i.IdempotencyToken != "" && i.IdempotencyToken == earlier.IdempotencyToken && bytes.Equal(i.Csr, earlier.Csr)
}

func (s *Server) issue(input issueInput) (any, error) {
	if err := input.check(); err != nil {
		return nil, err
	}
	if input.SigningAlgorithm != signingAlgorithm {
		return nil, faultf("ValidationException", "signing algorithm %q, the key of the CA allows %s", input.SigningAlgorithm, signingAlgorithm)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, earlier := range s.issued {
		if input.repeats(earlier.input) {
			return map[string]any{"CertificateArn": earlier.arn}, nil
		}
	}
	issuance, err := s.sign(input)
	if err != nil {
		return nil, err
	}
	s.issued = append(s.issued, issuance)
	return map[string]any{"CertificateArn": issuance.arn}, nil
}

func (s *Server) sign(input issueInput) (*Issuance, error) {
	request, err := parseRequest(input.Csr)
	if err != nil {
		return nil, faultf("MalformedCSRException", "%v", err)
	}
	template, err := input.template(request)
	if err != nil {
		return nil, err
	}
	if template.NotAfter.After(s.subordinate.Certificate.NotAfter) {
		return nil, faultf("ValidationException", "valid until %s, the CA only until %s", template.NotAfter, s.subordinate.Certificate.NotAfter)
	}
	signed, err := s.subordinate.Sign(template, request.PublicKey)
	if err != nil {
		return nil, faultf("RequestFailedException", "%v", err)
	}
	return &Issuance{
		Template:    strings.TrimPrefix(input.TemplateArn, templates),
		Certificate: signed,
		arn:         fmt.Sprintf("%s/certificate/%032x", ARN, signed.SerialNumber),
		input:       input,
	}, nil
}

func parseRequest(text []byte) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, fmt.Errorf("no PEM block of type CERTIFICATE REQUEST")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	return request, request.CheckSignature()
}

// extendedUsages are what the service's templates of these names put into a certificate. Subject and
// names are the request's in each.
var extendedUsages = map[string][]x509.ExtKeyUsage{
	"EndEntityCertificate/V1":           {x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	"EndEntityServerAuthCertificate/V1": {x509.ExtKeyUsageServerAuth},
	"EndEntityClientAuthCertificate/V1": {x509.ExtKeyUsageClientAuth},
	"CodeSigningCertificate/V1":         {x509.ExtKeyUsageCodeSigning},
	"OCSPSigningCertificate/V1":         {x509.ExtKeyUsageOCSPSigning},
}

// passthrough is the template that takes the usages of the request.
const passthrough = "BlankEndEntityCertificate_APICSRPassthrough/V1"

func (i issueInput) template(request *x509.CertificateRequest) (*x509.Certificate, error) {
	if i.Validity.Type != "ABSOLUTE" || i.ValidityNotBefore.Type != "ABSOLUTE" {
		return nil, faultf("ValidationException", "validity of type %q and %q, want ABSOLUTE", i.ValidityNotBefore.Type, i.Validity.Type)
	}
	certificate := &x509.Certificate{
		RawSubject: request.RawSubject,
		DNSNames:   request.DNSNames, IPAddresses: request.IPAddresses,
		EmailAddresses: request.EmailAddresses, URIs: request.URIs,
		NotBefore: time.Unix(i.ValidityNotBefore.Value, 0), NotAfter: time.Unix(i.Validity.Value, 0),
		BasicConstraintsValid: true,
	}
	name := strings.TrimPrefix(i.TemplateArn, templates)
	if name == passthrough {
		certificate.ExtraExtensions = usagesOf(request)
		return certificate, nil
	}
	usages, ok := extendedUsages[name]
	if !ok {
		return nil, faultf("InvalidArgsException", "no template %q", i.TemplateArn)
	}
	certificate.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	certificate.ExtKeyUsage = usages
	return certificate, nil
}

// usagesOf are the extensions keyUsage and extKeyUsage of a request.
func usagesOf(request *x509.CertificateRequest) []pkix.Extension {
	keyUsage, extKeyUsage := asn1.ObjectIdentifier{2, 5, 29, 15}, asn1.ObjectIdentifier{2, 5, 29, 37}
	var usages []pkix.Extension
	for _, extension := range request.Extensions {
		if extension.Id.Equal(keyUsage) || extension.Id.Equal(extKeyUsage) {
			usages = append(usages, extension)
		}
	}
	return usages
}
