package certshim_test

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// A Certificate may say itself that it outlives its source, which counts while the source says nothing.
func TestCertificateThatSaysItIsRetained(t *testing.T) {
	const annotation = "certshim.io/deletion-policy"
	c := newCluster(t, newPolicy(t))
	web := c.add(ingress(retain, webTLS))
	object := made(t, c, web)
	object["metadata"].(map[string]any)["annotations"].(map[string]any)[annotation] = "retain"
	delete(object["metadata"].(map[string]any), "managedFields")
	object = stored(t, object)
	c.store(object)
	for name, row := range map[string]struct{ annotations, want string }{
		"the source says nothing":  {planned, "none web-tls: up-to-date"},
		"the source says delete":   {planned + ", " + annotation + ": delete", "apply web-tls: differs"},
		"the source says the same": {retain, "none web-tls: up-to-date"},
	} {
		t.Run(name, func(t *testing.T) {
			c.add(ingress(row.annotations, webTLS))
			compare(t, []string{row.want}, c.decide(web))
		})
	}
}

// What an operator adopts may be another object's: all of it is read for that, and only for that.
func TestAdoptionFromAnotherSource(t *testing.T) {
	adoption := &certificate.Adoption{From: "Ingress/web"}
	const edge = "{kind: Gateway, metadata: {name: edge, annotations: {" + planned + "}}, spec: {listeners: " +
		"[{name: a, port: 443, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: web-tls}]}}]}}"
	c := newCluster(t, newPolicy(t))
	object := made(t, c, c.add(ingress(planned, webTLS)))
	for name, row := range map[string]struct {
		adoption *certificate.Adoption
		want     certificate.Action
	}{
		"from it": {adoption, certificate.Apply}, "from another": {&certificate.Adoption{From: "x"}, certificate.Refuse}, "by nobody's choice": {nil, certificate.Refuse},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, newPolicy(t, func(p *certshim.Policy) { p.Certificate.Adoption = row.adoption }))
			c.add(ingress(planned, webTLS))
			c.store(object)
			if out := c.decide(c.add(edge), object); action(t, out) != row.want {
				t.Error(lines(out))
			}
		})
	}
}

// restoredFrom is a Certificate as a backup leaves it: without its owner, whom our entry still names.
func restoredFrom(object map[string]any) map[string]any {
	out := runtime.DeepCopyJSON(object)
	delete(out["metadata"].(map[string]any), "ownerReferences")
	return out
}

// A restored Certificate gets its owner again once it is certain that the earlier one is gone, and the
// source looks again when that may have changed.
func TestRestoredCertificateGetsItsOwner(t *testing.T) {
	const doubt = "refuse web-tls: no-owner(web-tls); origin-may-be-there(Ingress/web)"
	gateways := resolver.GroupKind{Group: source.GatewayGroup, Kind: source.GatewayKind}
	object := func() map[string]any {
		c := newCluster(t, newPolicy(t))
		return restoredFrom(made(t, c, c.add(ingress(planned, webTLS))))
	}()
	c := newCluster(t, newPolicy(t))
	c.Know(gateways, inventory.Unreadable)
	c.store(object)
	again := read(t, ingress(planned, webTLS))
	again.SetUID("another")
	web := c.put(again)
	decided := func() string { return lines(c.decide(web, object))[0] }
	if got := decided(); got != doubt {
		t.Error(got)
	}
	c.woken()
	c.wake(c.Know(gateways, inventory.Whole))
	if woken := c.woken(); !slices.Contains(woken, "web") {
		t.Errorf("woken are %v", woken)
	}
	if got := decided(); got != "apply web-tls: restored" {
		t.Error(got)
	}

	// Another object may have that uid still.
	other := read(t, "{kind: Ingress, metadata: {name: other, annotations: {"+planned+"}}, spec: {tls: [{hosts: [b.example.com], secretName: b-tls}]}}")
	other.SetUID("Ingress/web")
	c.put(other)
	if got := decided(); got != doubt {
		t.Error(got)
	}
	c.woken()
	other.SetUID("yet-another")
	c.put(other)
	if woken := c.woken(); !slices.Contains(woken, "web") {
		t.Errorf("woken are %v", woken)
	}
	if out := c.decide(web, object); action(t, out) != certificate.Apply {
		t.Error(lines(out))
	}
}
