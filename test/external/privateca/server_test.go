package privateca

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// signature has the form of one by the SDK.
func signature(key, region, service string) string {
	return "AWS4-HMAC-SHA256 Credential=" + key + "/20260101/" + region + "/" + service +
		"/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + strings.Repeat("0a", 32)
}

func ask(t *testing.T, server *Server, operation string, input map[string]any) map[string]any {
	t.Helper()
	return askAs(t, server, signature(AccessKeyID, Region, service), operation, input)
}

func askAs(t *testing.T, server *Server, authorization, operation string, input map[string]any) map[string]any {
	t.Helper()
	body, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	request.Header.Set("X-Amz-Target", target+operation)
	request.Header.Set("Authorization", authorization)
	recorder := httptest.NewRecorder()
	server.ServeHTTP(recorder, request)
	var answer map[string]any
	if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%s: %v: %s", operation, err, recorder.Body)
	}
	return answer
}

func newServer(t *testing.T) *Server {
	t.Helper()
	server, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func csr(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "web"}, DNSNames: []string{"web.example.com"},
		ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 15}, Critical: true, Value: []byte{3, 2, 5, 0xa0}}},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// order is a right IssueCertificate, with what is given changed.
func order(t *testing.T, changes map[string]any) map[string]any {
	t.Helper()
	now := time.Now()
	input := map[string]any{
		"CertificateAuthorityArn": ARN, "Csr": csr(t), "SigningAlgorithm": signingAlgorithm,
		"TemplateArn": templates + "EndEntityServerAuthCertificate/V1", "IdempotencyToken": "one",
		"Validity":          map[string]any{"Type": "ABSOLUTE", "Value": now.Add(time.Hour).Unix()},
		"ValidityNotBefore": map[string]any{"Type": "ABSOLUTE", "Value": now.Unix()},
	}
	for field, value := range changes {
		input[field] = value
	}
	return input
}

func TestIssuedAsynchronouslyAndOnce(t *testing.T) {
	server := newServer(t)
	wanted := order(t, nil)
	arn := ask(t, server, "IssueCertificate", wanted)["CertificateArn"]
	if again := ask(t, server, "IssueCertificate", wanted)["CertificateArn"]; again != arn || arn == nil {
		t.Errorf("the same token and request give %v, then %v", arn, again)
	}
	get := map[string]any{"CertificateAuthorityArn": ARN, "CertificateArn": arn}
	if first := ask(t, server, "GetCertificate", get); first["__type"] != "RequestInProgressException" {
		t.Errorf("asked at once: %v", first)
	}
	got := ask(t, server, "GetCertificate", get)
	pool, intermediates := x509.NewCertPool(), x509.NewCertPool()
	pool.AddCert(server.Root())
	intermediates.AppendCertsFromPEM([]byte(got["CertificateChain"].(string)))
	block, _ := pem.Decode([]byte(got["Certificate"].(string)))
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	options := x509.VerifyOptions{Roots: pool, Intermediates: intermediates, DNSName: "web.example.com"}
	if _, err := leaf.Verify(options); err != nil {
		t.Error(err)
	}
	if issued := server.Issued(); len(issued) != 1 || issued[0].Template != "EndEntityServerAuthCertificate/V1" {
		t.Errorf("issued %+v", issued)
	}
	if other := ask(t, server, "IssueCertificate", order(t, nil))["CertificateArn"]; other == arn || other == nil {
		t.Errorf("the same token with another key gives %v, and the first is %v", other, arn)
	}
}

func TestTemplatesDecideTheUsages(t *testing.T) {
	for template, want := range map[string][]x509.ExtKeyUsage{
		"EndEntityServerAuthCertificate/V1": {x509.ExtKeyUsageServerAuth},
		"EndEntityCertificate/V1":           {x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		passthrough:                         nil,
	} {
		server := newServer(t)
		ask(t, server, "IssueCertificate", order(t, map[string]any{"TemplateArn": templates + template}))
		got := server.Issued()[0].Certificate
		if !slices.Equal(got.ExtKeyUsage, want) {
			t.Errorf("%s: extended usages %v, want %v", template, got.ExtKeyUsage, want)
		}
		if got.KeyUsage != x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment {
			t.Errorf("%s: usage %v", template, got.KeyUsage)
		}
	}
}

func TestWhatTheServiceRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		changes map[string]any
		want    string
	}{
		"another CA":       {map[string]any{"CertificateAuthorityArn": ARN + "0"}, "ResourceNotFoundException"},
		"no request":       {map[string]any{"Csr": []byte("web")}, "MalformedCSRException"},
		"unknown template": {map[string]any{"TemplateArn": templates + "Any/V1"}, "InvalidArgsException"},
		"RSA signature":    {map[string]any{"SigningAlgorithm": "SHA256WITHRSA"}, "ValidationException"},
		"relative time":    {map[string]any{"Validity": map[string]any{"Type": "DAYS", "Value": 1}}, "ValidationException"},
		"longer than the CA": {
			map[string]any{"Validity": map[string]any{"Type": "ABSOLUTE", "Value": time.Now().AddDate(20, 0, 0).Unix()}},
			"ValidationException",
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := newServer(t)
			if got := ask(t, server, "IssueCertificate", order(t, c.changes)); got["__type"] != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
			if issued := server.Issued(); issued != nil {
				t.Errorf("issued all the same: %v", issued)
			}
		})
	}
}

func TestWhoMayAsk(t *testing.T) {
	describe := map[string]any{"CertificateAuthorityArn": ARN}
	for authorization, want := range map[string]any{
		signature(AccessKeyID, Region, service): nil,
		"":                                      "MissingAuthenticationTokenException",
		signature("AKIAOTHER", Region, service): "UnrecognizedClientException",
		signature(AccessKeyID, "us-east-1", service): "SignatureDoesNotMatchException",
		signature(AccessKeyID, Region, "sts"):        "SignatureDoesNotMatchException",
	} {
		got := askAs(t, newServer(t), authorization, "DescribeCertificateAuthority", describe)
		if got["__type"] != want {
			t.Errorf("%q: got %v, want %v", authorization, got, want)
		}
	}
}

func TestCallerIdentity(t *testing.T) {
	for authorization, want := range map[string]int{
		signature(AccessKeyID, Region, "sts"): http.StatusOK,
		"":                                    http.StatusForbidden,
	} {
		request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("Action=GetCallerIdentity&Version=2011-06-15"))
		request.Header.Set("Authorization", authorization)
		recorder := httptest.NewRecorder()
		newServer(t).ServeHTTP(recorder, request)
		if recorder.Code != want || want == http.StatusOK && !strings.Contains(recorder.Body.String(), "<Account>"+account) {
			t.Errorf("%q: %d %s", authorization, recorder.Code, recorder.Body)
		}
	}
}
