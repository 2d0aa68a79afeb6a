// Package names compares the names that stand in a certificate: DNS names, IP addresses, e-mail
// addresses and URIs. For each kind one function returns a canonical form by the standard of that
// kind, so that no two rooms can disagree about which names are equal. Forms are for comparing. What
// is written into a Certificate is the spelling that comes first.
//
// It may import the standard library alone.
package names
