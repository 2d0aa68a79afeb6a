package hangs

import (
	"testing"

	"github.com/certshim/certshim/test/external"
)

func TestDNS01NotPropagated(t *testing.T) {
	t.Parallel()
	shared.Apply(t, works, external.DNSAccounts("acme-dns", "shown.example.com", "unshown.example.com")+
		acme("by-dns", "["+shared.dns.Solver("acme-dns")+"]")+certificate("shown", "by-dns")+certificate("unshown", "by-dns"))
	e := hangsAt(t, works, "certificate/unshown", "DNS01NotPropagated",
		"not yet propagated", "dig +trace TXT _acme-challenge.unshown.example.com", "--dns01-recursive-nameservers-only")
	if e.says("WaitingForOrder") || e.says("ChallengeNotPresented") {
		t.Errorf("it isn't said to wait for the record alone:\n%s", e.text)
	}
	goesOn(t, works, "certificate/shown", "DNS01NotPropagated")
}
