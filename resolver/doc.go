// Package resolver answers which issuer a source means.
//
// [Registry.Resolve] takes a [Lookup], the issuer as people wrote it, and gives an
// [Issuer], complete with group and kind, or the problems that say what would be
// right. The registry is keyed by (group, kind), as eleven known groups reuse the
// kinds Issuer and ClusterIssuer; its catalogue of external issuers is data
// (catalogue/*.yaml).
//
// What is known of an issuer that is there, [Known.Read] takes from its object: whether it
// is ready, and which of its type's rules hold, which [Constraints.Violations] judges.
//
// It may import: the standard library, apimachinery, YAML, problem and declaration. It
// knows neither annotations nor sources, and never sees a client.
package resolver
