package certshim_test

import (
	"slices"
	"testing"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
)

const planned = "cert-manager.io/issuer: ca"

// plannedOf is what a server has once the manifest of an object from a file was applied.
func plannedOf(t *testing.T, annotations, tls string) map[string]any {
	t.Helper()
	object := read(t, ingress(annotations, tls))
	object.SetUID("")
	c := newCluster(t, newPolicy(t, func(p *certshim.Policy) { p.Offline = true }))
	out := c.ask(object)
	if action(t, out) != certificate.Create {
		t.Fatal(lines(out))
	}
	return stored(t, out.Certificates[0].Config)
}

// A Certificate that was planned before its object was there is the object's once it is.
func TestPlannedCertificateIsTakenOver(t *testing.T) {
	made := plannedOf(t, planned, webTLS)
	c := newCluster(t, newPolicy(t))
	c.store(made)
	web := c.add(ingress(planned, webTLS))
	compare(t, []string{"wait web-tls: the live Certificate has to be read first, to see whether it is as asked for and certshim's alone"}, c.decide(web))
	out := c.decide(web, made)
	compare(t, []string{"apply web-tls: it is tied to this object, which takes it over; no value changes"}, out)
	c.carryOut(out)
	compare(t, []string{"none web-tls: it is up to date"}, c.decide(web))
}

// It is left alone while it is in doubt whose it is, and taken over once it isn't.
func TestPlannedCertificateOfASecretThatOthersName(t *testing.T) {
	const told = "; Ingress other names Secret web-tls too"
	made := plannedOf(t, planned, webTLS)
	c := newCluster(t, newPolicy(t))
	c.store(made)
	web := c.add(ingress(planned, webTLS))
	other := c.add("{kind: Ingress, metadata: {name: other, annotations: {" + planned + "}}, spec: {tls: [" + webTLS + "]}}")
	const exists = "Certificate web-tls exists and has no controller owner"
	compare(t, []string{
		"refuse web-tls: " + exists + told,
		"error CertificateNotOurs spec.tls[0]: " + exists + told + ` (value "web-tls")`,
	}, c.decide(web))
	compare(t, []string{
		"refuse web-tls: " + exists + "; its annotation certshim.io/source ties it to Ingress shop/web",
		"error CertificateNotOurs spec.tls[0]: " + exists + `; its annotation certshim.io/source ties it to Ingress shop/web (value "web-tls")`,
	}, c.decide(other))
	c.woken()
	c.add("{kind: Ingress, metadata: {name: other, annotations: {" + planned + "}}, spec: {tls: [{hosts: [b.example.com], secretName: other-tls}]}}")
	if woken := c.woken(); !slices.Contains(woken, "web") {
		t.Errorf("woken are %v", woken)
	}
	if out := c.decide(web, made); action(t, out) != certificate.Apply {
		t.Error(lines(out))
	}
}
