package inventory

import (
	"sync"
	"testing"

	"github.com/certshim/certshim/resolver"
)

// What fills the inventory doesn't wait for a decision, however long that takes: here one that
// is held up by a plugin.
func TestNothingThatComesInWaitsForADecision(t *testing.T) {
	begun, held := make(chan struct{}), make(chan struct{})
	plugin := &asking{says: resolver.Ready}
	s := newShop(t, Options{Plugins: plugin})
	s.put(issuerCA("True"))
	s.put(tlsIngress("web", byCA, "tls"))
	for name, ask := range map[string]func(resolver.Issuers){
		"find":      func(issuers resolver.Issuers) { issuers.Find(shopIssuer("ca")) },
		"readiness": func(issuers resolver.Issuers) { issuers.Readiness(shopIssuer("ca")) },
	} {
		t.Run(name, func(t *testing.T) {
			plugin.during = func() {
				begun <- struct{}{}
				<-held
			}
			look := s.Look(ingressKey("web"))
			defer look.Close()
			var deciding sync.WaitGroup
			deciding.Go(func() { ask(look.Issuers()) })
			<-begun
			// Each of these would wait for ever.
			s.put(tlsIngress("other", byCA, "other"))
			s.put(issuerCA("False"))
			s.show(observedCertificate("tls", "tls", "web"))
			s.put("{kind: Namespace, metadata: {name: shop}}")
			s.Know(clusterKind, Unreadable)
			s.PluginSays([]resolver.IssuerKey{shopIssuer("ca")})
			held <- struct{}{}
			deciding.Wait()
		})
	}
}
