package cluster

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Metric is the sum of a metric's series as a program serves them at an address, and whether there is any. Where labels are
// given, as name="value", only series that have them all count.
func Metric(ctx context.Context, address, metric string, labels ...string) (total float64, found bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return 0, false, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("metrics of %s: %s: %s", address, response.Status, body)
	}
	if err != nil {
		return 0, false, err
	}
	return Sum(string(body), metric, labels...)
}

// Sum adds up the series of one metric in Prometheus' text form, and says whether there is any. Where labels are given, as
// name="value", only series that have them all count.
func Sum(body, metric string, labels ...string) (total float64, found bool, err error) {
	for line := range strings.Lines(body) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		lacks := func(label string) bool { return !strings.Contains(name, label) }
		if base, _, _ := strings.Cut(name, "{"); base != metric || slices.ContainsFunc(labels, lacks) {
			continue
		}
		var value float64
		fields := strings.Fields(rest)
		if _, err := fmt.Sscan(fields[len(fields)-1], &value); err != nil {
			return 0, true, fmt.Errorf("%s: %w", line, err)
		}
		total, found = total+value, true
	}
	return total, found, nil
}
