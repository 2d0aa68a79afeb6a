// Package hangs makes issuances hang, by cert-manager's own controllers and the ACME server pebble, and has
// `certshim explain` say where. Each has its twin that is issued, and that must not be said to hang.
//
// cert-manager works in two namespaces of its cluster, in one of them without an approver; in a third one it doesn't work
// at all. An ACME server that refuses orders is a proxy in front of pebble, an external issuer without a controller is
// a CRD; nothing else is stood in for.
//
// Start reading at stage_test.go. It imports the other packages of the test module and client-go, nothing of certshim.
package hangs
