// Package prometheus runs the Prometheus of Debian's package prometheus for tests, and asks it what the chart's dashboard asks.
package prometheus
