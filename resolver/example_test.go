package resolver_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/certshim/certshim/resolver"
)

// corpTypes declares the issuer kinds of an in-house CA.
const corpTypes = `
apiVersion: certshim.io/v1alpha1
kind: IssuerType
metadata:
  name: corp-ca
spec:
  title: Corp CA
  group: pki.corp.example
  versions: [v1]
  kinds:
    - {kind: CorpIssuer, resource: corpissuers, scope: Namespaced}
`

// corpCA knows of its issuers whether they can sign, and how long they sign for.
type corpCA struct{}

func (corpCA) Describe() resolver.Description {
	kind := resolver.GroupKind{Group: "pki.corp.example", Kind: "CorpIssuer"}
	return resolver.Description{
		Name: "corp-ca", Version: "v1.0.0",
		Kinds: []resolver.DescribedKind{{GroupKind: kind, Scope: resolver.Namespaced}},
	}
}

func (corpCA) Resolve(_ context.Context, q resolver.Query) (resolver.Statement, error) {
	if bytes.Contains(q.Observed, []byte(`"suspended":true`)) {
		return resolver.Statement{
			Existence: resolver.Exists, Ready: resolver.NotReady,
			Reason: "Suspended", Message: "the CA doesn't sign during its audit",
		}, nil
	}
	return resolver.Statement{Existence: resolver.Exists, Ready: resolver.Ready}, nil
}

// The registry turns what an annotation says into a complete reference, and a resolver of one's
// own says what is known of that issuer. In a program, app.WithResolver registers both.
func ExampleResolver() {
	entry, err := resolver.Decode([]byte(corpTypes), "issuertype.yaml")
	if err != nil {
		log.Fatal(err)
	}
	registry, err := resolver.NewRegistry(resolver.Defaults{}, []resolver.IssuerType{entry})
	if err != nil {
		log.Fatal(err)
	}

	answer := registry.Resolve(resolver.Lookup{Name: "web", Kind: "CorpIssuer"}, nil)
	fmt.Println(answer.Issuer.Kind, answer.Issuer.Group, answer.Issuer.Scope)

	var corp resolver.Resolver = corpCA{}
	statement, err := corp.Resolve(context.Background(), resolver.Query{
		Issuer: resolver.IssuerKey{
			GroupKind: resolver.GroupKind{Group: answer.Issuer.Group, Kind: answer.Issuer.Kind},
			Namespace: "shop", Name: answer.Issuer.Name,
		},
		Scope:    answer.Issuer.Scope,
		Observed: []byte(`{"status":{"suspended":true}}`),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(statement.Existence, statement.Ready, statement.Reason)
	// Output:
	// CorpIssuer pki.corp.example Namespaced
	// Exists False Suspended
}
