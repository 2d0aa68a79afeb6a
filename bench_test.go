package certshim_test

import (
	"fmt"
	"testing"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/inventory"
)

// healthy has a source whose Certificates are up to date, one for each Secret.
func healthy(tb testing.TB, secrets int) (*cluster, inventory.Key) {
	tb.Helper()
	spec := ""
	for i := range secrets {
		spec += fmt.Sprintf("{hosts: [a%d.example.com, b%d.example.com], secretName: web-%d-tls},", i, i, i)
	}
	c := newIssued(tb, newPolicy(tb), clusterIssuer("ca"))
	web := c.add("{kind: Ingress, metadata: {name: web, labels: {app: web, team: shop}, annotations: {" +
		"cert-manager.io/cluster-issuer: ca, cert-manager.io/duration: 2160h, cert-manager.io/private-key-algorithm: ECDSA, " +
		"kubernetes.io/ingress.class: nginx, nginx.ingress.kubernetes.io/ssl-redirect: 'true'}}, spec: {tls: [" + spec + "]}}")
	c.carryOut(c.decide(web))
	return c, web
}

func BenchmarkDecideUpToDate(b *testing.B) {
	for _, secrets := range []int{1, 100} {
		b.Run(fmt.Sprintf("secrets=%d", secrets), func(b *testing.B) {
			c, web := healthy(b, secrets)
			look := c.Look(web)
			defer look.Close()
			object, _ := look.Object()
			b.ReportAllocs()
			for b.Loop() {
				out := certshim.Decide(look.Policy(), object, look)
				if out.Certificates[0].Action != certificate.None || !out.Problems.Empty() {
					b.Fatalf("%s: %s %v", out.Certificates[0].Action, out.Certificates[0].Reason, out.Problems.All())
				}
			}
		})
	}
}
