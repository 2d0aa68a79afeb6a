package inventory

import (
	"testing"

	"github.com/certshim/certshim/certificate"
)

func (s *shop) versioned(version, host string) {
	s.Helper()
	object := s.read(tlsIngress("web", byCA, "tls"))
	object.SetResourceVersion(version)
	annotations := object.GetAnnotations()
	annotations["cert-manager.io/common-name"] = host
	object.SetAnnotations(annotations)
	intake := s.intake(object)
	packed, err := intake.Pack(object)
	if err != nil {
		s.Fatal(err)
	}
	intake.Put(packed)
}

func (s *shop) wantEdit(when string, want certificate.Edit) {
	s.Helper()
	look := s.Look(ingressKey("web"))
	defer look.Close()
	if got := look.Edit(); got != want {
		s.Errorf("%s: edit %d, want %d", when, got, want)
	}
}

func (s *shop) wantFulfilled(about string, want bool) {
	s.Helper()
	look := s.Look(ingressKey("web"))
	defer look.Close()
	if got := look.MayHaveBeenFulfilled(); got != want {
		s.Errorf("%s: it was fulfilled: %v", about, got)
	}
}

// What a source asked for was done once somebody said so, or once a replica has looked at just this version or a later one.
func TestSourcesThatHadAllTheyAskedFor(t *testing.T) {
	s := newShop(t, Options{})
	s.versioned("100", "a")
	s.wantFulfilled("before it begins", false)
	s.Begin("", "")
	s.wantFulfilled("nobody looked before", false)
	s.fulfil()
	s.versioned("101", "b")
	s.wantFulfilled("edited since it was", true)

	s = newShop(t, Options{})
	s.versioned("100", "a")
	s.Begin("98", "99")
	s.wantFulfilled("written since the last replica's time was over", false)
	s.Begin("98", "100")
	s.wantFulfilled("written while the last replica may have looked", true)
	s.wantEdit("written while the last replica may have looked", certificate.EditPossible)

	s = newShop(t, Options{})
	s.versioned("100", "a")
	s.Begin("100", "")
	s.wantFulfilled("known to the last replica", true)
	clear := s.intake(s.read(tlsIngress("web", byCA, "tls"))).Clear
	clear()
	s.versioned("100", "a")
	s.wantFulfilled("read again", true)
	clear()
	s.versioned("101", "a")
	s.wantFulfilled("another that came since", false)
}

func (s *shop) fulfil() {
	look := s.Look(ingressKey("web"))
	defer look.Close()
	look.Fulfilled()
}

// What was written since the last replica looked may be an edit; a version with other content is one,
// until all that it asks for is done. A change of the status is none.
func TestEditsAreToldFromOtherChanges(t *testing.T) {
	s := newShop(t, Options{})
	s.versioned("100", "a")
	s.wantEdit("before it begins", certificate.EditPossible)
	s.Begin("99", "99")
	s.wantEdit("written since the last replica looked", certificate.EditPossible)
	s.Begin("100", "100")
	s.wantEdit("known to the last replica", certificate.EditNone)
	s.versioned("101", "a")
	s.wantEdit("nothing by which decisions go", certificate.EditNone)
	s.versioned("102", "b")
	s.wantEdit("edited", certificate.EditSeen)
	s.versioned("103", "b")
	s.wantEdit("a status after the edit", certificate.EditSeen)
	s.fulfil()
	s.wantEdit("done", certificate.EditNone)

	look := s.Look(ingressKey("web"))
	s.versioned("104", "c")
	look.Fulfilled()
	look.Close()
	s.wantEdit("edited while it was decided about", certificate.EditSeen)
}

// Without a replica before, what is there isn't an edit, but what was seen to change is.
func TestEditsWithoutAReplicaBefore(t *testing.T) {
	s := newShop(t, Options{})
	s.versioned("100", "a")
	s.Begin("", "")
	s.wantEdit("there at the start", certificate.EditNone)
	s.versioned("101", "b")
	s.Begin("", "")
	s.wantEdit("edited before the start", certificate.EditSeen)
}

// Sources that are read again, as for another catalogue, aren't edited by that.
func TestSourcesThatAreReadAgainAreNotEdited(t *testing.T) {
	s := newShop(t, Options{})
	s.versioned("100", "a")
	s.Begin("50", "50")
	clear := s.intake(s.read(tlsIngress("web", byCA, "tls"))).Clear
	clear()
	s.versioned("100", "a")
	s.wantEdit("read again", certificate.EditNone)
	clear()
	s.versioned("101", "b")
	s.wantEdit("edited meanwhile", certificate.EditPossible)
}
