package app

import (
	"fmt"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/controller"
	"github.com/certshim/certshim/resolver"
)

// knowledge says how much of the cluster decisions can see.
type knowledge int

const (
	// inCluster means that all that exists is observed.
	inCluster knowledge = iota
	// fromFiles means that what isn't in the input may exist all the same.
	fromFiles
)

// newPolicy is the one place where a configuration becomes what decisions follow, so that
// plan and controller can't disagree.
func newPolicy(c controller.Configuration, k knowledge) (*certshim.Policy, error) {
	shipped, err := resolver.Shipped()
	if err != nil {
		return nil, err
	}
	registry, err := resolver.NewRegistry(resolver.Defaults{
		Name: c.DefaultIssuer.Name, Kind: c.DefaultIssuer.Kind, Group: c.DefaultIssuer.Group,
	}, shipped)
	if err != nil {
		return nil, fmt.Errorf("the registry of issuers: %w", err)
	}
	labels, err := annotations.NewLabels(c.Labels.Exclude, c.Labels.Include)
	if err != nil {
		return nil, fmt.Errorf("the configuration's labels: %w", err)
	}
	return &certshim.Policy{
		Parser:         annotations.NewParser(annotations.Options{AutoKeys: c.Annotations.Auto, ExtraKeys: c.Annotations.Extra}),
		Registry:       registry,
		AutoKinds:      c.Annotations.AutoKinds,
		ExtraProtocols: c.GatewayAPI.ExtraProtocols,
		Certificate:    certificate.Policy{Labels: labels},
		Offline:        k == fromFiles,
	}, nil
}
