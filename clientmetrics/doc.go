// Package clientmetrics counts what client-go does, under the names that Kubernetes' own components have for it and that
// everybody's dashboards ask for: workqueue_*, rest_client_* and leader_election_*.
//
// client-go takes the counters of its REST client and of leader election once a process, those of a queue with each
// queue. k8s.io/component-base has counters of these names too, but only for a registry of its own.
//
// It may import client-go's metrics interfaces and client_golang, and no other room.
package clientmetrics
