package issuance

import (
	"regexp"
	"strings"
	"time"

	"github.com/certshim/certshim/problem"
)

// order says how the Order of a request stands, and its Challenges.
func (w *walk) order(r Request) {
	ready, _ := r.Conditions.find("Ready")
	isACME := strings.Contains(strings.ToLower(ready.Message), saysOrder)
	if w.Unread[KindOrder] != "" {
		if isACME {
			w.unread(KindOrder, "Orders can't be read")
			w.waitsForOrder(r, ready)
		}
		return
	}
	o := w.orderOf(r)
	switch {
	case o == nil && isACME && ready.Reason == "Pending":
		w.step(Meta{Kind: KindOrder, Namespace: r.Namespace}, Waiting, ready.Since, "there is none")
		w.waitsForOrder(r, ready)
	case o == nil:
	default:
		w.state(r, *o)
	}
}

// orderOf is the newest Order of a request; nil for none.
func (w *walk) orderOf(r Request) *Order {
	var newest *Order
	for i := range w.Orders {
		o := &w.Orders[i]
		if o.Owner == r.UID && o.Owner != "" && (newest == nil || o.Created.After(newest.Created)) {
			newest = o
		}
	}
	return newest
}

// state goes by the state of an Order.
func (w *walk) state(r Request, o Order) {
	switch o.State {
	case "valid":
		w.step(o.Meta, OK, time.Time{}, "it is valid")
	case "errored", "invalid", "expired":
		w.step(o.Meta, Broken, time.Time{}, "it is %s: %s", o.State, reason(o.Reason))
		failed := w.challenges(o)
		if isRateLimit(o.Reason) {
			w.rateLimited(o.Meta, o.Reason)
			return
		}
		w.orderHasFailed(o.Meta, strings.Join(append([]string{"the order is " + o.State + ": " + reason(o.Reason)}, failed...), "; "))
	case "":
		w.step(o.Meta, Waiting, o.Created, "the ACME server has not taken it yet")
		w.notAccepted(o)
	default:
		w.step(o.Meta, Waiting, o.Created, "it is %s", problem.Name(o.State))
		w.challenges(o)
		if ready, _ := r.Conditions.find("Ready"); len(w.chain.Hangs) == 0 {
			w.waitsForOrder(r, ready)
		}
	}
}

// reason is what an object says of its state.
func reason(says string) string {
	if says == "" {
		return "no reason is given"
	}
	return says
}

func (w *walk) waitsForOrder(r Request, ready Condition) {
	w.hang(Hang{
		Code: WaitingForOrder, Object: r.object(), Why: words(ready),
		Help:     []string{"What the ACME server and the Challenges say is in the Order and in them."},
		Commands: []string{command("kubectl -n %s get orders,challenges", r.Namespace)},
	})
}

func (w *walk) orderHasFailed(at Meta, why string) {
	w.hang(Hang{
		Code: OrderFailed, Object: at.object(), Why: why,
		Help: []string{
			"The words of a Challenge are the CA's own: it could not reach the name, or got another answer than it wanted.",
			"An order that failed isn't tried again; cert-manager makes a new one after its wait.",
		},
		Commands: []string{command("kubectl -n %s describe orders,challenges", at.Namespace)},
	})
}

func (w *walk) notAccepted(o Order) {
	if !w.older(o.Created, longPatience) {
		return
	}
	w.hang(Hang{
		Code: OrderNotAccepted, Object: o.object(),
		Why: "the ACME server has not taken the order for " + w.age(o.Created) + "; cert-manager tries again without a word in any object",
		Help: []string{
			"See whether the ACME server can be reached from cert-manager's pod, by way of its proxy and with its CA, and whether the account still exists.",
			"cert-manager's log is the only place that says why.",
		},
		Commands: []string{
			command("kubectl logs -n cert-manager deployment/cert-manager --since=10m | grep %s", o.Name),
			showIssuer(w.Certificate),
		},
	})
}

var (
	rateLimit  = regexp.MustCompile(`(?i)rateLimited|\b429\b|too many (?:certificates|failed|new orders|registrations|requests)`)
	retryUntil = regexp.MustCompile(`(?i)retry after ([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{8}(?: ?UTC|Z)?)`)
)

// isRateLimit says whether a CA refused something because there was too much of it.
func isRateLimit(says string) bool { return rateLimit.MatchString(says) }

func (w *walk) rateLimited(at Meta, says string) {
	why := "the CA says: " + says
	help := "Waiting beats trying: each try counts against the limit."
	if until := retryUntil.FindStringSubmatch(says); until != nil {
		help = "The CA takes no more before " + until[1] + ". " + help
	}
	w.hang(Hang{
		Code: RateLimited, Object: at.object(), Why: why,
		Help: []string{
			help,
			"Use the CA's staging server for trials, and see whether something deletes and makes the same Certificate over and over.",
		},
		Commands: []string{command("kubectl -n %s describe orders", at.Namespace)},
	})
}
