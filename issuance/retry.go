package issuance

import "time"

// cert-manager's defaults for the wait after a failed issuance.
const (
	firstWait   = time.Hour
	longestWait = 32 * time.Hour
)

// retryAfter is how long cert-manager waits after so many failures: an hour, doubled with each, and
// at most 32.
func retryAfter(attempts int64) time.Duration {
	wait := firstWait
	for n := int64(1); n < attempts && wait < longestWait; n++ {
		wait *= 2
	}
	return min(wait, longestWait)
}

// backOff computes the next try of a Certificate whose issuance failed; no object has it.
func (w *walk) backOff() {
	c := w.Certificate
	if c.Failed.IsZero() || c.Conditions.is("Issuing") || !c.Deleted.IsZero() || w.chain.Done {
		return
	}
	w.chain.Next = c.Failed.Add(retryAfter(c.Attempts))
	if !w.now.Before(w.chain.Next) {
		return
	}
	why := "the last try failed " + w.age(c.Failed) + " ago, and the next one is at " + stamp(w.chain.Next) + ", by cert-manager's default settings"
	if issuing, _ := c.Conditions.find("Issuing"); issuing.Message != "" {
		why += "; cert-manager says: " + issuing.Message
	}
	w.hang(Hang{
		Code: BackingOff, Object: c.object(), Why: why,
		Help: []string{
			"Mend the cause first: a try that fails again doubles the wait, up to 32 hours.",
			"A change of the Certificate's spec, or cmctl renew, ends the wait at once.",
		},
		Commands: []string{command("cmctl renew -n %s %s", c.Namespace, c.Name)},
	})
}
