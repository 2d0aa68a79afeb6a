// Package certificate is the last of the pure rooms: the Certificate that is wanted, what
// is known of the one that exists, and which of create, apply, none, keep, wait,
// refuse or delete follows.
//
// [Build] makes the apply configuration, [Decide] runs the ordered list of checks for
// one Secret. [Observe] reduces a live Certificate to what decisions read, in which
// [Digest] stands for all that our field manager owns with its live values.
// Ownership of fields (managedFields) is read and taken over here, and nowhere else.
//
// It may import: the standard library, apimachinery, structured-merge-diff,
// cert-manager's API types, and the rooms problem, annotations, source and resolver.
// It does no I/O.
package certificate
