package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/certshim/certshim/cmd/certshim/app"
	"github.com/certshim/certshim/resolver"
)

func TestTheTierDecides(t *testing.T) {
	for object, want := range map[string]time.Duration{
		`{"spec": {"tier": "gold"}}`: 365 * 24 * time.Hour,
		`{"spec": {}}`:               30 * 24 * time.Hour,
	} {
		s, err := corpCA{}.Resolve(t.Context(), resolver.Query{Observed: []byte(object)})
		if err != nil || s.Values.Duration != want || s.Constraints.Durations.Max != want {
			t.Errorf("%s: got %+v, %v", object, s, err)
		}
		if err := s.Check(corpCA{}.Describe().Grant); err != nil {
			t.Errorf("%s: past its own grant: %v", object, err)
		}
	}
	for _, object := range []string{"", "{", "[]"} {
		if _, err := (corpCA{}).Resolve(t.Context(), resolver.Query{Observed: []byte(object)}); err == nil {
			t.Errorf("%q is answered", object)
		}
	}
}

func TestThisBuildKnowsTheType(t *testing.T) {
	const ingress = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  {namespace: shop, name: web, annotations: {cert-manager.io/cluster-issuer: root, cert-manager.io/issuer-kind: CorpClusterIssuer}}
spec:
  defaultBackend: {service: {name: web, port: {number: 80}}}
  tls: [{hosts: [web.example.com], secretName: web-tls}]
`
	var out, problems bytes.Buffer
	streams := app.Streams{In: strings.NewReader(ingress), Out: &out, ErrOut: &problems}
	status := app.Run(t.Context(), []string{"certshim", "plan", "-f", "-", "-o", "yaml"}, streams, app.WithResolver(corpCA{}, issuerType()))
	if status != 0 || !strings.Contains(out.String(), "group: pki.corp.example") {
		t.Errorf("status %d:\n%s%s", status, out.String(), problems.String())
	}
	if !strings.Contains(problems.String(), "note: the resolver corp-ca isn't asked") {
		t.Errorf("the plan doesn't say what it can't know:\n%s", problems.String())
	}
}
