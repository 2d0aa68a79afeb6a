package certificate_test

import (
	"testing"
	"time"

	"github.com/certshim/certshim/certificate"
)

// Predictions of whether cert-manager issues a new certificate, by what its controllers compare
// with the last request.
func TestReissue(t *testing.T) {
	const (
		no      = certificate.ReissueNo
		yes     = certificate.ReissueYes
		unknown = certificate.ReissueUnknown
	)
	type m = map[string]any
	key := func(parts m) func(m) { return set("privateKey", parts) }
	asksKey := func(algorithm string, size int) func(*certificate.Input) {
		return func(in *certificate.Input) {
			in.Request.PrivateKey.Algorithm, in.Request.PrivateKey.Size = algorithm, size
		}
	}
	subject := func(in *certificate.Input) { in.Request.Subject.Countries = []string{"DE", "FR"} }
	tests := map[string]struct {
		// asks is what is wanted, live what exists.
		asks func(*certificate.Input)
		live func(m)
		more []string
		want certificate.Reissue
	}{
		"nothing differs":                   {nil, nil, nil, no},
		"a label":                           {nil, func(o m) { labelsOf(o)["app"] = "x" }, nil, no},
		"the Secret's name":                 {nil, set("secretName", "x"), nil, unknown},
		"a name more":                       {nil, set("dnsNames", []any{"x"}), nil, yes},
		"names in another order":            {func(in *certificate.Input) { in.Ask.Hosts = []string{"a", "b"} }, set("dnsNames", []any{"b", "a"}), nil, no},
		"an IP address":                     {func(in *certificate.Input) { in.Request.IPAddresses = []string{"::1"} }, func(o m) { delete(spec(o), "ipAddresses") }, nil, yes},
		"a URI":                             {func(in *certificate.Input) { in.Request.URIs = []string{"a:b"} }, set("uris", []any{"a:c"}), nil, yes},
		"an e-mail address":                 {func(in *certificate.Input) { in.Request.EmailAddresses = []string{"a@b.c"} }, set("emailAddresses", []any{"x@b.c"}), nil, yes},
		"usages":                            {nil, set("usages", []any{"any"}), nil, yes},
		"usages in another order":           {nil, set("usages", []any{"key encipherment", "digital signature"}), nil, no},
		"the common name":                   {func(in *certificate.Input) { in.Request.CommonName = "a" }, set("commonName", "b"), nil, yes},
		"a common name that goes":           {nil, set("commonName", "b"), []string{"spec>commonName"}, yes},
		"the subject":                       {subject, set("subject", m{"countries": []any{"DE"}}), nil, yes},
		"the subject in another order":      {subject, set("subject", m{"countries": []any{"FR", "DE"}}), nil, no},
		"a serial number":                   {func(in *certificate.Input) { in.Request.Subject.SerialNumber = "1" }, set("subject", m{"serialNumber": "2"}), nil, yes},
		"a subject beside a literal one":    {subject, func(o m) { set("subject", m{})(o); set("literalSubject", "CN=x")(o) }, nil, no},
		"the issuer's name":                 {nil, set("issuerRef", m{"group": "cert-manager.io", "kind": "Issuer", "name": "x"}), nil, yes},
		"the issuer's kind":                 {nil, set("issuerRef", m{"group": "cert-manager.io", "kind": "ClusterIssuer", "name": "ca"}), nil, yes},
		"the issuer's group":                {nil, set("issuerRef", m{"group": "g.io", "kind": "Issuer", "name": "ca"}), nil, yes},
		"what the issuer has by default":    {nil, set("issuerRef", m{"name": "ca"}), nil, no},
		"the duration":                      {withDuration, set("duration", "3h0m0s"), nil, yes},
		"the same duration, written oddly":  {withDuration, set("duration", "120m"), nil, no},
		"a duration that there was none of": {withDuration, func(o m) { delete(spec(o), "duration") }, nil, no},
		"a duration that goes":              {nil, set("duration", "3h0m0s"), []string{"spec>duration"}, no},
		"when to renew":                     {func(in *certificate.Input) { in.Request.RenewBefore = span(time.Hour) }, set("renewBefore", "2h0m0s"), nil, no},
		"the key's algorithm":               {asksKey("ECDSA", 0), key(m{"algorithm": "RSA"}), nil, yes},
		"the default algorithm":             {asksKey("RSA", 0), key(m{"size": int64(2048)}), nil, no},
		"the default size of RSA":           {asksKey("", 2048), key(m{"algorithm": "RSA"}), nil, no},
		"the default size of ECDSA":         {asksKey("ECDSA", 256), key(m{"algorithm": "ECDSA"}), nil, no},
		"another size of ECDSA":             {asksKey("ECDSA", 384), key(m{"algorithm": "ECDSA"}), nil, yes},
		"a size of nothing":                 {asksKey("RSA", 2048), key(m{"algorithm": "RSA", "size": int64(0)}), nil, no},
		"another size of RSA":               {asksKey("RSA", 4096), key(m{"algorithm": "RSA", "size": int64(2048)}), nil, yes},
		"a size of Ed25519":                 {asksKey("Ed25519", 0), key(m{"algorithm": "Ed25519", "size": int64(7)}), []string{"spec>privateKey>size"}, no},
		"the encoding":                      {func(in *certificate.Input) { in.Request.PrivateKey.Encoding = "PKCS8" }, key(m{"encoding": "PKCS1"}), nil, no},
		"a key that goes":                   {nil, key(m{"algorithm": "ECDSA"}), []string{"spec>privateKey>algorithm"}, yes},
		"the template of the Secret":        {func(in *certificate.Input) { in.Request.SecretTemplate.Labels = map[string]string{"a": "b"} }, set("secretTemplate", "x"), nil, no},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in := input()
			if tt.asks != nil {
				tt.asks(&in)
			}
			d := decideLive(in, liveOf(t, in, tt.live, ownOf(in, "10:00", tt.more...)))
			if d.Reissue != tt.want {
				t.Errorf("%s: %s", d.Reissue, d.Reason)
			}
		})
	}
}

// A take-over that changes no value causes no new certificate.
func TestTakingOverReissuesNothing(t *testing.T) {
	in := input(everything)
	if d := decideLive(in, liveOf(t, in, nil, entryOf(shim, "Update", "10:00", in))); d.Reissue != certificate.ReissueNo || !d.Unchanged {
		t.Errorf("%s: %s", d.Reissue, d.Reason)
	}
}
