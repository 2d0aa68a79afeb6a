package inventory

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/routes"
)

const (
	gateway = "{kind: Gateway, metadata: {name: gw}, spec: {allowedListeners: {namespaces: {from: All}}}}"
	set     = "{kind: ListenerSet, metadata: {namespace: team, name: set, annotations: {cert-manager.io/issuer: ca}}, spec: {parentRef: {namespace: shop, name: gw}, " +
		"listeners: [{name: l, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: set}]}}]}}"
)

func TestWhoASourceWakes(t *testing.T) {
	web, rival, apart := tlsIngress("web", byCA, "tls"), tlsIngress("zweb", byCA, "tls"), tlsIngress("apart", byCA, "other")
	tests := map[string]struct {
		before []string
		change func(*shop) Wake
		want   []string
	}{
		"status changes": {
			[]string{web, rival, apart},
			func(s *shop) Wake {
				return s.put("{kind: Ingress, metadata: {name: web, resourceVersion: '9', annotations: {" + byCA + "}}, " +
					"spec: {tls: [{hosts: [tls.example.com], secretName: tls}]}, status: {loadBalancer: {}}}")
			},
			[]string{},
		},
		"an annotation that no decision reads changes": {
			[]string{web, rival, apart},
			func(s *shop) Wake {
				return s.put(tlsIngress("web", byCA+", kubectl.kubernetes.io/last-applied-configuration: '{}'", "tls"))
			},
			[]string{},
		},
		"an annotation that others can't see changes": {
			[]string{web, rival, apart},
			func(s *shop) Wake {
				return s.put(tlsIngress("web", byCA+", cert-manager.io/duration: 2160h", "tls"))
			},
			[]string{"web"},
		},
		"it asks for nothing any more":        {[]string{web, rival, apart}, func(s *shop) Wake { return s.put(tlsIngress("web", "", "tls")) }, []string{"web", "zweb"}},
		"the older one appears":               {[]string{rival, apart}, func(s *shop) Wake { return s.put(web) }, []string{"web", "zweb"}},
		"the younger one appears":             {[]string{web, apart}, func(s *shop) Wake { return s.put(rival) }, []string{"zweb"}},
		"it names another Secret":             {[]string{web, rival, apart}, func(s *shop) Wake { return s.put(tlsIngress("web", byCA, "moved")) }, []string{"web", "zweb"}},
		"it appears with a Secret of its own": {[]string{web, rival}, func(s *shop) Wake { return s.put(apart) }, []string{"apart"}},
		"it goes":                             {[]string{web, rival, apart}, func(s *shop) Wake { return s.drop(web) }, []string{"web", "zweb"}},
		"the younger one goes":                {[]string{web, rival, apart}, func(s *shop) Wake { return s.drop(rival) }, []string{"zweb"}},
		"it comes back as another object":     {[]string{web, rival, apart}, func(s *shop) Wake { return s.put("{kind: Ingress, metadata: {name: web, uid: other}}") }, []string{"web", "zweb"}},
		"a Gateway appears":                   {[]string{set}, func(s *shop) Wake { return s.put(gateway) }, []string{"gw", "set"}},
		"a Gateway goes":                      {[]string{gateway, set}, func(s *shop) Wake { return s.drop(gateway) }, []string{"gw", "set"}},
		"another Gateway appears":             {[]string{gateway, set}, func(s *shop) Wake { return s.put("{kind: Gateway, metadata: {name: other}}") }, []string{"other"}},
		"a Gateway's status changes": {[]string{gateway, set}, func(s *shop) Wake {
			return s.put(gateway[:len(gateway)-1] + ", status: {conditions: [{type: Programmed, status: 'True'}]}}")
		}, []string{}},
		"a Gateway names an issuer": {[]string{gateway, set}, func(s *shop) Wake { return s.put("{kind: Gateway, metadata: {name: gw, annotations: {" + byCA + "}}}") }, []string{"gw", "set"}},
		"a Gateway has another listener": {[]string{gateway, set}, func(s *shop) Wake {
			return s.put(gateway[:len(gateway)-2] + ", listeners: [{name: l, protocol: HTTP}]}}")
		}, []string{"gw"}},
		"Gateways can't be read any more":         {[]string{set}, func(s *shop) Wake { return s.Know(gatewayKind, Unreadable) }, []string{"set"}},
		"a ListenerSet names another Gateway":     {[]string{gateway, set}, func(s *shop) Wake { return s.put(setOf("other")) }, []string{"set"}},
		"the Gateway that it named before goes":   {[]string{gateway, setOf("other")}, func(s *shop) Wake { return s.drop(gateway) }, []string{"gw"}},
		"all Gateways are forgotten, as one ends": {[]string{gateway, set}, func(s *shop) Wake { return s.intake(s.read(gateway)).Clear() }, []string{"gw", "set"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, Options{})
			for _, manifest := range tt.before {
				s.put(manifest)
			}
			s.settle()
			if diff := cmp.Diff(tt.want, s.looked(tt.change(s))); diff != "" {
				t.Error("(-want +got)", diff)
			}
		})
	}
}

// setOf is the ListenerSet of another Gateway.
func setOf(gateway string) string {
	return "{kind: ListenerSet, metadata: {namespace: team, name: set}, spec: {parentRef: {namespace: shop, name: " + gateway + "}}}"
}

// The status of listeners is work only where names of routes are asked for and allowed, which go by it.
func TestTheStatusOfListenersIsNoWork(t *testing.T) {
	allowed := &certshim.RouteNames{Kinds: []string{routes.HTTPRoute}, Suffixes: map[string][]string{"shop": {"example.com"}}}
	tests := map[string]struct {
		annotations string
		routes      *certshim.RouteNames
		want        []string
	}{
		"by default":            {byCA, nil, []string{}},
		"asked for in vain":     {byCA + ", certshim.io/route-names: 'true'", nil, []string{}},
		"allowed, not asked":    {byCA, allowed, []string{}},
		"asked for and allowed": {byCA + ", certshim.io/route-names: 'true'", allowed, []string{"gw"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, Options{}, func(p *certshim.Policy) { p.Routes = tt.routes })
			before := "{kind: Gateway, metadata: {name: gw, annotations: {" + tt.annotations + "}}, " +
				"spec: {listeners: [{name: l, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: gw}]}}]}"
			s.put(before + "}")
			s.settle()
			wake := s.put(before + ", status: {listeners: [{name: l, conditions: [{type: ResolvedRefs, status: 'True'}]}]}}")
			if diff := cmp.Diff(tt.want, namesOf(wake)); diff != "" {
				t.Error("(-want +got)", diff)
			}
		})
	}
}

func TestWhoACertificateWakes(t *testing.T) {
	ours := observedCertificate("tls", "tls", "web")
	edited, status, deleting, stranger, anothers := ours, ours, ours, observedCertificate("tls", "tls", ""), observedCertificate("tls", "tls", "nobody")
	edited.Have.Sum = 1
	status.ResourceVersion = "2"
	deleting.Flags |= certificate.Deleting
	elsewhere, other := observedCertificate("x", "tls", ""), observedCertificate("x", "y", "")
	tests := map[string]struct {
		old, now *certificate.Observed
		want     []string
	}{
		"status changes":                         {&ours, &status, []string{}},
		"edited":                                 {&ours, &edited, []string{"web"}},
		"being deleted":                          {&ours, &deleting, []string{"web", "zweb"}},
		"gone":                                   {&ours, nil, []string{"web", "zweb"}},
		"owner taken away":                       {&ours, &stranger, []string{"web", "zweb"}},
		"a stranger's appears":                   {nil, &stranger, []string{"web", "zweb"}},
		"a stranger's with a Secret of ours":     {nil, &elsewhere, []string{"web", "zweb"}},
		"which goes":                             {&elsewhere, nil, []string{"web", "zweb"}},
		"and writes another Secret":              {&elsewhere, &other, []string{"web", "zweb"}},
		"a stranger's with a Secret of nobody's": {nil, &other, []string{}},
		"of an owner that is gone":               {&anothers, nil, []string{"web", "zweb"}},
		"the same again":                         {&ours, &ours, []string{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, Options{})
			for _, manifest := range []string{tlsIngress("web", byCA, "tls"), tlsIngress("zweb", byCA, "tls"), tlsIngress("apart", byCA, "other")} {
				s.put(manifest)
			}
			if tt.old != nil {
				s.show(*tt.old)
			}
			s.settle()
			var wake Wake
			if tt.now != nil {
				wake = s.show(*tt.now)
			} else {
				wake = s.dropCertificate(nameOf(tt.old.Namespace, tt.old.Name))
			}
			if diff := cmp.Diff(tt.want, namesOf(wake)); diff != "" {
				t.Error("(-want +got)", diff)
			}
		})
	}
}

// Whatever comes and goes, nothing is left when all is gone.
func TestIndexesFollow(t *testing.T) {
	s := newShop(t, Options{}, byNamespaces)
	manifests := []string{
		tlsIngress("web", byCA, "tls"), tlsIngress("web", byCA, "a", "b", "b"), tlsIngress("zweb", byCA, "tls"), tlsIngress("auto", auto, "auto"),
		gateway, set, issuerCA("False"), issuerCA("True"), "{kind: Namespace, metadata: {name: shop}}",
		tlsIngress("near", "cert-manager.io/issuer: cb", "near"),
	}
	for _, manifest := range manifests {
		s.put(manifest)
		s.settle()
	}
	certificates := []certificate.Observed{
		observedCertificate("a", "a", "web"), observedCertificate("b", "a", "web"), observedCertificate("a", "z", "zweb"),
	}
	for _, o := range certificates {
		s.show(o)
		s.settle()
		look := s.Look(ingressKey("web"))
		look.Expect(certificate.Decision{Namespace: "shop", Name: o.Name}, noon)
		look.Close()
		s.show(o)
	}
	for _, manifest := range manifests {
		s.drop(manifest)
		s.settle()
	}
	for _, o := range certificates {
		s.ExpectNothing(typedName(o.Name))
		s.dropCertificate(nameOf(o.Namespace, o.Name))
	}
	for name, n := range map[string]int{
		"owners": len(s.owners), "secrets": len(s.secrets), "issuers": len(s.issuers), "namespaces": len(s.namespaces),
		"facts": len(s.readers.facts), "readings": len(s.readers.readings), "scoped": len(s.readers.scoped), "grants": len(s.grants), "looks": len(s.looks),
		"expected": len(s.writes.expected), "by": len(s.writes.by), "written": len(s.writes.written),
	} {
		if n > 0 {
			t.Errorf("%d %s are left over", n, name)
		}
	}
}
