package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/test/cluster"
)

// loaders is how many requests of the bench's own are in flight while it makes objects.
const loaders = 32

var (
	ingresses  = schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"}
	namespaces = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
)

// ingress is one as people write them: some labels, the annotations of an ingress
// controller beside ours, two hosts.
func ingress(namespace, name string) *unstructured.Unstructured {
	host := name + "." + namespace + ".example.com"
	service := map[string]any{"service": map[string]any{"name": name, "port": map[string]any{"number": int64(8080)}}}
	rule := func(host string) any {
		return map[string]any{"host": host, "http": map[string]any{"paths": []any{
			map[string]any{"path": "/", "pathType": "Prefix", "backend": service},
		}}}
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
		"metadata": map[string]any{
			"namespace": namespace, "name": name,
			"labels": map[string]any{
				"app.kubernetes.io/name": name, "app.kubernetes.io/component": "web",
				"app.kubernetes.io/part-of": "shop", "team": "platform",
			},
			"annotations": map[string]any{
				"cert-manager.io/cluster-issuer":                 issuerName,
				"cert-manager.io/duration":                       "2160h",
				"cert-manager.io/private-key-algorithm":          "ECDSA",
				"nginx.ingress.kubernetes.io/proxy-body-size":    "16m",
				"nginx.ingress.kubernetes.io/force-ssl-redirect": "true",
			},
		},
		"spec": map[string]any{
			"ingressClassName": "nginx",
			"tls":              []any{map[string]any{"hosts": []any{host, "www." + host}, "secretName": name + "-tls"}},
			"rules":            []any{rule(host), rule("www." + host)},
		},
	}}
}

// makeIssuer makes the issuer that all Ingresses name, ready as cert-manager says it.
func (b *bench) makeIssuer(ctx context.Context) error {
	client := b.Dynamic.Resource(schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "clusterissuers"})
	issuer := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer",
		"metadata": map[string]any{"name": issuerName}, "spec": map[string]any{"selfSigned": map[string]any{}},
	}}
	if _, err := client.Create(ctx, issuer, metav1.CreateOptions{}); err != nil {
		return err
	}
	_, err := client.Patch(ctx, issuerName, types.MergePatchType, []byte(readyStatus), metav1.PatchOptions{}, "status")
	return err
}

const (
	issuerName  = "company"
	readyStatus = `{"status":{"conditions":[{"type":"Ready","status":"True","reason":"IsReady","observedGeneration":1,
"lastTransitionTime":"2026-01-01T00:00:00Z"}]}}`
)

// makeNamespace makes a namespace with as many Ingresses.
func (b *bench) makeNamespace(ctx context.Context, name string, count int) error {
	return b.makeObjects(ctx, sourceKind{namespace: name, resource: ingresses, object: ingress}, count)
}

// makeObjects makes a namespace with as many objects of a kind.
func (b *bench) makeObjects(ctx context.Context, kind sourceKind, count int) error {
	namespace := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": kind.namespace},
	}}
	if _, err := b.Dynamic.Resource(namespaces).Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return err
	}
	return parallel(ctx, loaders, count, func(ctx context.Context, i int) error {
		object := kind.object(kind.namespace, fmt.Sprintf("web-%d", i))
		_, err := b.Dynamic.Resource(kind.resource).Namespace(kind.namespace).Create(ctx, object, metav1.CreateOptions{})
		return err
	})
}

// empty deletes all Certificates of some namespaces and waits until the server rests.
func (b *bench) empty(ctx context.Context, in ...string) error {
	for _, namespace := range in {
		err := b.Dynamic.Resource(cluster.Certificates()).Namespace(namespace).
			DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
		if err != nil {
			return err
		}
	}
	return b.rest(ctx)
}

// issue gives every Certificate what a live one has: a status by a second manager, as
// cert-manager's controllers write it.
func (b *bench) issue(ctx context.Context) error {
	note("giving every Certificate a status")
	return b.patchStatus(ctx, cluster.Certificates(), "cert-manager-certificates-readiness", issuedStatus)
}

// expose gives every Ingress the address at which its controller serves it.
func (b *bench) expose(ctx context.Context) error {
	note("giving every Ingress an address")
	return b.patchStatus(ctx, ingresses, "nginx-ingress-controller", exposedStatus)
}

func (b *bench) patchStatus(ctx context.Context, resource schema.GroupVersionResource, manager, status string) error {
	list, err := b.Dynamic.Resource(resource).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	return parallel(ctx, loaders, len(list.Items), func(ctx context.Context, i int) error {
		object := list.Items[i]
		_, err := b.Dynamic.Resource(resource).Namespace(object.GetNamespace()).Patch(ctx, object.GetName(), types.MergePatchType,
			[]byte(status), metav1.PatchOptions{FieldManager: manager}, "status")
		return err
	})
}

const exposedStatus = `{"status":{"loadBalancer":{"ingress":[{"ip":"203.0.113.10"}]}}}`

const issuedStatus = `{"status":{"conditions":[{"type":"Ready","status":"True","reason":"Ready","observedGeneration":1,
"message":"Certificate is up to date and has not expired","lastTransitionTime":"2026-01-01T00:00:00Z"}],
"notBefore":"2026-01-01T00:00:00Z","notAfter":"2026-04-01T00:00:00Z","renewalTime":"2026-03-01T00:00:00Z","revision":1}}`

// parallel calls work for 0 … count-1, some at a time, and ends at the first error.
func parallel(ctx context.Context, workers, count int, work func(context.Context, int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range workers {
		group.Go(func() error {
			for i := next.Add(1) - 1; i < int64(count); i = next.Add(1) - 1 {
				if err := work(ctx, int(i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// writes is how many creates, patches, updates and deletes of Certificates the API server
// has answered.
func (b *bench) writes(ctx context.Context) (float64, error) {
	body, err := b.client.RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return 0, err
	}
	var total float64
	for line := range strings.Lines(string(body)) {
		if !isWrite(line) {
			continue
		}
		fields := strings.Fields(line)
		var value float64
		if _, err := fmt.Sscan(fields[len(fields)-1], &value); err != nil {
			return 0, fmt.Errorf("%s: %w", line, err)
		}
		total += value
	}
	return total, nil
}

func isWrite(line string) bool {
	if !strings.HasPrefix(line, "apiserver_request_total{") || !strings.Contains(line, `resource="certificates",`) {
		return false
	}
	for _, verb := range []string{"GET", "LIST", "WATCH"} {
		if strings.Contains(line, `verb="`+verb+`"`) {
			return false
		}
	}
	return true
}
