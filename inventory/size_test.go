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

// liveListenerSet is one as a cluster has it, with what the API server fills in.
func liveListenerSet(n int) *unstructured.Unstructured {
	object := liveIngress(n)
	object.SetKind(source.ListenerSetKind)
	tls := object.Object["spec"].(map[string]any)["tls"].([]any)[0].(map[string]any)
	var listeners []any
	for i, host := range tls["hosts"].([]any) {
		routes := map[string]any{"namespaces": map[string]any{"from": "Same"}}
		if i == 1 {
			routes = map[string]any{
				"namespaces": map[string]any{"from": "Selector", "selector": map[string]any{"matchLabels": map[string]any{"team": "shop"}}},
				"kinds":      []any{map[string]any{"group": source.GatewayGroup, "kind": "HTTPRoute"}},
			}
		}
		listeners = append(listeners, map[string]any{
			"name": fmt.Sprint("https-", i), "hostname": host, "port": int64(443), "protocol": "HTTPS", "allowedRoutes": routes,
			"tls": map[string]any{"mode": "Terminate", "certificateRefs": []any{map[string]any{"group": "", "kind": "Secret", "name": tls["secretName"]}}},
		})
	}
	object.Object["spec"] = map[string]any{"parentRef": map[string]any{"group": source.GatewayGroup, "kind": "Gateway", "name": "edge"}, "listeners": listeners}
	return object
}

// A ListenerSet with two listeners, and its place in the indexes.
func TestListenerSetsTakeLittleMemory(t *testing.T) {
	const sets, most = 20_000, 800
	s := newShop(t, Options{})
	without := heap()
	for n := range sets {
		object := liveListenerSet(n)
		put(s, s.intake(object), object)
	}
	taken := float64(heap()-without) / sets
	t.Logf("%.0f bytes a ListenerSet", taken)
	if taken > most {
		t.Errorf("a ListenerSet takes %.0f bytes, more than %d", taken, most)
	}
	runtime.KeepAlive(s)
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
