package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/doctor"
)

// maxMetrics is far more than certshim's metrics have.
const maxMetrics = 16 << 20

// watched asks a Pod what it watches: its metrics say it, and the API server passes the question on.
func (e *examination) watched(ctx context.Context, pod unstructured.Unstructured) ([]doctor.Watched, error) {
	runs, err := e.running.configuration(ctx)
	if err != nil {
		return nil, err
	}
	at, err := metricsAt(runs, pod)
	if err != nil {
		return nil, err
	}
	answer, err := e.reading.connection.Leases.RESTClient().Get().
		AbsPath("/api/v1/namespaces", pod.GetNamespace(), "pods", at, "proxy", "metrics").SetHeader("Accept", "text/plain").Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("its metrics can't be read: %w", err)
	}
	defer func() { _ = answer.Close() }()
	return readWatched(io.LimitReader(answer, maxMetrics))
}

// metricsAt is where the API server finds a Pod's metrics: the scheme, its name and the port. The port is the container's
// that is called http, else that of the configuration.
func metricsAt(runs configuration.Configuration, pod unstructured.Unstructured) (string, error) {
	if runs.Metrics.Authentication {
		return "", errors.New("its metrics are for those who show a token, which the API server doesn't pass on")
	}
	_, port, err := net.SplitHostPort(runs.MetricsListenAddress)
	if err != nil {
		return "", errors.New("it serves no metrics")
	}
	containers, _, _ := unstructured.NestedSlice(pod.Object, "spec", "containers")
	for _, one := range containers {
		fields, _ := one.(map[string]any)
		ports, _, _ := unstructured.NestedSlice(fields, "ports")
		for _, each := range ports {
			named, _ := each.(map[string]any)
			if number, _, _ := unstructured.NestedInt64(named, "containerPort"); named["name"] == "http" {
				port = strconv.FormatInt(number, 10)
			}
		}
	}
	scheme := "http"
	if runs.Metrics.TLSCertFile != "" {
		scheme = "https"
	}
	return scheme + ":" + pod.GetName() + ":" + port, nil
}

// readWatched reads certshim's metrics about what it watches.
func readWatched(metrics io.Reader) ([]doctor.Watched, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(metrics)
	if err != nil {
		return nil, fmt.Errorf("its metrics can't be read: %w", err)
	}
	synced, forbidden := byResource(families["certshim_informer_synced"]), byResource(families["certshim_resource_forbidden"])
	failing := byResource(families["certshim_informer_failing"])
	if len(synced) == 0 {
		return nil, errors.New("its metrics don't tell what it watches")
	}
	var all []doctor.Watched
	for _, resource := range slices.Sorted(maps.Keys(synced)) {
		all = append(all, doctor.Watched{Resource: resource, Synced: synced[resource], Forbidden: forbidden[resource], Failing: failing[resource]})
	}
	return all, nil
}

// byResource says of each resource whether a gauge is 1.
func byResource(family *dto.MetricFamily) map[string]bool {
	is := map[string]bool{}
	for _, m := range family.GetMetric() {
		for _, label := range m.GetLabel() {
			if label.GetName() == "resource" {
				is[label.GetValue()] = m.GetGauge().GetValue() == 1
			}
		}
	}
	return is
}
