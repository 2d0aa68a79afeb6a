// Package cluster gives a suite a whole cluster: the real control plane, cert-manager's CRDs and the Gateway API's,
// cert-manager's own controllers and its webhook, each in a process that is gone when the test is, even a killed one.
//
// [Start] and [StartMain] start it, [Cluster.Namespace] gives each test a place of its own, [Cluster.Issuer] a CA,
// [Cluster.Watch] a way to wait without sleeping: it is opened before the action and sees all that follows. [SignedBy]
// judges what comes out. [Cluster.StartShim] runs cert-manager's shims beside.
//
// Start reading at cluster.go. It imports the other packages of the test module and client-go, nothing of certshim.
package cluster
