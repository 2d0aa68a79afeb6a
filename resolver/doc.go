// Package resolver answers which issuer a source means.
//
// [Registry.Resolve] takes a [Lookup], the issuer as people wrote it, and gives an
// [Issuer], complete with group and kind, or the problems that say what would be
// right. The registry is keyed by (group, kind), as eleven known groups reuse the
// kinds Issuer and ClusterIssuer; its catalogue of external issuers is data
// (catalogue/*.yaml).
//
// It may import: the standard library, apimachinery, a YAML reader, and problem. It
// knows neither annotations nor sources, and never sees a client.
package resolver
