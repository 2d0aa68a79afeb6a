package app

// NewReloadMetric lets the test of the documentation see the metric.
var NewReloadMetric = newReloadMetric
