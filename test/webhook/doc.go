// Command webhook serves cert-manager's own admission webhook to a cluster, so that what is written there is judged by
// it as in a real installation.
//
// cert-manager publishes its webhook only as a helper for tests, which wants a *testing.T; this program gives it one
// and lives as long as it is needed. It registers itself with the API server under a URL on 127.0.0.1, needs
// cert-manager's CRDs to be installed, and is ready once a bad Certificate is refused.
// Start reading at main.go. It imports cert-manager's helper and the process room, nothing of certshim.
package main
