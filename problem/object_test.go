package problem

import "testing"

func TestKindsOfOneNameAreToldApart(t *testing.T) {
	for _, test := range []struct{ group, kind, want string }{
		{"", "Namespace", "Namespace/web"},
		{"networking.k8s.io", "Ingress", "Ingress/web"},
		{"gateway.networking.k8s.io", "Gateway", "Gateway/web"},
		{"networking.istio.io", "Gateway", "Gateway.networking.istio.io/web"},
		{"cert-manager.io", "Certificate", "Certificate/web"},
		{"acme.cert-manager.io", "Order", "Order/web"},
		{"notk8s.io", "Ingress", "Ingress.notk8s.io/web"},
	} {
		object := Object{Group: test.group, Kind: test.kind, Name: "web"}
		if got := object.InNamespace(); got != test.want {
			t.Errorf("InNamespace of %s in %q: %s, want %s", test.kind, test.group, got, test.want)
		}
		if got := object.String(); got != test.want {
			t.Errorf("String of %s in %q: %s, want %s", test.kind, test.group, got, test.want)
		}
	}
}
