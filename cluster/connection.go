package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	eventsclient "k8s.io/client-go/kubernetes/typed/events/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"
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

// requestTimeout bounds a request and its whole answer, watches and pages of lists excepted. The API server itself gives up
// after a minute, by its --request-timeout, but what stands in between may hold an answer back for good.
const requestTimeout = 70 * time.Second

// WithRequestTimeout gives the context of one request to the API server.
func WithRequestTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, requestTimeout)
}

// Settings of a connection.
type Settings struct {
	UserAgent string
	// QPS and Burst limit all requests but those about the Lease. A QPS of 0 leaves the limit
	// to the server if it has priority and fairness; one below 0 is no limit.
	QPS   float32
	Burst int
}

// Connection is every client, all over one HTTP client: one HTTP/2 connection.
type Connection struct {
	// Events writes Events.
	Events eventsclient.EventsV1Interface
	// Leases has no limit: a Lease must not wait behind writes.
	Leases coordinationclient.CoordinationV1Interface

	config *rest.Config
	http   *http.Client
	gate   *gate
	log    *slog.Logger
}

// Connect makes the clients. Nothing is sent but the probe for priority and fairness, where
// the settings leave the limit to the server; it waits until the server answers that.
func Connect(ctx context.Context, base *rest.Config, settings Settings, log *slog.Logger) (*Connection, error) {
	config := rest.CopyConfig(base)
	config.UserAgent = settings.UserAgent
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("can't build the HTTP client: %w", err)
	}
	c := &Connection{config: config, http: client, gate: newGate(), log: log}
	var errs [2]error
	config.QPS = -1
	c.Leases, errs[0] = coordinationclient.NewForConfigAndClient(config, client)
	if err := c.limit(ctx, settings.QPS, settings.Burst); err != nil {
		return nil, err
	}
	c.Events, errs[1] = eventsclient.NewForConfigAndClient(config, client)
	return c, errors.Join(errs[:]...)
}

// limit gives all clients made after it one common limit, or none.
func (c *Connection) limit(ctx context.Context, qps float32, burst int) error {
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
func (c *Connection) waitForProbe(ctx context.Context) (fair bool, err error) {
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
func (c *Connection) probe(ctx context.Context, url string) (fair bool, err error) {
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
