package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	eventsclient "k8s.io/client-go/kubernetes/typed/events/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"

	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/controller/codec"
)

// The limits of requests for an API server that does not share itself out fairly.
const (
	unfairQPS   = 20
	unfairBurst = 50
)

// The question whether the server has priority and fairness: how long it may take, and how
// long until it is asked again.
const (
	probeTimeout = 5 * time.Second
	probePause   = time.Second
)

// connection is every client, all over one HTTP client: one HTTP/2 connection.
type connection struct {
	config    *rest.Config
	http      *http.Client
	log       *slog.Logger
	discovery *discovery.DiscoveryClient
	metadata  metadata.Interface
	events    eventsclient.EventsV1Interface
	leases    coordinationclient.CoordinationV1Interface
}

// connect makes the clients. Nothing is sent but the probe for priority and fairness,
// where the settings leave the limits to it.
func connect(ctx context.Context, base *rest.Config, settings Config, log *slog.Logger) (*connection, error) {
	config := rest.CopyConfig(base)
	config.UserAgent = "certshim/" + settings.Version
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("can't build the HTTP client: %w", err)
	}
	c := &connection{config: config, http: client, log: log}
	// A Lease must not wait behind writes: its client has no limit.
	config.QPS = -1
	var errs [4]error
	c.leases, errs[0] = coordinationclient.NewForConfigAndClient(config, client)
	c.discovery, errs[1] = discovery.NewDiscoveryClientForConfigAndClient(config, client)
	if err := c.limit(ctx, settings.KubernetesAPI); err != nil {
		return nil, err
	}
	c.metadata, errs[2] = metadata.NewForConfigAndClient(config, client)
	c.events, errs[3] = eventsclient.NewForConfigAndClient(config, client)
	return c, errors.Join(errs[:]...)
}

// limit gives all clients made after it one common limit, or none. Where it depends on the
// server, it waits until that answers.
func (c *connection) limit(ctx context.Context, settings configuration.KubernetesAPI) error {
	qps, burst := settings.QPS, settings.Burst
	if qps == 0 {
		fair, err := c.waitForProbe(ctx)
		if err != nil {
			return err
		}
		if fair {
			qps = -1
		}
	}
	if qps < 0 {
		c.config.QPS = -1
		return nil
	}
	if qps == 0 {
		qps = unfairQPS
	}
	if burst <= 0 {
		burst = unfairBurst
	}
	c.config.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(qps, burst)
	return nil
}

// waitForProbe probes until the server answers or the context ends.
func (c *connection) waitForProbe(ctx context.Context) (fair bool, err error) {
	target, _, err := rest.DefaultServerUrlFor(c.config)
	if err != nil {
		return false, fmt.Errorf("the API server's address: %w", err)
	}
	url := target.JoinPath("/livez/ping").String()
	told := false
	for {
		fair, err := c.probe(ctx, url)
		if err == nil {
			return fair, nil
		}
		if !told {
			told = true
			c.log.Warn("the API server doesn't answer; waiting for it", "error", err)
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(probePause):
		}
	}
}

// probe says whether the server has priority and fairness, which limits each client better
// than it could limit itself.
func (c *connection) probe(ctx context.Context, url string) (fair bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return false, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return false, err
	}
	return response.Header.Get(flowcontrolv1.ResponseHeaderMatchedFlowSchemaUID) != "", response.Body.Close()
}

// dynamic gives a dynamic client that decodes objects without some of their fields, such
// as "status": what nobody reads costs next to nothing.
func (c *connection) dynamic(leaveOut ...string) (dynamic.Interface, error) {
	config := dynamic.ConfigFor(c.config)
	config.NegotiatedSerializer = codec.New(leaveOut...)
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	// The dynamic client gives whole paths, below no group and version.
	config.GroupVersion, config.APIPath = nil, "/"
	client, err := rest.UnversionedRESTClientForConfigAndClient(config, c.http)
	if err != nil {
		return nil, fmt.Errorf("can't build a client: %w", err)
	}
	return dynamic.New(client), nil
}
