// Package names compares the names that stand in a certificate: DNS names, IP addresses, e-mail
// addresses and URIs. Each kind has one function that gives the form in which equal names are
// equal, by the standard of that kind, so that no two rooms can disagree about it. A form is for
// comparing: what is written is what somebody wrote first.
//
// It may import the standard library alone.
package names
