package privateca

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
)

const (
	service = "acm-pca"
	target  = "ACMPrivateCA."
	// maxBody is what a request may hold; the service's own limit for a CSR is 32 KiB.
	maxBody = 64 << 10
)

// fault is an error of the service, by its name in the API.
type fault struct {
	Type    string `json:"__type"`
	Message string `json:"message"`
}

func (f *fault) Error() string { return f.Type + ": " + f.Message }

func faultf(kind, format string, arguments ...any) error {
	return &fault{Type: kind, Message: fmt.Sprintf(format, arguments...)}
}

// ServeHTTP answers one request of the SDK.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	name, isPrivateCA := strings.CutPrefix(r.Header.Get("X-Amz-Target"), target)
	if !isPrivateCA {
		s.serveSTS(w, r, string(body))
		return
	}
	answer, err := s.operate(r, name, body)
	respond(w, answer, err)
}

// operate checks who asks and runs the operation of that name.
func (s *Server) operate(r *http.Request, name string, body []byte) (any, error) {
	if err := s.authorize(r, service); err != nil {
		return nil, err
	}
	switch name {
	case "DescribeCertificateAuthority":
		return call(body, s.describe)
	case "GetCertificateAuthorityCertificate":
		return call(body, s.authorityCertificate)
	case "IssueCertificate":
		return call(body, s.issue)
	case "GetCertificate":
		return call(body, s.certificate)
	}
	return nil, faultf("UnknownOperationException", "no operation %q here", name)
}

func call[I any](body []byte, operation func(I) (any, error)) (any, error) {
	var input I
	if err := json.Unmarshal(body, &input); err != nil {
		return nil, faultf("SerializationException", "%v", err)
	}
	return operation(input)
}

func respond(w http.ResponseWriter, answer any, err error) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		answer = err
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// credential is the scope of a signature: key, date, region, service.
var credential = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request, ?` +
	`SignedHeaders=[^ ]+, ?Signature=[0-9a-f]{64}$`)

// authorize wants a signature whose scope is right. The signature itself it takes as it is: the secret key is one that
// everybody may know.
func (s *Server) authorize(r *http.Request, service string) error {
	scope := credential.FindStringSubmatch(r.Header.Get("Authorization"))
	switch {
	case scope == nil:
		return faultf("MissingAuthenticationTokenException", "the request is not signed with Signature Version 4")
	case scope[1] != AccessKeyID:
		return faultf("UnrecognizedClientException", "access key %q is not known", scope[1])
	case scope[2] != Region || scope[3] != service:
		return faultf("SignatureDoesNotMatchException", "signed for %s in %s, want %s in %s", scope[3], scope[2], service, Region)
	}
	return nil
}

type callerIdentity struct {
	XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
	Arn     string   `xml:"GetCallerIdentityResult>Arn"`
	UserID  string   `xml:"GetCallerIdentityResult>UserId"`
	Account string   `xml:"GetCallerIdentityResult>Account"`
}

// serveSTS answers GetCallerIdentity, which the issuer's controller calls before it says that an issuer is ready.
func (s *Server) serveSTS(w http.ResponseWriter, r *http.Request, body string) {
	if !strings.Contains(body, "Action=GetCallerIdentity") {
		http.Error(w, "neither Private CA nor GetCallerIdentity", http.StatusNotFound)
		return
	}
	if err := s.authorize(r, "sts"); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	_ = xml.NewEncoder(w).Encode(callerIdentity{
		Arn: "arn:aws:iam::" + account + ":user/issuer", UserID: "issuer", Account: account,
	})
}
