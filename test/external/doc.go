// Package external proves certshim with issuers that are not cert-manager's own, end to end and for real: an annotated
// Ingress goes in, a Secret comes out whose chain leads to the CA that the annotation meant.
//
// [StartAWSPCA] runs aws-privateca-issuer, built from its module (test/awspca), against package privateca, which stands in
// for AWS's API. [Pebble] runs the ACME server pebble with its DNS server (test/pebble); it validates HTTP-01
// challenges through package router, which stands in for an ingress controller, and DNS-01 challenges by the records of
// [DNSProvider], which stands in for acme-dns. cert-manager's self-check goes the same ways. Nothing else is stood in for. [Start] puts all of it into one cluster, with certshim under its own ServiceAccount and
// cert-manager's approver under one that may approve no more than cert-manager's own signers, as its chart has it.
//
// Start reading at start.go. It imports the other packages of the test module and client-go, nothing of certshim.
package external
