// Package schema knows which API servers serve what plan reads, and which fields it has: the kinds
// of sources, Certificates and cert-manager's issuers, by the Go types and definitions of
// Kubernetes, the Gateway API and cert-manager.
//
// Start reading at [Served] and [Faults]. The facts are in schema.txt, which is generated: a line
// for each version of a kind that is served, or no longer is, and one for each type with its
// fields and their types. An exclamation mark stands behind those that are required.
//
// It may import: the standard library, the nearest words of declaration.
package schema

//go:generate go -C ../../../../test run ./schema -o ../cmd/certshim/app/schema/schema.txt
