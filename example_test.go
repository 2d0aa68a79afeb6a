package certshim_test

import (
	"fmt"
	"log"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// An Ingress that names an issuer, in a cluster where nothing else is known.
func ExampleDecide() {
	registry, err := resolver.NewRegistry(resolver.Defaults{}, nil)
	if err != nil {
		log.Fatal(err)
	}
	policy := &certshim.Policy{
		Parser:   annotations.NewParser(annotations.Options{}),
		Registry: registry,
		Kinds:    source.Builtin(),
	}
	cluster := inventory.New(policy, inventory.Options{})
	cluster.Know(inventory.CertificateKind(), inventory.Whole)
	kind, _ := policy.Kinds.Lookup("networking.k8s.io", "Ingress")
	ingresses := cluster.Sources(kind)
	packed, err := ingresses.Pack(&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
		"metadata": map[string]any{
			"namespace": "shop", "name": "web", "uid": "8a6b…",
			"annotations": map[string]any{
				"cert-manager.io/cluster-issuer": "letsencrypt",
				"cert-manager.io/duratoin":       "2160h",
			},
		},
		"spec": map[string]any{"tls": []any{
			map[string]any{"hosts": []any{"shop.example.com"}, "secretName": "web-tls"},
		}},
	}})
	if err != nil {
		log.Fatal(err)
	}
	ingresses.Put(packed)

	look := cluster.Look(inventory.NewKey(source.GroupKindOf(kind), "shop", "web"))
	defer look.Close()
	object, _ := look.Object()
	outcome := certshim.Decide(policy, object, look)

	fmt.Println(outcome.Issuer.Kind, outcome.Issuer.Name)
	for _, decision := range outcome.Certificates {
		fmt.Printf("%s %s: %s\n", decision.Action, decision.Name, decision.Reason)
	}
	for _, problem := range outcome.Problems.All() {
		fmt.Println(problem.Error())
	}
	// Output:
	// ClusterIssuer letsencrypt
	// create web-tls: there is no such Certificate yet
	// cert-manager.io/duratoin: unknown annotation, which does nothing (value "2160h"); did you mean "cert-manager.io/duration"?
}
