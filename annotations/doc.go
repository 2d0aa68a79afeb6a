// Package annotations is the language in which people ask for a certificate: the keys
// that cert-manager's shims read, and our own.
//
// One table of keys (table.go) says for each its grammar, the Certificate field it
// speaks of, its documentation and an example. The parser, the reference page
// docs/annotations.md, the command `certshim annotations` and the seeds of the fuzzers
// all come from it, so a new key is one row.
//
// Start reading at [Parser.Parse], which turns a map of annotations into a [Request]
// and the problems found on the way, all of them in one pass.
//
// It may import: the standard library, apimachinery's validation, cert-manager's API
// types, problem and declaration. It never sees a client or the kind of an object.
package annotations
