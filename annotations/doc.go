// Package annotations defines the annotations with which people ask for a certificate: the keys
// that cert-manager's shims read, and certshim's own.
//
// One table of keys (table.go) has for each key its grammar, the Certificate field that it sets,
// its documentation and an example. The parser, the reference page docs/annotations.md, the
// command `certshim annotations` and the seeds of the fuzz tests are all derived from it, so a
// new key is one new row.
//
// Start reading at [Parser.Parse], which turns a map of annotations into a [Request] and all
// problems with them, in one pass.
//
// It may import: the standard library, apimachinery's validation, cert-manager's API
// types, problem and declaration. It never sees a client or the kind of an object.
package annotations
