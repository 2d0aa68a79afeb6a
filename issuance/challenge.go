package issuance

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/certshim/certshim/problem"
)

// cert-manager works on so many Challenges at once, by its default settings.
const atOnce = 60

// challenges says how the Challenges of an Order stand, and gives what those that failed say.
func (w *walk) challenges(o Order) (failed []string) {
	if w.Unread[KindChallenge] != "" {
		w.unread(KindChallenge, "Challenges can't be read")
		return nil
	}
	own := w.challengesOf(o)
	if len(own) == 0 && o.State == "pending" {
		w.noChallenges(o)
	}
	for _, c := range own {
		if says := w.challenge(c); says != "" {
			failed = append(failed, problem.Name(c.DNSName)+": "+says)
		}
	}
	return failed[:min(len(failed), 10)]
}

func (w *walk) challengesOf(o Order) []Challenge {
	var own []Challenge
	for _, c := range w.Challenges {
		if c.Owner == o.UID && c.Owner != "" {
			own = append(own, c)
		}
	}
	slices.SortStableFunc(own, func(a, b Challenge) int {
		return cmp.Or(cmp.Compare(a.DNSName, b.DNSName), cmp.Compare(a.Name, b.Name))
	})
	return own
}

// challenge says how one stands; what it says is given if it failed.
func (w *walk) challenge(c Challenge) (failed string) {
	what := c.Type + " for " + problem.Name(c.DNSName)
	switch {
	case !c.Deleted.IsZero():
		w.step(c.Meta, Waiting, c.Deleted, "%s: it is being deleted", what)
		w.notRemoved(c)
	case c.State == "valid":
		w.step(c.Meta, OK, time.Time{}, "%s: it is valid", what)
	case c.State == "invalid", c.State == "errored", c.State == "expired":
		w.step(c.Meta, Broken, time.Time{}, "%s: it is %s: %s", what, c.State, reason(c.Reason))
		return reason(c.Reason)
	case !c.Processing:
		w.step(c.Meta, Waiting, c.Created, "%s: cert-manager hasn't begun with it", what)
		w.queued(c)
	case strings.HasPrefix(c.Reason, "Waiting for HTTP-01"):
		w.step(c.Meta, Waiting, c.Created, "%s: %s", what, c.Reason)
		w.notReachable(c)
	case strings.HasPrefix(c.Reason, "Waiting for DNS-01"), isLookup(c.Reason):
		w.step(c.Meta, Waiting, c.Created, "%s: %s", what, c.Reason)
		w.notPropagated(c)
	case !c.Presented && c.Reason != "":
		w.step(c.Meta, Broken, c.Created, "%s: it can't be prepared: %s", what, c.Reason)
		w.notPresented(c)
	default:
		w.step(c.Meta, Waiting, c.Created, "%s: it is %s%s", what, cmp.Or(c.State, "new"), after(": ", c.Reason))
	}
	return ""
}

// after is a text behind a separator, if there is one.
func after(separator, text string) string {
	if text == "" {
		return ""
	}
	return separator + text
}

// isLookup says whether the zone of a name could not be found.
func isLookup(says string) bool {
	for _, words := range []string{"Could not determine authoritative nameservers", "Could not determine the zone", "Could not find the SOA record", "When querying the SOA record"} {
		if strings.Contains(says, words) {
			return true
		}
	}
	return false
}

// noChallenges is a pending Order without any.
func (w *walk) noChallenges(o Order) {
	told := w.events(o.UID, "Solver")
	names, refusals := w.unsolved(o)
	if len(told) == 0 && (len(names) == 0 || !w.older(o.Created, patience)) {
		return
	}
	var why []string
	if len(told) > 0 {
		why = append(why, "cert-manager says: "+told[0].Message)
	}
	w.step(Meta{Kind: KindChallenge, Namespace: o.Namespace}, Broken, o.Created, "there are none")
	w.hang(Hang{
		Code: NoSolverMatches, Object: o.object(), Why: strings.Join(append(why, refusals...), "; "),
		Help: []string{
			"Add a solver to the issuer that is for these names, or widen the selector of one. A solver without a selector is for every name.",
			"Names with a wildcard need a DNS-01 solver.",
		},
		Commands: []string{showIssuer(w.Certificate), describe(o.Meta)},
	})
}

// queued is a Challenge that cert-manager has not begun with.
func (w *walk) queued(c Challenge) {
	if !w.older(c.Created, patience) {
		return
	}
	running, before := 0, 1
	var same *Challenge
	for i := range w.Challenges {
		other := &w.Challenges[i]
		switch {
		case other.UID == c.UID:
		case other.Processing:
			running++
			if other.DNSName == c.DNSName && other.Type == c.Type {
				same = other
			}
		case other.State != "valid" && other.State != "invalid" && other.State != "errored" && other.State != "expired" && other.Created.Before(c.Created):
			before++
		}
	}
	why := fmt.Sprintf("of the Challenges that can be read, %d are being worked on, and this one is number %d in the line; cert-manager works on %d at once, by its default settings", running, before, atOnce)
	help := "The queue moves when those that are worked on end; ones that never do hold a place. Raise --max-concurrent-challenges if it is always long."
	if same != nil {
		why = "cert-manager works on another one for the same name and type, " + same.object().String() + ", and on one at a time; " + why
		help = "See why that one doesn't end, or delete the Certificate that it belongs to if nobody needs it."
	}
	w.hang(Hang{
		Code: ChallengeQueued, Object: c.object(), Why: why, Help: []string{help},
		Commands: []string{"kubectl get challenges -A"},
	})
}

func (w *walk) notRemoved(c Challenge) {
	if !w.older(c.Deleted, longPatience) {
		return
	}
	why := "it is being deleted for " + w.age(c.Deleted)
	if len(c.Finalizers) > 0 {
		why += ", and is kept by the finalizer " + list(c.Finalizers)
	}
	if told := w.events(c.UID, "CleanUpError"); len(told) > 0 {
		why += "; cert-manager says: " + told[0].Message
	} else if c.Reason != "" {
		why += "; it says: " + c.Reason
	}
	w.hang(Hang{
		Code: ChallengeNotRemoved, Object: c.object(), Why: why,
		Help: []string{
			"See whether cert-manager runs, and whether the issuer and its credentials are still there: cert-manager cleans up by them.",
			"Only if they are gone for good, take the finalizer away; a DNS record may then be left, which you have to delete.",
		},
		Commands: []string{
			describe(c.Meta),
			command(`kubectl -n %s patch challenge %s --type=merge -p '{"metadata":{"finalizers":null}}'`, c.Namespace, c.Name),
		},
	})
}

func (w *walk) notPresented(c Challenge) {
	help := "cert-manager makes a Pod, a Service and an Ingress or HTTPRoute for it in this namespace: quotas, policies and webhooks can refuse them."
	if c.Type == "DNS-01" {
		help = "The DNS provider refused it, or the issuer's credentials aren't there: an Issuer reads them in its own namespace, a ClusterIssuer in cert-manager's."
	}
	w.hang(Hang{
		Code: ChallengeNotPresented, Object: c.object(), Why: issuerWords(w.Certificate.Issuer) + " says: " + c.Reason,
		Help: []string{help}, Commands: []string{describe(c.Meta), showIssuer(w.Certificate)},
	})
}

func (w *walk) notReachable(c Challenge) {
	w.hang(Hang{
		Code: HTTP01NotReachable, Object: c.object(), Why: c.Reason,
		Help: []string{
			selfCheck(c.Reason),
			"cert-manager asks from inside the cluster, the CA from the internet; both must get the solver's answer on port 80.",
		},
		Commands: []string{
			command("curl -sSi %s", "http://"+c.DNSName+"/.well-known/acme-challenge/test"),
			command("kubectl -n %s get ingresses,httproutes,services,pods -l acme.cert-manager.io/http01-solver=true", c.Namespace),
		},
	})
}

// selfCheck says what the outcome of an HTTP-01 self-check points at.
func selfCheck(says string) string {
	for _, row := range []struct {
		says []string
		help string
	}{
		{[]string{"HTTP response to HTTPS client"}, "Something redirects to HTTPS where no TLS is spoken: except the path /.well-known/acme-challenge/ from the redirect."},
		{[]string{"did not get expected response"}, "Another server answers for the path: see which Ingress or route wins for this name, and whether the name points elsewhere."},
		{[]string{"'404'", "'502'", "'503'"}, "Whoever answers doesn't route to the solver: its Ingress needs the class of the ingress controller that serves this name, by ingressClassName in the issuer's solver or the annotation acme.cert-manager.io/http01-ingress-ingressclassname."},
		{[]string{"'401'", "'403'"}, "Whoever answers asks for a login or forbids the path: except /.well-known/acme-challenge/ from it."},
		{[]string{"no such host"}, "The name doesn't resolve in the cluster: make its DNS record, or give cert-manager nameservers that know it by --acme-http01-solver-nameservers."},
		{[]string{"connection refused", "i/o timeout", "Client.Timeout", "deadline exceeded", "EOF", "connection reset", "no route to host"}, "The address doesn't answer from inside the cluster: a load balancer without hairpin or with the PROXY protocol, a firewall, or nothing listens on port 80."},
	} {
		for _, words := range row.says {
			if strings.Contains(says, words) {
				return row.help
			}
		}
	}
	return "The path is answered otherwise than by the solver: see where the name leads to."
}

func (w *walk) notPropagated(c Challenge) {
	record := "_acme-challenge." + strings.TrimPrefix(c.DNSName, "*.")
	help := "The record may need time. If it stays so, the nameservers that cert-manager asks don't have it: split-horizon DNS, or another zone than the one that the solver writes to."
	if isLookup(c.Reason) {
		help = "The zone of the name can't be found by the nameservers that cert-manager asks: a missing delegation, or a resolver in the cluster that doesn't forward."
	}
	w.hang(Hang{
		Code: DNS01NotPropagated, Object: c.object(), Why: c.Reason,
		Help: []string{
			help,
			"Let cert-manager ask public resolvers: --dns01-recursive-nameservers-only with --dns01-recursive-nameservers=1.1.1.1:53,8.8.8.8:53.",
		},
		Commands: []string{command("dig +trace TXT %s", record), command("dig +short NS %s", c.DNSName), describe(c.Meta)},
	})
}
