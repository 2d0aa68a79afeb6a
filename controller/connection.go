package controller

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	eventsclient "k8s.io/client-go/kubernetes/typed/events/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"
)

// The limits of requests for an API server that does not share itself out fairly.
const (
	unfairQPS   = 20
	unfairBurst = 50
)

// probeTimeout bounds the question whether the server has priority and fairness.
const probeTimeout = 5 * time.Second

// connection is every client, all over one HTTP client: one HTTP/2 connection.
type connection struct {
	config    *rest.Config
	http      *http.Client
	discovery *discovery.DiscoveryClient
	metadata  metadata.Interface
	events    eventsclient.EventsV1Interface
	leases    coordinationclient.CoordinationV1Interface
}

// connect makes the clients. Nothing is sent but the probe for priority and fairness,
// where the settings leave the limits to it.
func connect(ctx context.Context, base *rest.Config, settings KubernetesAPISettings, version string) (*connection, error) {
	config := rest.CopyConfig(base)
	config.UserAgent = "certshim/" + version
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("can't build the HTTP client: %w", err)
	}
	c := &connection{config: config, http: client}
	// A Lease must not wait behind writes: its client has no limit.
	config.QPS = -1
	var errs [4]error
	c.leases, errs[0] = coordinationclient.NewForConfigAndClient(config, client)
	c.discovery, errs[1] = discovery.NewDiscoveryClientForConfigAndClient(config, client)
	c.limit(ctx, settings)
	c.metadata, errs[2] = metadata.NewForConfigAndClient(config, client)
	c.events, errs[3] = eventsclient.NewForConfigAndClient(config, client)
	return c, errors.Join(errs[:]...)
}

// limit gives all clients made after it one common limit, or none.
func (c *connection) limit(ctx context.Context, settings KubernetesAPISettings) {
	qps, burst := settings.QPS, settings.Burst
	if qps == 0 && c.fair(ctx) {
		qps = -1
	}
	if qps < 0 {
		c.config.QPS = -1
		return
	}
	if qps == 0 {
		qps = unfairQPS
	}
	if burst <= 0 {
		burst = unfairBurst
	}
	c.config.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(qps, burst)
}

// fair says whether the server has priority and fairness, which limits each client better
// than it could limit itself.
func (c *connection) fair(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	target, _, err := rest.DefaultServerUrlFor(c.config)
	if err != nil {
		return false
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, target.JoinPath("/livez/ping").String(), nil)
	if err != nil {
		return false
	}
	response, err := c.http.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.Header.Get(flowcontrolv1.ResponseHeaderMatchedFlowSchemaUID) != ""
}

// dynamic gives the dynamic client for one resource: the place where a resource gets a
// decoder of its own.
func (c *connection) dynamic(schema.GroupVersionResource) (dynamic.Interface, error) {
	return dynamic.NewForConfigAndClient(c.config, c.http)
}
