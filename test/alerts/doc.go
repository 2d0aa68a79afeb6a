// Package alerts tests the dashboard of the chart, and its alerting rules by Prometheus' own promtool: each fires where it should, and is quiet
// where it should be. Debian's package prometheus has promtool; without it only the texts are tested.
package alerts
