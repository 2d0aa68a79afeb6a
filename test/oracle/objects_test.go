package oracle

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
)

type annotations = map[string]string

const (
	issuer        = "cert-manager.io/issuer"
	clusterIssuer = "cert-manager.io/cluster-issuer"
	issuerKind    = "cert-manager.io/issuer-kind"
	issuerGroup   = "cert-manager.io/issuer-group"
)

func meta(name string, a annotations) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "shop", Name: name, UID: "uid-of-source", Annotations: a}
}

func ingress(a annotations, tls ...networkingv1.IngressTLS) *networkingv1.Ingress {
	return &networkingv1.Ingress{ObjectMeta: meta("web", a), Spec: networkingv1.IngressSpec{TLS: tls}}
}

func tls(secret string, hosts ...string) networkingv1.IngressTLS {
	return networkingv1.IngressTLS{SecretName: secret, Hosts: hosts}
}

func gateway(a annotations, listeners ...gwapi.Listener) *gwapi.Gateway {
	return &gwapi.Gateway{ObjectMeta: meta("edge", a), Spec: gwapi.GatewaySpec{Listeners: listeners}}
}

func listenerSet(a annotations, listeners ...gwapi.Listener) *gwapi.ListenerSet {
	set := &gwapi.ListenerSet{ObjectMeta: meta("team", a)}
	set.Spec.ParentRef.Name = "edge"
	for _, l := range listeners {
		set.Spec.Listeners = append(set.Spec.Listeners, gwapi.ListenerEntry(l))
	}
	return set
}

// listener is one as the API server stores it, with the defaults of the CRD filled in.
func listener(name, hostname string, secrets ...string) gwapi.Listener {
	mode, host := gwapi.TLSModeTerminate, gwapi.Hostname(hostname)
	group, kind := gwapi.Group(""), gwapi.Kind("Secret")
	l := gwapi.Listener{
		Name:     gwapi.SectionName(name),
		Hostname: &host,
		Protocol: gwapi.HTTPSProtocolType,
		TLS:      &gwapi.ListenerTLSConfig{Mode: &mode},
	}
	for _, secret := range secrets {
		ref := gwapi.SecretObjectReference{Group: &group, Kind: &kind, Name: gwapi.ObjectName(secret)}
		l.TLS.CertificateRefs = append(l.TLS.CertificateRefs, ref)
	}
	return l
}

// run fails the test where the input is wrong or the shim panics.
func run(t *testing.T, options Options, source runtime.Object, cached ...runtime.Object) Result {
	t.Helper()
	result, err := Run(options, source, cached...)
	if err != nil {
		t.Fatal(err)
	}
	if result.Panic != "" {
		t.Fatal("the shim panicked:", result.Panic)
	}
	return result
}

// made is the one Certificate that the shim creates for the source.
func made(t *testing.T, options Options, source runtime.Object, cached ...runtime.Object) *cmapi.Certificate {
	t.Helper()
	result := run(t, options, source, cached...)
	if len(result.Created) != 1 {
		t.Fatalf("created %d Certificates, events %v, error %v; want one", len(result.Created), result.Events, result.Err)
	}
	return result.Created[0]
}
