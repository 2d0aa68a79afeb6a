// Package inventory holds what is known of a cluster, or of documents: sources and
// Certificates as compact values, the indexes over them, issuers, Namespaces, and what the
// API server serves. Decisions read all of it through a [Look], the only implementation of
// [certshim.Observed], so that the controller, plan and the tests can't disagree.
//
// An answer has three values: present, absent and unknown. An object that may not be read, has
// not been read yet, or lies outside the watched namespaces is unknown, and unknown never
// counts as absent.
//
// A Look notes which questions its decision asks. Each change of the inventory compares the
// answers before and after it, and returns the sources whose decision read an answer that is
// now another one: the [Wake]. Nothing else lists who depends on what.
//
// Start reading at [Inventory]. facts.go has the questions and their readers, secrets.go what
// sources read about one Secret, look.go what happens during a decision, observed.go the
// answers, and writes.go what this process has written itself.
//
// It may import problem, declaration, annotations, source, resolver, certificate, the root
// package, and apimachinery. It has a lock, but no client, clock or logger, and it decides
// nothing.
package inventory
