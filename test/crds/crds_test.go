package crds

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDefinitionsOfTheModules(t *testing.T) {
	for bundle, want := range map[Bundle][]string{
		CertManager: {
			"/v1 acme.cert-manager.io challenges", "/v1 acme.cert-manager.io orders",
			"/v1 cert-manager.io certificaterequests", "/v1 cert-manager.io certificates",
			"/v1 cert-manager.io clusterissuers", "/v1 cert-manager.io issuers",
		},
		Gateway: {
			"/v1 gateway.networking.k8s.io backendtlspolicies", "/v1 gateway.networking.k8s.io gatewayclasses",
			"/v1 gateway.networking.k8s.io gateways", "/v1 gateway.networking.k8s.io grpcroutes",
			"/v1 gateway.networking.k8s.io httproutes", "/v1 gateway.networking.k8s.io listenersets",
			"/v1 gateway.networking.k8s.io referencegrants", "/v1 gateway.networking.k8s.io tcproutes",
			"/v1 gateway.networking.k8s.io tlsroutes", "/v1 gateway.networking.k8s.io udproutes",
		},
		AWSPCA: {
			"/v1beta1 awspca.cert-manager.io awspcaclusterissuers", "/v1beta1 awspca.cert-manager.io awspcaissuers",
		},
	} {
		definitions, err := bundle.read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, definition := range definitions {
			resource, err := servedResource(definition)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, "/"+resource.Version+" "+resource.Group+" "+resource.Resource)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", bundle, diff)
		}
	}
}

func TestUnknownBundle(t *testing.T) {
	if _, err := Bundle("istio").read(t.Context()); err == nil {
		t.Error("no error")
	}
}
