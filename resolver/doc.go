// Package resolver finds out which issuer a source means, and what is known about that issuer.
//
// [Registry.Resolve] turns a [Lookup], the issuer as written in annotations, into an [Issuer]
// with group and kind, or into problems that say what would be right. The registry is keyed by
// (group, kind), since several groups reuse the kinds Issuer and ClusterIssuer; its catalogue of
// external issuers is data (catalogue/*.yaml).
//
// [Known.Read] derives from an issuer's object whether it is ready, and which variant of its
// type it is. [Constraints.Violations] checks a Certificate against the type's rules.
//
// It may import: the standard library, apimachinery, YAML, the public suffix list, names, problem and
// declaration. It knows neither annotations nor sources, and never sees a client.
package resolver
