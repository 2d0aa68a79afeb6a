package inventory

import (
	"fmt"
	"runtime"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/source"
)

// liveIngress is one as a cluster has it, with the labels of a chart.
func liveIngress(n int) *unstructured.Unstructured {
	name := fmt.Sprint("web-", n)
	host := name + ".team.example.com"
	object := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"tls": []any{map[string]any{"hosts": []any{host, "www." + host}, "secretName": name + "-tls"}},
	}}}
	object.SetKind(source.IngressKind)
	object.SetNamespace("shop")
	object.SetName(name)
	object.SetUID(liveUID(n))
	object.SetResourceVersion(fmt.Sprint(1_000_000 + n))
	object.SetCreationTimestamp(metav1.Unix(1_800_000_000, 0))
	object.SetLabels(map[string]string{
		"app.kubernetes.io/name": name, "app.kubernetes.io/component": "web", "app.kubernetes.io/part-of": "shop", "team": "platform",
	})
	object.SetAnnotations(map[string]string{
		"cert-manager.io/cluster-issuer": "company", "cert-manager.io/duration": "2160h", "cert-manager.io/private-key-algorithm": "ECDSA",
	})
	return object
}

func liveUID(n int) types.UID { return types.UID(fmt.Sprintf("5f0c6a1e-0000-4000-8000-%012x", n)) }

// liveCertificate is that of an Ingress.
func liveCertificate(n int) certificate.Observed {
	name := fmt.Sprint("web-", n)
	o := observedCertificate(name+"-tls", name+"-tls", name)
	o.UID, o.ResourceVersion, o.Owner.UID = string(liveUID(1_000_000+n)), fmt.Sprint(2_000_000+n), string(liveUID(n))
	return o
}

// An Ingress, its Certificate, and the indexes over both.
func TestPairsTakeLittleMemory(t *testing.T) {
	const pairs, most = 20_000, 750
	s := newShop(t, Options{})
	without := heap()
	for n := range pairs {
		object := liveIngress(n)
		put(s, s.intake(object), object)
		s.show(liveCertificate(n))
	}
	taken := float64(heap()-without) / pairs
	t.Logf("%.0f bytes a pair", taken)
	if taken > most {
		t.Errorf("a pair takes %.0f bytes, more than %d", taken, most)
	}
	runtime.KeepAlive(s)
}
