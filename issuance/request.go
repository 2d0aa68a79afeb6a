package issuance

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// What cert-manager's own issuers say in a request's condition, whose reason is only Pending or
// Failed.
const (
	saysNotReady    = "does not have a Ready status condition"
	saysOrder       = "order"
	saysOverwritten = "ensure the Certificate's secretName is different from the CA issuer's"
)

var (
	secretNotFound = regexp.MustCompile(`(?i)\bsecrets?(?: "[^"]{1,253}"| \S{1,300})? not found`)
	issuerNotFound = regexp.MustCompile(`^Referenced "[^"]{1,253}" not found`)
	orderFailed    = regexp.MustCompile(`^Failed to wait for order resource`)
	orderPending   = regexp.MustCompile(`^(?:Waiting on certificate issuance from order|Waiting for order-controller|Created Order resource)`)
)

// request says how the CertificateRequest of the issuance stands. It is nil if there is none, or
// if it can't be seen.
func (w *walk) request() *Request {
	if w.Unread[KindRequest] != "" {
		w.unread(KindRequest, "CertificateRequests can't be read")
		return nil
	}
	r := w.current()
	if r == nil {
		w.noRequest()
		return nil
	}
	ready, answered := r.Conditions.find("Ready")
	denied, _ := r.Conditions.find("Denied")
	invalid, _ := r.Conditions.find("InvalidRequest")
	switch {
	case denied.Status == "True":
		w.denied(*r, denied)
	case invalid.Status == "True":
		w.refused(*r, invalid)
	case !r.Conditions.is("Approved"):
		w.unapproved(*r)
	case !answered:
		w.unanswered(*r)
	case ready.Status == "True":
		w.step(r.Meta, OK, ready.Since, "it is signed")
	case ready.Reason == "Failed":
		w.failed(*r, ready)
	default:
		w.pending(*r, ready)
	}
	return r
}

// current is the request of the issuance that runs or ran last: the newest revision, which is not
// that of the certificate there is. One that failed before the issuance began is of the try before.
func (w *walk) current() *Request {
	var newest *Request
	for i := range w.Requests {
		r := &w.Requests[i]
		if r.Owner != w.Certificate.UID || r.Owner == "" || r.Revision <= w.Certificate.Revision {
			continue
		}
		if newest == nil || cmp.Or(cmp.Compare(r.Revision, newest.Revision), r.Created.Compare(newest.Created)) > 0 {
			newest = r
		}
	}
	issuing, _ := w.Certificate.Conditions.find("Issuing")
	if newest != nil && issuing.Status == "True" && !newest.Failed.IsZero() && newest.Failed.Before(issuing.Since) {
		return nil
	}
	return newest
}

// noRequest says why there is none yet.
func (w *walk) noRequest() {
	c := w.Certificate
	issuing, _ := c.Conditions.find("Issuing")
	if issuing.Status != "True" {
		w.step(Meta{Kind: KindRequest, Namespace: c.Namespace}, Unknown, time.Time{}, "the one that failed is gone")
		return
	}
	outcome := Waiting
	if w.keyIsKept(issuing) || w.notCreated(issuing) {
		outcome = Broken
	}
	w.step(Meta{Kind: KindRequest, Namespace: c.Namespace}, outcome, issuing.Since, "there is none yet for revision %d", c.Revision+1)
}

// mismatching has the fields of the private key that differ.
var mismatching = regexp.MustCompile(`private key is not up to date for spec: (\[[^\]]{1,900}\])|mismatching fields: (\[[^\]]{1,900}\])`)

// keyIsKept says whether the private key would have to be another one, and must not.
func (w *walk) keyIsKept(issuing Condition) bool {
	c := w.Certificate
	told := w.events(c.UID, "CannotRegenerateKey")
	says := issuing.Message
	if len(told) > 0 && !told[0].Last.Before(issuing.Since.Add(-time.Minute)) {
		says = told[0].Message
	} else if !c.KeepsKey {
		return false
	}
	fields := mismatching.FindStringSubmatch(says)
	if c.NextKey != "" || fields == nil {
		return false
	}
	w.hang(Hang{
		Code: PrivateKeyKept, Object: c.object(),
		Why: "the private key in Secret " + problem.Name(c.Secret) + " doesn't fit the spec in " + cmp.Or(fields[1], fields[2]) +
			", and spec.privateKey.rotationPolicy is Never, so that cert-manager makes no other",
		Help: []string{
			"Let it make a new key, by the annotation cert-manager.io/private-key-rotation-policy: Always on the source or by the field on the Certificate.",
			"Or ask for the key that is there: algorithm and size as they were.",
		},
		Commands: []string{describe(c.Meta)},
	})
	return true
}

// notCreated says whether cert-manager has tried to make the request, or should have.
func (w *walk) notCreated(issuing Condition) bool {
	c := w.Certificate
	why := ""
	if told := w.events(c.UID, "RequestFailed"); len(told) > 0 && !told[0].Last.Before(issuing.Since) {
		why = "cert-manager says: " + told[0].Message
	} else if w.older(issuing.Since, longPatience) {
		why = "an issuance runs for " + w.age(issuing.Since) + ", and there is no CertificateRequest of it"
		if w.Unread[KindEvent] != "" {
			why += "; Events, which would say why, can't be read"
		}
	} else {
		return false
	}
	w.hang(Hang{
		Code: RequestNotCreated, Object: c.object(), Why: why,
		Help: []string{
			"Where an admission webhook, a policy or a quota refuses CertificateRequests, its message says which.",
			"Where the request can't be built, the Certificate's spec has to change; cert-manager doesn't try again before.",
		},
		Commands: []string{describe(c.Meta), command("kubectl -n %s get resourcequotas", c.Namespace)},
	})
	return true
}

func (w *walk) denied(r Request, denied Condition) {
	w.step(r.Meta, Broken, denied.Since, "it was denied: %s", words(denied))
	w.hang(Hang{
		Code: RequestDenied, Object: r.object(), Why: "an approver says: " + words(denied),
		Help: []string{
			"Ask whoever maintains the approval policies, or ask for what they allow: the names, the duration, the issuer.",
			"A denied request stays denied. cert-manager makes a new one when the Certificate changes, or after its wait.",
		},
		Commands: []string{describe(r.Meta), "kubectl get certificaterequestpolicies"},
	})
}

// unapproved is a request on which nobody has decided.
func (w *walk) unapproved(r Request) {
	w.step(r.Meta, Waiting, r.Created, "nobody has approved or denied it")
	if !w.older(r.Created, patience) {
		return
	}
	if r.Issuer.Group == resolver.CertManagerGroup {
		w.hang(Hang{
			Code: WaitingForApproval, Object: r.object(), Why: "nobody has approved or denied it for " + w.age(r.Created),
			Help: []string{
				"Where cert-manager approves by itself, see whether its controller runs with certificaterequests-approver.",
				"Where approver-policy is installed, no CertificateRequestPolicy is for this request, or nobody may use it.",
			},
			Commands: []string{
				command("cmctl approve -n %s %s", r.Namespace, r.Name),
				describe(r.Meta), "kubectl get certificaterequestpolicies",
			},
		})
		return
	}
	w.hang(Hang{
		Code: ApprovalNotPermitted, Object: r.object(),
		Why: "nobody has approved or denied it for " + w.age(r.Created) + "; cert-manager approves requests to issuers of group " +
			problem.Name(r.Issuer.Group) + " only if its account may",
		Help: []string{
			"Let cert-manager's ServiceAccount approve: verb approve on resource signers of group cert-manager.io, with resourceNames " + list(w.signers(r)) + ".",
			"Or let approver-policy decide, and write a CertificateRequestPolicy for it.",
		},
		Commands: []string{
			"kubectl create clusterrole cert-manager-approve-external --verb=approve --resource=signers.cert-manager.io" + resourceNames(w.signers(r)),
			"kubectl create clusterrolebinding cert-manager-approve-external --clusterrole=cert-manager-approve-external --serviceaccount=cert-manager:cert-manager",
			command("cmctl approve -n %s %s", r.Namespace, r.Name),
		},
	})
}

// signers are the names under which requests to the issuer are approved.
func (w *walk) signers(r Request) []string {
	if w.Issuer != nil && len(w.Issuer.Signers) > 0 {
		return w.Issuer.Signers
	}
	return []string{strings.ToLower(r.Issuer.Kind) + "s." + r.Issuer.Group + "/*"}
}

func resourceNames(signers []string) string {
	flags := ""
	for _, signer := range signers {
		flags += " --resource-name=" + word(signer)
	}
	return flags
}

// unanswered is an approved request of which the issuer's controller says nothing.
func (w *walk) unanswered(r Request) {
	approved, _ := r.Conditions.find("Approved")
	w.step(r.Meta, Waiting, approved.Since, "it is approved, and the issuer's controller has said nothing yet")
	if !w.older(approved.Since, patience) {
		return
	}
	why := "it was approved " + w.age(approved.Since) + " ago"
	if w.Issuer != nil {
		if ready, written := w.Issuer.Conditions.find("Ready"); written {
			why += fmt.Sprintf("; its issuer says %s, since %s: %s", ready.Status, w.age(ready.Since), words(ready))
		} else {
			why += "; its issuer has no condition Ready either"
		}
	}
	w.hang(Hang{
		Code: IssuerSilent, Object: r.object(), Why: why,
		Help: []string{
			"See whether the controller of " + issuerWords(r.Issuer) + " runs, sees this namespace, and may read and update CertificateRequests.",
			"Its log is the next place to look.",
		},
		Commands: []string{"kubectl get pods -A", describe(r.Meta)},
	})
}

// refused is a request of which the issuer says that it can't be signed.
func (w *walk) refused(r Request, says Condition) {
	w.step(r.Meta, Broken, says.Since, "the issuer refused it: %s", words(says))
	w.hang(Hang{
		Code: RequestFailed, Object: r.object(), Why: issuerWords(r.Issuer) + " says: " + words(says),
		Help: []string{
			"These are the issuer's own words. Where they are about names, usages or the duration, ask for what it signs.",
			"A change of the Certificate makes a new request at once.",
		},
		Commands: []string{describe(r.Meta)},
	})
}

// failed is a request that came to an end without a certificate.
func (w *walk) failed(r Request, ready Condition) {
	switch {
	case strings.Contains(ready.Message, saysOverwritten):
		w.step(r.Meta, Broken, ready.Since, "it failed: %s", ready.Message)
		w.overwritesCA(r.Meta, "cert-manager says: "+ready.Message)
	case isRateLimit(ready.Message):
		w.step(r.Meta, Broken, ready.Since, "its order failed: %s", ready.Message)
		w.rateLimited(r.Meta, ready.Message)
	case orderFailed.MatchString(ready.Message):
		w.step(r.Meta, Broken, ready.Since, "its order failed: %s", ready.Message)
		w.orderHasFailed(r.Meta, ready.Message)
	default:
		w.refused(r, ready)
	}
}

// pending is a request that its issuer can't sign yet.
func (w *walk) pending(r Request, ready Condition) {
	w.step(r.Meta, Waiting, ready.Since, "it waits: %s", words(ready))
	message := ready.Message
	switch {
	case orderPending.MatchString(message):
		// The Order has the rest.
	case issuerNotFound.MatchString(message):
		if w.Issuer == nil {
			w.issuerMissing(r.Meta, "cert-manager says: "+message)
		}
	case strings.Contains(message, saysNotReady):
		if w.Issuer == nil {
			w.issuerUnready(r.Meta, "cert-manager says: "+message)
		}
	case secretNotFound.MatchString(message):
		w.issuerLacksSecret(r.Meta, "cert-manager says: "+message)
	case w.older(ready.Since, patience):
		w.hang(Hang{
			Code: RequestPending, Object: r.object(), Why: issuerWords(r.Issuer) + " says, since " + w.age(ready.Since) + ": " + words(ready),
			Help:     []string{"These are the issuer's own words. The log of its controller has more."},
			Commands: []string{describe(r.Meta)},
		})
	}
}
