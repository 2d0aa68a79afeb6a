package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"github.com/certshim/certshim/resolver"
)

//go:embed issuertype.yaml
var declaration []byte

// issuerType returns the declarative part: the kinds, and how to tell whether an issuer
// is ready.
func issuerType() resolver.IssuerType {
	t, err := resolver.Decode(declaration, "issuertype.yaml")
	if err != nil {
		panic(err) // The file is part of the program, and tested.
	}
	return t
}

// corpCA knows how long the certificates of an in-house CA may be valid: its tier decides,
// which stands in the issuer's spec.
type corpCA struct{}

var _ resolver.Resolver = corpCA{}

// Describe implements resolver.Resolver.
func (corpCA) Describe() resolver.Description {
	t := issuerType()
	d := resolver.Description{
		Name: "corp-ca", Version: "v1.0.0",
		Grant: resolver.Grant{Values: []resolver.ValueField{resolver.ValueDuration}, MayRefuse: true},
	}
	for _, kind := range t.Kinds {
		d.Kinds = append(d.Kinds, resolver.DescribedKind{
			GroupKind: resolver.GroupKind{Group: t.Group, Kind: kind.Kind}, Scope: kind.Scope,
		})
	}
	return d
}

// Resolve implements resolver.Resolver.
func (corpCA) Resolve(_ context.Context, q resolver.Query) (resolver.Statement, error) {
	if len(q.Observed) == 0 {
		// It isn't there, or not seen yet: certshim itself knows which.
		return resolver.Statement{}, fmt.Errorf("the issuer's object isn't known")
	}
	var issuer struct {
		Spec struct {
			Tier string `json:"tier"`
		} `json:"spec"`
		Status struct {
			Sealed bool `json:"sealed"`
		} `json:"status"`
	}
	if err := json.Unmarshal(q.Observed, &issuer); err != nil {
		return resolver.Statement{}, fmt.Errorf("the issuer's object can't be read: %w", err)
	}
	longest := 30 * 24 * time.Hour
	if issuer.Spec.Tier == "gold" {
		longest = 365 * 24 * time.Hour
	}
	s := resolver.Statement{
		Existence: resolver.Exists, Ready: resolver.Ready,
		Constraints: resolver.Constraints{Durations: &resolver.DurationRule{Max: longest, Verdict: resolver.Refuse}},
		Values:      resolver.Values{Duration: longest},
	}
	if issuer.Status.Sealed {
		s.Ready, s.Reason, s.Message = resolver.NotReady, "Sealed", "the CA is sealed: ask its operators to unseal it"
	}
	return s, nil
}
