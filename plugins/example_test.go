package plugins_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"

	"github.com/certshim/certshim/plugins"
	"github.com/certshim/certshim/resolver"
)

// corpCA speaks for the issuers of an in-house CA.
type corpCA struct{}

func (corpCA) Describe() resolver.Description {
	kind := resolver.GroupKind{Group: "pki.corp.example", Kind: "CorpIssuer"}
	return resolver.Description{
		Name: "corp-ca", Version: "v1.0.0",
		Kinds: []resolver.DescribedKind{{GroupKind: kind, Scope: resolver.Namespaced}},
	}
}

func (corpCA) Resolve(context.Context, resolver.Query) (resolver.Statement, error) {
	return resolver.Statement{Existence: resolver.Exists, Ready: resolver.Ready}, nil
}

// The host asks a resolver in the background. Find never waits for it: before the first answer
// nothing is known of the issuer.
func ExampleCompiled() {
	host, err := plugins.New([]plugins.Plugin{plugins.Compiled(corpCA{})}, slog.New(slog.DiscardHandler))
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	answered := make(chan resolver.IssuerKey, 1)
	go host.Run(ctx, resolver.Callbacks{
		Observed: func(resolver.IssuerKey) []byte { return nil },
		Changed:  func(keys []resolver.IssuerKey) { answered <- keys[0] },
		Trouble:  func(name string, _ resolver.Fault, text string) { log.Print(name, text) },
	})

	issuer := resolver.IssuerKey{
		GroupKind: resolver.GroupKind{Group: "pki.corp.example", Kind: "CorpIssuer"}, Namespace: "shop", Name: "web",
	}
	finding, _ := host.Find(issuer)
	fmt.Println(finding.By, finding.State)
	<-answered
	finding, _ = host.Find(issuer)
	fmt.Println(finding.By, finding.State, finding.Existence, finding.Ready)
	// Output:
	// compiled-in/corp-ca Never
	// compiled-in/corp-ca Fresh Exists True
}
