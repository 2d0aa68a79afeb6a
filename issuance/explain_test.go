package issuance

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// now is the time at which the tests look; what a state has, began a while before.
var (
	now   = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	ago   = now.Add(-5 * time.Minute)
	early = now.Add(-time.Second)
)

func condition(kind, status, reason, message string) Condition {
	return Condition{Type: kind, Status: status, Reason: reason, Message: message, Since: ago}
}

func meta(kind, name, owner string) Meta {
	return Meta{Kind: kind, Namespace: "shop", Name: name, UID: "uid-" + name, Owner: owner, Created: ago}
}

// issuing is a Certificate whose first issuance runs, with nothing else.
func issuing() State {
	return State{
		Certificate: Certificate{
			Meta: meta(KindCertificate, "web-tls", "uid-web"), Secret: "web-tls",
			Issuer: resolver.Ref{Group: resolver.CertManagerGroup, Kind: "Issuer", Name: "ca"},
			Conditions: Conditions{
				condition("Ready", "False", "DoesNotExist", "Issuing certificate as Secret does not exist"),
				condition("Issuing", "True", "DoesNotExist", "Issuing certificate as Secret does not exist"),
			},
			NextKey: "web-tls-x7k2p",
		},
		Issuer: &Issuer{
			Meta: meta("Issuer", "ca", ""), Group: resolver.CertManagerGroup, CASecret: "ca",
			Conditions: Conditions{condition("Ready", "True", "KeyPairVerified", "Signing CA verified")},
		},
		Written: ago,
	}
}

// requested has a request that is approved, with more conditions.
func requested(conditions ...Condition) State {
	s := issuing()
	s.Requests = []Request{{
		Meta: meta(KindRequest, "web-tls-1", s.Certificate.UID), Revision: 1, Issuer: s.Certificate.Issuer,
		Conditions: append(Conditions{condition("Approved", "True", "cert-manager.io", "Certificate request has been approved by cert-manager.io")}, conditions...),
	}}
	return s
}

func pending(message string) State { return requested(condition("Ready", "False", "Pending", message)) }

// external has the same, and an issuer of another group.
func external(s State) State {
	s.Certificate.Issuer = resolver.Ref{Group: "awspca.cert-manager.io", Kind: "AWSPCAIssuer", Name: "corp"}
	for i := range s.Requests {
		s.Requests[i].Issuer = s.Certificate.Issuer
	}
	s.Issuer = &Issuer{
		Meta: meta("AWSPCAIssuer", "corp", ""), Group: "awspca.cert-manager.io", Signers: []string{"awspcaissuers.awspca.cert-manager.io/*"},
		Conditions: Conditions{condition("Ready", "True", "Verified", "Issuer verified")},
	}
	return s
}

// ordered has an Order in a state, and Challenges.
func ordered(state, reason string, challenges ...Challenge) State {
	s := pending(`Waiting on certificate issuance from order shop/web-tls-1-42: "` + state + `"`)
	s.Issuer.CASecret, s.Issuer.ACME, s.Issuer.Solvers = "", true, []Solver{{HTTP01: true}}
	s.Orders = []Order{{Meta: meta(KindOrder, "web-tls-1-42", "uid-web-tls-1"), Names: []string{"shop.example.com"}, State: state, Reason: reason}}
	s.Challenges = challenges
	return s
}

func challenge(set func(*Challenge)) Challenge {
	c := Challenge{
		Meta: meta(KindChallenge, "web-tls-1-42-7", "uid-web-tls-1-42"), DNSName: "shop.example.com", Type: "HTTP-01",
		Processing: true, Presented: true, State: "pending",
	}
	c.Finalizers = []string{"acme.cert-manager.io/finalizer"}
	set(&c)
	return c
}

// challenged is an order that waits for one Challenge.
func challenged(set func(*Challenge)) State { return ordered("pending", "", challenge(set)) }

func saying(reason string) State { return challenged(func(c *Challenge) { c.Reason = reason }) }

// failed is a Certificate whose last issuance failed, with the request that did.
func failed(message string, attempts int64) State {
	s := requested(condition("Ready", "False", "Failed", message))
	s.Requests[0].Failed = ago
	s.Certificate.Conditions[1] = condition("Issuing", "False", "Failed", "The certificate request has failed to complete and will be retried: "+message)
	s.Certificate.Failed, s.Certificate.Attempts, s.Certificate.NextKey = ago, attempts, ""
	return s
}

func issued(revision int64) State {
	s := issuing()
	s.Certificate.Conditions = Conditions{condition("Ready", "True", "Ready", "Certificate is up to date and has not expired")}
	s.Certificate.Revision, s.Certificate.NextKey = revision, ""
	s.Certificate.NotBefore, s.Certificate.NotAfter = ago, now.Add(90*24*time.Hour)
	return s
}

func with(s State, set func(*State)) State {
	set(&s)
	return s
}

const orderIsInvalid = `Failed to wait for order resource "web-tls-1-42" to become ready: order is in "invalid" state: `

const overwrites = "Failed to decode returned certificate: with CA issuers, ensure the Certificate's secretName is different from the CA issuer's secretName to avoid overwriting the CA secret: error decoding certificate PEM block"

// Each place where an issuance hangs, and a state that looks much alike and doesn't hang there.
var hangs = []struct {
	code          Code
	name          string
	hung, healthy State
	// says is a part of what is found, of the help, or of a command.
	says []string
}{
	{
		CertManagerSilent, "no condition at all",
		with(issuing(), func(s *State) { s.Certificate.Conditions = nil }), issuing(),
		[]string{"written nothing about it for 5m", "5m old", "kubectl get deployments"},
	},
	{
		CertManagerSilent, "not ready, and no issuance begins",
		with(issuing(), func(s *State) { s.Certificate.Conditions = s.Certificate.Conditions[:1] }),
		with(issuing(), func(s *State) {
			s.Certificate.Conditions = s.Certificate.Conditions[:1]
			s.Certificate.Conditions[0].Since = early
		}),
		[]string{"no issuance has begun"},
	},
	{
		AnotherCertificateFirst, "an older one",
		with(issuing(), func(s *State) {
			s.Certificate.Conditions = s.Certificate.Conditions[:1]
			s.Others = []Certificate{{Meta: meta(KindCertificate, "api-tls", ""), Secret: "web-tls"}}
		}),
		with(issuing(), func(s *State) {
			s.Certificate.Conditions = s.Certificate.Conditions[:1]
			s.Others = []Certificate{{Meta: meta(KindCertificate, "z-tls", ""), Secret: "web-tls"}, {Meta: meta(KindCertificate, "api-tls", ""), Secret: "other"}}
		}),
		[]string{"Certificate api-tls has Secret web-tls too", "secretName"},
	},
	{
		AnotherCertificateFirst, "an older one, whose name comes later",
		with(issuing(), func(s *State) {
			s.Certificate.Conditions = s.Certificate.Conditions[:1]
			s.Others = []Certificate{{Meta: meta(KindCertificate, "z-tls", ""), Secret: "web-tls"}}
			s.Others[0].Created = ago.Add(-time.Minute)
		}),
		with(issuing(), func(s *State) {
			s.Certificate.Conditions = s.Certificate.Conditions[:1]
			s.Others = []Certificate{{Meta: meta(KindCertificate, "api-tls", ""), Secret: "web-tls"}}
			s.Others[0].Created = now
		}),
		[]string{"Certificate z-tls", "it is the oldest"},
	},
	{
		AnotherCertificateFirst, "the one that the Secret was issued for",
		with(issuing(), func(s *State) {
			s.Certificate.Conditions = Conditions{condition("Ready", "False", "IncorrectCertificate", `Secret was issued for "z-tls". If this message is not transient, you might have two conflicting Certificates pointing to the same secret.`)}
			s.Others = []Certificate{{Meta: meta(KindCertificate, "z-tls", ""), Secret: "web-tls"}}
		}),
		with(issuing(), func(s *State) {
			s.Certificate.Conditions[0] = condition("Ready", "False", "IncorrectCertificate", `Secret was issued for "gone". If this message is not transient, you might have two conflicting Certificates pointing to the same secret.`)
		}),
		[]string{"Certificate z-tls", "issued for it"},
	},
	{
		PrivateKeyKept, "by the Event",
		with(issuing(), func(s *State) {
			s.Certificate.NextKey = ""
			s.Events = []Event{{About: s.Certificate.UID, Reason: "CannotRegenerateKey", Last: now, Message: `User intervention required: existing private key in Secret "web-tls" does not match requirements on Certificate resource, mismatching fields: [spec.privateKey.size], but cert-manager cannot create new private key`}}
		}),
		issuing(),
		[]string{"[spec.privateKey.size]", "private-key-rotation-policy: Always"},
	},
	{
		PrivateKeyKept, "by the condition, where Events can't be read",
		with(issuing(), func(s *State) {
			s.Certificate.NextKey, s.Certificate.KeepsKey = "", true
			s.Certificate.Conditions[1] = condition("Issuing", "True", "SecretMismatch", "Existing private key is not up to date for spec: [spec.privateKey.algorithm]")
			s.Unread = map[string]string{KindEvent: "forbidden"}
		}),
		with(issuing(), func(s *State) {
			s.Certificate.Conditions[1] = condition("Issuing", "True", "SecretMismatch", "Existing private key is not up to date for spec: [spec.privateKey.algorithm]")
			s.Certificate.NextKey = ""
		}),
		[]string{"[spec.privateKey.algorithm]"},
	},
	{
		RequestNotCreated, "a webhook refuses it",
		with(issuing(), func(s *State) {
			s.Events = []Event{{About: s.Certificate.UID, Reason: "RequestFailed", Last: now, Message: `Failed to create CertificateRequest: admission webhook "x" denied the request`}}
		}),
		requested(),
		[]string{`webhook "x" denied`, "quota"},
	},
	{
		WaitingForApproval, "of cert-manager's own issuers",
		with(requested(), func(s *State) { s.Requests[0].Conditions = nil }), requested(),
		[]string{"cmctl approve -n shop web-tls-1", "for 5m"},
	},
	{
		ApprovalNotPermitted, "of an external issuer",
		external(with(requested(), func(s *State) { s.Requests[0].Conditions = nil })), external(requested()),
		[]string{"awspcaissuers.awspca.cert-manager.io/*", "--verb=approve"},
	},
	{
		RequestDenied, "by a policy",
		with(requested(), func(s *State) {
			s.Requests[0].Conditions = Conditions{condition("Denied", "True", "policy.cert-manager.io", "No policy approved this request: names: shop.example.com")}
		}),
		requested(),
		[]string{"No policy approved this request"},
	},
	{
		IssuerSilent, "the controller of an external issuer doesn't run",
		external(requested()),
		external(requested(condition("Ready", "True", "Issued", ""))),
		[]string{"its issuer says True, since 5m", "AWSPCAIssuer.awspca.cert-manager.io corp"},
	},
	{
		IssuerNotFound, "another kind of that name is there",
		with(pending(`Referenced "Issuer" not found: issuer.cert-manager.io "ca" not found`), func(s *State) {
			s.Issuer = nil
			s.Namesakes = []problem.Object{{Kind: "ClusterIssuer", Name: "ca"}}
		}),
		pending(`Referenced "Issuer" not found: issuer.cert-manager.io "ca" not found`),
		[]string{"there is ClusterIssuer/ca", "cert-manager.io/cluster-issuer"},
	},
	{
		IssuerNotReady, "the issuer's own words",
		with(pending("Referenced issuer does not have a Ready status condition"), func(s *State) {
			s.Issuer.Conditions[0] = condition("Ready", "False", "ErrRegisterACMEAccount", "Failed to register ACME account: 400 urn:ietf:params:acme:error:invalidContact")
		}),
		pending("Referenced issuer does not have a Ready status condition"),
		[]string{"invalidContact", "kubectl -n shop describe issuer.cert-manager.io ca"},
	},
	{
		IssuerSecretMissing, "the issuer says so",
		with(pending("Referenced issuer does not have a Ready status condition"), func(s *State) {
			s.Issuer.Conditions[0] = condition("Ready", "False", "ErrGetKeyPair", `Error getting keypair for CA issuer: secrets "ca" not found`)
		}),
		pending("Referenced issuer does not have a Ready status condition"),
		[]string{`secrets "ca" not found`, "namespace, shop"},
	},
	{
		IssuerSecretMissing, "the request says so",
		with(pending(`Referenced secret cert-manager/ca not found: secret "ca" not found`), func(s *State) { s.Certificate.Issuer.Kind = "ClusterIssuer" }),
		pending("Failed to reach Vault"),
		[]string{"cert-manager/ca", "not of shop"},
	},
	{
		SecretOverwritesCA, "the request failed by it",
		failed(overwrites, 1),
		failed("Failed to decode returned certificate: error decoding certificate PEM block", 1),
		[]string{"secretName", "restore the CA"},
	},
	{
		SecretOverwritesCA, "the issuer lost its CA by it",
		with(pending("Referenced issuer does not have a Ready status condition"), func(s *State) {
			s.Certificate.Secret = "ca"
			s.Issuer.Conditions[0] = condition("Ready", "False", "ErrInvalidKeyPair", "Error getting keypair for CA issuer: certificate is not a CA")
		}),
		with(pending("Referenced issuer does not have a Ready status condition"), func(s *State) {
			s.Issuer.Conditions[0] = condition("Ready", "False", "ErrInvalidKeyPair", "Error getting keypair for CA issuer: certificate is not a CA")
		}),
		[]string{"writes Secret ca"},
	},
	{
		WaitingForOrder, "nothing is wrong with the order",
		challenged(func(*Challenge) {}), requested(condition("Ready", "True", "Issued", "")),
		[]string{"kubectl -n shop get orders,challenges"},
	},
	{
		WaitingForOrder, "Orders can't be read",
		with(ordered("pending", ""), func(s *State) { s.Unread = map[string]string{KindOrder: "forbidden"} }), saying("Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'"),
		nil,
	},
	{
		OrderNotAccepted, "without a word",
		ordered("", ""),
		with(ordered("", ""), func(s *State) { s.Orders[0].Created = early }),
		[]string{"for 5m", "grep web-tls-1-42"},
	},
	{
		RateLimited, "the order is refused",
		ordered("errored", "Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after 2026-05-05 01:02:03 UTC: see https://letsencrypt.org/docs/rate-limits/"),
		ordered("errored", "Failed to create Order: 400 urn:ietf:params:acme:error:rejectedIdentifier"),
		[]string{"no more before 2026-05-05 01:02:03 UTC", "staging"},
	},
	{
		NoSolverMatches, "by the Event, with the solvers",
		with(ordered("pending", ""), func(s *State) {
			s.Issuer.Solvers = []Solver{{HTTP01: true, Zones: []string{"example.org"}}}
			s.Events = []Event{{About: "uid-web-tls-1-42", Reason: "Solver", Message: "Failed to determine a valid solver configuration for the set of domains on the Order: no configured challenge solvers can be used for this challenge"}}
		}),
		with(challenged(func(*Challenge) {}), func(s *State) { s.Issuer.Solvers[0].Zones = []string{"example.com"} }),
		[]string{"shop.example.com: solver 1, HTTP-01: its dnsZones are example.org", "no configured challenge solvers"},
	},
	{
		NoSolverMatches, "a wildcard, where Events can't be read",
		with(ordered("pending", ""), func(s *State) { s.Orders[0].Names = []string{"*.example.com"} }),
		with(ordered("pending", ""), func(s *State) {
			s.Orders[0].Names = []string{"*.example.com"}
			s.Issuer.Solvers[0].DNS01 = true
		}),
		[]string{"a wildcard needs DNS-01"},
	},
	{
		ChallengeQueued, "another one for the same name",
		with(challenged(func(c *Challenge) { c.Processing, c.Presented, c.State = false, false, "" }), func(s *State) {
			other := challenge(func(c *Challenge) { c.Namespace, c.Name, c.UID, c.Owner = "other", "first", "uid-first", "uid-other" })
			s.Challenges = append(s.Challenges, other)
		}),
		challenged(func(c *Challenge) { c.Presented, c.State = false, "" }),
		[]string{"Challenge/other/first", "number 1 in the line"},
	},
	{
		ChallengeNotPresented, "the DNS provider refuses",
		challenged(func(c *Challenge) {
			c.Type, c.Presented, c.Reason = "DNS-01", false, `error getting cloudflare secret: secrets "cloudflare" not found`
		}),
		challenged(func(c *Challenge) { c.Type, c.Presented = "DNS-01", false }),
		[]string{"cloudflare", "credentials"},
	},
	{
		HTTP01NotReachable, "not routed",
		saying("Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'"), saying("Successfully authorized domain"),
		[]string{"ingressClassName", "curl -sSi http://shop.example.com/.well-known/acme-challenge/test"},
	},
	{
		HTTP01NotReachable, "no way back in",
		saying("Waiting for HTTP-01 challenge propagation: failed to perform self check GET request 'http://shop.example.com/…': dial tcp 10.0.0.1:80: connect: connection refused"), saying(""),
		[]string{"hairpin"},
	},
	{
		HTTP01NotReachable, "redirected",
		saying("Waiting for HTTP-01 challenge propagation: failed to perform self check GET request: http: server gave HTTP response to HTTPS client"), saying(""),
		[]string{"redirect"},
	},
	{
		HTTP01NotReachable, "another backend",
		saying(`Waiting for HTTP-01 challenge propagation: did not get expected response "…" when querying endpoint`), saying(""),
		[]string{"Another server answers"},
	},
	{
		DNS01NotPropagated, "no record",
		challenged(func(c *Challenge) {
			c.Type, c.Reason = "DNS-01", `Waiting for DNS-01 challenge propagation: DNS record for "shop.example.com" not yet propagated`
		}),
		challenged(func(c *Challenge) { c.Type, c.Reason = "DNS-01", "Successfully authorized domain" }),
		[]string{"dig +trace TXT _acme-challenge.shop.example.com", "--dns01-recursive-nameservers-only"},
	},
	{
		DNS01NotPropagated, "no zone",
		challenged(func(c *Challenge) {
			c.Type, c.Reason = "DNS-01", `Waiting for DNS-01 challenge propagation: Could not determine authoritative nameservers for "_acme-challenge.shop.example.com."`
		}),
		challenged(func(c *Challenge) { c.Type = "DNS-01" }),
		[]string{"delegation"},
	},
	{
		BackingOff, "after three failures",
		failed("The CSR isn't allowed", 3), issuing(),
		[]string{"the next one is at 2026-05-04T15:55:00Z", "cmctl renew -n shop web-tls"},
	},
	{
		BackingOff, "the wait is over",
		failed("The CSR isn't allowed", 1),
		with(failed("The CSR isn't allowed", 1), func(s *State) { s.Certificate.Failed = now.Add(-time.Hour) }),
		nil,
	},
	{
		OrderFailed, "a Challenge is invalid",
		with(failed(orderIsInvalid, 1), func(s *State) {
			s.Orders = ordered("invalid", "").Orders
			s.Challenges = []Challenge{challenge(func(c *Challenge) {
				c.State, c.Reason = "invalid", `Error accepting authorization: acme: authorization error for shop.example.com: 403 urn:ietf:params:acme:error:unauthorized: Invalid response`
			})}
		}),
		challenged(func(*Challenge) {}),
		[]string{"shop.example.com: Error accepting authorization", "403"},
	},
	{
		OrderFailed, "the Order is gone",
		failed(orderIsInvalid, 1), failed("The CSR isn't allowed", 1), nil,
	},
	{
		ChallengeNotRemoved, "a finalizer keeps it",
		with(challenged(func(c *Challenge) { c.Deleted = ago }), func(s *State) {
			s.Events = []Event{{About: "uid-web-tls-1-42-7", Reason: "CleanUpError", Message: "Error cleaning up challenge: no such zone"}}
		}),
		challenged(func(c *Challenge) { c.Deleted = early }),
		[]string{"acme.cert-manager.io/finalizer", "no such zone", "kubectl -n shop patch challenge web-tls-1-42-7"},
	},
	{
		RequestFailed, "the issuer's own words",
		failed("The CSR isn't allowed", 1), requested(), []string{"The CSR isn't allowed"},
	},
	{
		RequestPending, "the issuer's own words",
		external(pending("waiting for the HSM")), external(requested(condition("Ready", "True", "Issued", ""))), []string{"waiting for the HSM"},
	},
}

func codes(c Chain) []Code {
	var found []Code
	for _, h := range slices.Concat(c.Hangs, c.Notes) {
		found = append(found, h.Code)
	}
	return found
}

// text is all that a chain says.
func text(c Chain) string {
	var b strings.Builder
	for _, s := range c.Steps {
		b.WriteString(s.Object.String() + " " + string(s.Outcome) + " " + s.Text + "\n")
	}
	for _, h := range slices.Concat(c.Hangs, c.Notes) {
		b.WriteString(string(h.Code) + " " + h.Object.String() + " " + h.Why + "\n" + strings.Join(slices.Concat(h.Help, h.Commands), "\n") + "\n")
	}
	return b.String()
}

func TestWhereItHangs(t *testing.T) {
	for _, row := range hangs {
		t.Run(string(row.code)+"/"+row.name, func(t *testing.T) {
			hung, healthy := Explain(row.hung, now), Explain(row.healthy, now)
			if found := codes(hung); len(found) == 0 || found[0] != row.code && row.code != BackingOff || !slices.Contains(found, row.code) {
				t.Errorf("it says %q:\n%s", found, text(hung))
			}
			for _, part := range row.says {
				if !strings.Contains(text(hung), part) {
					t.Errorf("it doesn't say %q:\n%s", part, text(hung))
				}
			}
			if hung.Done {
				t.Error("it is done")
			}
			if found := codes(healthy); slices.Contains(found, row.code) {
				t.Errorf("the healthy one says %q:\n%s", found, text(healthy))
			}
		})
	}
}

// Every code has a row, but those that aren't about a Certificate that hangs.
func TestEveryCodeIsFound(t *testing.T) {
	elsewhere := []Code{NoCertificate, ServerShowsAnother}
	for _, row := range hangs {
		elsewhere = append(elsewhere, row.code)
	}
	for _, explained := range Codes() {
		if !slices.Contains(elsewhere, explained.Code) {
			t.Errorf("no row has %s", explained.Code)
		}
		if explained.Means == "" || explained.Code.Means() != explained.Means {
			t.Errorf("%s means %q", explained.Code, explained.Code.Means())
		}
	}
}

func TestNothingIsMade(t *testing.T) {
	c := NotMade("shop", "web-tls", "its issuer isn't known")
	if diff := cmp.Diff([]Code{NoCertificate}, codes(c)); diff != "" || !c.Broken() || !strings.Contains(text(c), "its issuer isn't known") {
		t.Errorf("%s\n%s", diff, text(c))
	}
}

// An issued Certificate doesn't hang. That a server may show the one before is a note, where there
// was one.
func TestIssued(t *testing.T) {
	for _, row := range []struct {
		state State
		want  []Code
	}{
		{issued(1), nil},
		{issued(2), []Code{ServerShowsAnother}},
		{with(issued(1), func(s *State) { s.Certificate.Temporary = true }), []Code{ServerShowsAnother}},
		{with(issued(1), func(s *State) { s.Certificate.Failed = ago }), nil},
		{with(issued(1), func(s *State) { s.Issuer = nil }), nil},
	} {
		c := Explain(row.state, now)
		if diff := cmp.Diff(row.want, codes(c)); diff != "" || !c.Done || c.Broken() || len(c.Hangs) > 0 {
			t.Errorf("%s\n%s", diff, text(c))
		}
	}
}

// The certificate that serves while another is issued is said to.
func TestARenewal(t *testing.T) {
	s := pending("Referenced issuer does not have a Ready status condition")
	s.Certificate.Conditions[0] = condition("Ready", "True", "Ready", "")
	s.Certificate.NotAfter = now.Add(time.Hour)
	if c := Explain(s, now); !strings.Contains(text(c), "valid until 2026-05-04T13:00:00Z") || c.Done {
		t.Error(text(c))
	}
}

// A request of an issuance that is over, or of somebody else, is none of this one.
func TestRequestsOfOthers(t *testing.T) {
	for name, set := range map[string]func(*State){
		"another owner":             func(s *State) { s.Requests[0].Owner = "uid-other" },
		"no owner":                  func(s *State) { s.Requests[0].Owner, s.Certificate.UID = "", "" },
		"the revision there is":     func(s *State) { s.Certificate.Revision = 1 },
		"it failed the time before": func(s *State) { s.Requests[0].Failed = ago.Add(-time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			s := requested()
			set(&s)
			if c := Explain(s, now); !strings.Contains(text(c), "there is none yet") {
				t.Error(text(c))
			}
		})
	}
}

// What can't be read is one step that says so, and never counts as missing.
func TestWhatCanNotBeRead(t *testing.T) {
	const why = "it is forbidden"
	for kind, row := range map[string]struct {
		state State
		never Code
	}{
		KindRequest:   {issuing(), RequestNotCreated},
		KindOrder:     {ordered("pending", ""), NoSolverMatches},
		KindChallenge: {with(ordered("pending", ""), func(s *State) { s.Issuer.Solvers = nil }), NoSolverMatches},
		KindIssuer:    {with(pending("Referenced issuer does not have a Ready status condition"), func(s *State) { s.Issuer = nil }), IssuerNotFound},
	} {
		t.Run(kind, func(t *testing.T) {
			row.state.Unread = map[string]string{kind: why}
			if kind != KindIssuer && kind != KindRequest {
				row.state.Orders = slices.Clone(row.state.Orders)
			}
			c := Explain(row.state, now)
			if n := strings.Count(text(c), why); n != 1 || slices.Contains(codes(c), row.never) || c.Broken() {
				t.Errorf("said %d times:\n%s", n, text(c))
			}
		})
	}
}

func TestTheNextTry(t *testing.T) {
	for attempts, want := range map[int64]time.Duration{
		-1: time.Hour, 0: time.Hour, 1: time.Hour, 2: 2 * time.Hour, 5: 16 * time.Hour, 6: 32 * time.Hour, 7: 32 * time.Hour, 1 << 62: 32 * time.Hour,
	} {
		s := failed("no", attempts)
		if c := Explain(s, now); !c.Next.Equal(ago.Add(want)) {
			t.Errorf("after %d failures it is at %s, want %s", attempts, c.Next, ago.Add(want))
		}
	}
	if c := Explain(with(failed("no", 1), func(s *State) { s.Certificate.Conditions[1].Status = "True" }), now); !c.Next.IsZero() {
		t.Errorf("an issuance runs, and the next try is at %s", c.Next)
	}
}

// Of several places the one nearest to the cause comes first.
func TestTheCauseComesFirst(t *testing.T) {
	s := failed(orderIsInvalid, 2)
	s.Issuer.Conditions[0].Status = "False"
	if diff := cmp.Diff([]Code{IssuerNotReady, OrderFailed, BackingOff}, codes(Explain(s, now))); diff != "" {
		t.Error(diff)
	}
}

// Names of objects are arguments of one word in commands.
func TestCommandsAreQuoted(t *testing.T) {
	for text, want := range map[string]string{
		"web-tls": "web-tls", "*.example.com": "'*.example.com'", "-x": "'-x'", "": "''", "a; rm -rf /": "'a; rm -rf /'", "a'b": `'a'\''b'`, "$(x)": "'$(x)'",
	} {
		if got := word(text); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}
