// Package certificate decides what to do about a Certificate: it builds the wanted one, compares
// it with the one that exists, and chooses between create, apply, none, keep, wait, refuse and
// delete. It is the last of the pure rooms.
//
// [Decide] runs the ordered list of checks for one Secret, of which one builds the apply
// configuration. [Read] and [Observe] reduce a live Certificate to what decisions read, in
// which [Digest] stands for all that our field manager owns with its live values.
// Ownership of fields (managedFields) is read and taken over here, and nowhere else.
//
// It may import: the standard library, a JSON tokenizer, apimachinery, structured-merge-diff,
// cert-manager's API types, and the rooms problem, annotations, source and resolver.
// It does no I/O.
package certificate
