// Package admission makes a ValidatingAdmissionPolicy of the annotation table, so that the API server itself tells a
// person of a value that certshim can't read, at the moment of writing it.
//
// What the policy refuses, [annotations.Parser] refuses too. It is the first gate and not the last word: what CEL can't say,
// and what depends on other objects, is told in Events alone. A policy has no parameters, since one whose parameters aren't
// served denies everything, and an object may always be deleted, or changed elsewhere, whatever it holds.
//
// A second policy, of [Ties], protects the annotation that says whose a Certificate in another namespace is.
//
// It is pure, and may import annotations.
package admission
