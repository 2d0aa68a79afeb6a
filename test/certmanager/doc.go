// Command certmanager runs cert-manager's own controllers, from cert-manager's own module, against a cluster: the
// signers and the machinery around Certificates by default, the three shims and ACME when asked for.
//
// It stands in for cert-manager's controller binary, whose module isn't published, in tests and in the demonstration:
// no leader election, no metrics, no configuration file. Field managers, event sources and defaults are upstream's.
// Start reading at main.go. It imports cert-manager's controllers and the process room, nothing of certshim.
package main
