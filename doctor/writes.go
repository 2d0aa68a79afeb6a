package doctor

import (
	"fmt"

	"github.com/certshim/certshim/problem"
)

// writes goes by what each Pod says of its own writes.
func writes(seen *Seen) []Finding {
	pods, unknown := seen.pods("whether what it writes is accepted")
	if unknown != nil {
		return unknown
	}
	var all []Finding
	for _, pod := range pods {
		all = append(all, pod.writes()...)
	}
	if all != nil {
		return all
	}
	return fine("none of the writes of " + count(len(pods), "Pod") + " is forbidden, or waits for a webhook")
}

// writes says why the writes of a Pod don't arrive.
func (p Pod) writes() (all []Finding) {
	name, m := problem.Name(p.Name), p.Metrics.Value
	if p.Metrics.Why != "" {
		return unread("whether what Pod "+name+" writes is accepted", p.Metrics.Why, whatIsRead)
	}
	if m.PendingWrites > 0 {
		all = append(all, Finding{
			Level: Error, Text: waiting(m.PendingWrites, name) + " for an admission webhook that doesn't answer (certshim_pending_writes)",
			Help: askWebhooks + ": docs/alerts.md#certshimwritespending",
		})
	}
	if m.WriteForbidden {
		all = append(all, Finding{
			Level: Error, Text: "Pod " + name + " may not write Certificates, in some namespace at least (certshim_write_forbidden)",
			Help: "its log names the permission; " + applyAgain + ": docs/alerts.md#certshimwriteforbidden",
		})
	}
	return all
}

func waiting(n int, pod string) string {
	verb := "wait"
	if n == 1 {
		verb = "waits"
	}
	return fmt.Sprintf("%s of Pod %s %s", count(n, "object"), pod, verb)
}

// askWebhooks helps where a write isn't accepted.
const askWebhooks = "see what kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations has for Certificates, and whether it runs"

// fine says that a dry run was made, and went as it should.
func (d *DryRun) fine() bool {
	return d != nil && d.Right == Read[Answer]{} && d.Wrong.Value.Webhook
}

// dryRunWrite judges the answers of the API server, in its own words.
func dryRunWrite(seen *Seen) []Finding {
	d := seen.DryRun
	if d == nil {
		return nil
	}
	right, wrong := d.Right.Value, d.Wrong.Value
	what := "whether a Certificate would be accepted in namespace " + d.Namespace
	const judged = "whether cert-manager's webhook judges Certificates"
	switch {
	case d.Right.Why != "":
		return unread(what, d.Right.Why, "it needs create and patch on certificates in a namespace that is there, which --release-namespace names")
	case right.Refusal != "":
		return one(Error, "a Certificate would not be accepted in namespace "+d.Namespace+": "+right.Refusal, askWebhooks)
	case d.Wrong.Why != "":
		return unread(judged, d.Wrong.Why, whatIsRead)
	case wrong.Refusal == "":
		return one(Warning, "a Certificate of too short a duration would be accepted in namespace "+d.Namespace+": cert-manager's webhook isn't asked", askWebhooks)
	case !wrong.Webhook:
		return unread(judged, wrong.Refusal, askWebhooks)
	}
	return fine("a Certificate would be accepted in namespace " + d.Namespace + ", and of a wrong one it is said: " + wrong.Refusal)
}
