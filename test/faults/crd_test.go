package faults

import (
	"testing"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/crds"
)

// The CRD of Certificates is deleted, and all of them go with it, while certshim runs and sources are edited. Once it is back, each
// Certificate is made again, once. cert-manager stands still meanwhile: it doesn't get over that by itself soon.
func TestTheKindOfCertificatesThatGoes(t *testing.T) {
	apart(t)
	s := steady(t)
	s.growAll(t)
	s.untilRight(t)
	if err := shared.CertManager.Stop(); err != nil {
		t.Fatal(err)
	}
	looks := s.metric(t, "certshim_reconciles_total")
	if err := removeDefinition(t.Context(), cluster.Certificates().GroupResource().String()); err != nil {
		t.Fatal(err)
	}
	s.untilUnwatched(t, "/certificates")
	written := s.link.written()
	s.withoutCertificates(func() {
		s.growAll(t)
		s.rename(t, s.namespace, s.origins[1])
		s.extend(t, s.namespace, s.origins[2])
	})
	// Nothing can be written meanwhile, and each edit is one look.
	if n := s.link.written() - written; n > 0 {
		t.Errorf("certshim sent %d writes of Certificates while there was no such kind", n)
	}
	if n, most := s.metric(t, "certshim_reconciles_total")-looks, float64(looksPerEdit*s.edits); n > most {
		t.Errorf("certshim looked at sources %v times for %d edits", n, s.edits)
	}
	if err := crds.Install(t.Context(), shared.Config, crds.CertManager); err != nil {
		t.Fatal(err)
	}
	var err error
	if shared.CertManager, err = shared.Run(t.Context(), "certmanager-again", "certmanager"); err != nil {
		t.Fatal(err)
	}
	s.growAll(t)
	s.heals()
	s.check(t, "kind of Certificates goes", 1)
}

// looksPerEdit is how often certshim may look at a source for one edit, and for what else it sees of it.
const looksPerEdit = 10

// apart gives the test a cluster of its own in place of the shared one, until its end. The test isn't parallel.
func apart(t *testing.T, options ...cluster.Option) {
	t.Helper()
	formerCluster, formerConfig := shared, kubeconfig
	t.Cleanup(func() { shared, kubeconfig = formerCluster, formerConfig })
	shared = cluster.Start(t, options...)
	shared.Certshim = *program
	var err error
	if kubeconfig, err = shared.Deploy(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// growAll lets each source ask for one more name.
func (s *scene) growAll(t *testing.T) {
	t.Helper()
	for _, o := range s.origins {
		s.grow(t, s.namespace, o)
	}
}

// withoutCertificates makes edits while all Certificates are lost and none can be made. What comes of them is one Certificate each.
func (h *history) withoutCertificates(edit func()) {
	h.kindGone = true
	edit()
	h.kindGone = false
	for _, o := range h.origins {
		for name := range o.asks() {
			if w := h.wantOf(o, name); w.made > 0 {
				w.made++
				w.last = ""
			}
		}
		h.count(o)
	}
}
