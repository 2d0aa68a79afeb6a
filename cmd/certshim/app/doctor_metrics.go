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
	"github.com/certshim/certshim/problem"
)

// maxMetrics is far more than certshim's metrics have.
const maxMetrics = 16 << 20

// metrics asks a Pod for its metrics: the API server passes the question on.
func (e *examination) metrics(ctx context.Context, pod unstructured.Unstructured) (none doctor.Metrics, err error) {
	runs, err := e.running.configuration(ctx)
	if err != nil {
		return none, err
	}
	at, err := metricsAt(runs, pod)
	if err != nil {
		return none, err
	}
	answer, err := e.reading.connection.Leases.RESTClient().Get().
		AbsPath("/api/v1/namespaces", pod.GetNamespace(), "pods", at, "proxy", "metrics").SetHeader("Accept", "text/plain").Stream(ctx)
	if err != nil {
		return none, fmt.Errorf("its metrics can't be read: %w", err)
	}
	defer func() { _ = answer.Close() }()
	return readMetrics(io.LimitReader(answer, maxMetrics))
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

// readMetrics reads what certshim's metrics say of it.
func readMetrics(metrics io.Reader) (m doctor.Metrics, err error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(metrics)
	if err != nil {
		return m, fmt.Errorf("its metrics can't be read: %w", err)
	}
	synced, forbidden := byResource(families["certshim_informer_synced"]), byResource(families["certshim_resource_forbidden"])
	failing := byResource(families["certshim_informer_failing"])
	if len(synced) == 0 {
		return m, errors.New("its metrics don't tell what it watches")
	}
	for _, resource := range slices.Sorted(maps.Keys(synced)) {
		m.Watched = append(m.Watched, doctor.Watched{Resource: resource, Synced: synced[resource], Forbidden: forbidden[resource], Failing: failing[resource]})
	}
	m.PendingWrites, m.WriteForbidden = int(gauge(families["certshim_pending_writes"])), gauge(families["certshim_write_forbidden"]) > 0
	for _, build := range families["certshim_build_info"].GetMetric() {
		m.Version = problem.Cut(labelOf(build, "version"))
	}
	return m, nil
}

// gauge is the value of one without labels, 0 where it isn't there.
func gauge(family *dto.MetricFamily) (value float64) {
	for _, m := range family.GetMetric() {
		value = m.GetGauge().GetValue()
	}
	return value
}

func labelOf(m *dto.Metric, name string) string {
	for _, label := range m.GetLabel() {
		if label.GetName() == name {
			return label.GetValue()
		}
	}
	return ""
}

// byResource says of each resource whether a gauge is 1.
func byResource(family *dto.MetricFamily) map[string]bool {
	is := map[string]bool{}
	for _, m := range family.GetMetric() {
		if resource := labelOf(m, "resource"); resource != "" {
			is[resource] = m.GetGauge().GetValue() == 1
		}
	}
	return is
}
