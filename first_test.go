package certshim_test

import (
	"slices"
	"testing"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// An older source that is refused keeps the Secret from nobody; once it is mended it comes first
// again. Whoever changes is woken, and when it has been looked at, so is the other.
func TestTheOlderSourceComesFirstOnceItIsMended(t *testing.T) {
	const (
		right = "cert-manager.io/issuer: ca"
		meta  = "metadata: {name: older, creationTimestamp: '2026-01-01T00:00:00Z', annotations: {"
	)
	older := func(annotations string) string {
		return "{kind: Ingress, " + meta + annotations + "}}, spec: {tls: [" + webTLS + "]}}"
	}
	gateway := func(from string) string {
		return "{kind: Gateway, metadata: {name: edge}, spec: {allowedListeners: {namespaces: {from: " + from + "}}, listeners: []}}"
	}
	only := func(namespace string) resolver.Finding {
		finding := there(resolver.Ready)
		finding.Namespaces = []string{namespace}
		return finding
	}
	for name, row := range map[string]struct {
		older       string
		spoil, mend func(*cluster)
	}{
		"its annotations": {
			older: older(right),
			spoil: func(c *cluster) { c.add(older(right + ", cert-manager.io/duration: 90d")) },
			mend:  func(c *cluster) { c.add(older(right)) },
		},
		"its Gateway": {
			older: "{kind: ListenerSet, " + meta + right + "}}, spec: {parentRef: {name: edge}, " +
				"listeners: [{name: a, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: web-tls}]}}]}}",
			spoil: func(c *cluster) { c.add(gateway("None")) },
			mend:  func(c *cluster) { c.add(gateway("Same")) },
		},
		"its issuer": {
			older: older("cert-manager.io/issuer: closed"),
			spoil: func(c *cluster) { c.say(issuerHere("closed"), only("elsewhere")) },
			mend:  func(c *cluster) { c.say(issuerHere("closed"), only("shop")) },
		},
	} {
		for _, newerFirst := range []bool{false, true} {
			c := newCluster(t, newPolicy(t))
			two := [2]inventory.Key{c.add(row.older), c.add("{kind: Ingress, metadata: {name: newer, creationTimestamp: '2026-01-02T00:00:00Z', annotations: {" + right + "}}, spec: {tls: [" + webTLS + "]}}")}
			row.spoil(c)
			if newerFirst {
				c.decide(two[1])
			}
			theNewerMakesIt(t, name, c, two)
			for range 2 {
				row.mend(c)
				wokenIsThe(t, name, c, two[0])
				if out := c.decide(two[0]); action(t, out) != certificate.Create {
					t.Errorf("%s: the older one, mended: %v", name, lines(out))
				}
				wokenIsThe(t, name, c, two[1])
				if out := c.decide(two[1]); action(t, out) != certificate.Refuse || !taken(out) {
					t.Errorf("%s: the newer one, while the older is mended: %v", name, lines(out))
				}
				row.spoil(c)
				wokenIsThe(t, name, c, two[0])
				c.decide(two[0])
				wokenIsThe(t, name, c, two[1])
				theNewerMakesIt(t, name, c, two)
			}
			c.carryOut(c.decide(two[1]))
			c.decide(two[1])
			c.woken()
			row.mend(c)
			if out := c.decide(two[0]); action(t, out) != certificate.Refuse || !taken(out) || slices.Contains(c.woken(), "newer") {
				t.Errorf("%s: the older one, once the newer has its Certificate: %v", name, lines(out))
			}
		}
	}
}

// theNewerMakesIt decides about an older source, which gets nothing, and a newer one, which does.
func theNewerMakesIt(t *testing.T, name string, c *cluster, two [2]inventory.Key) {
	t.Helper()
	out := c.decide(two[0])
	if taken(out) || slices.ContainsFunc(out.Certificates, func(d certificate.Decision) bool { return d.Action != certificate.Refuse }) {
		t.Errorf("%s: the older one: %v", name, lines(out))
	}
	if out := c.decide(two[1]); action(t, out) != certificate.Create || taken(out) {
		t.Errorf("%s: the newer one: %v", name, lines(out))
	}
	c.woken()
}

// wokenIsThe says that a source was woken, and the other one of older and newer wasn't.
func wokenIsThe(t *testing.T, name string, c *cluster, key inventory.Key) {
	t.Helper()
	woken := slices.DeleteFunc(c.woken(), func(other string) bool { return other == "edge" })
	if !slices.Equal(woken, []string{key.Name()}) {
		t.Errorf("%s: woken are %v, and should be %s", name, woken, key.Name())
	}
}

// taken says whether somebody else has the Secret.
func taken(out certshim.Outcome) bool {
	return slices.ContainsFunc(out.Problems.All(), func(p problem.Problem) bool {
		return p.Reason == problem.SecretTaken || p.Reason == problem.SecretShared
	})
}
