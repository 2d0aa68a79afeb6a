// Package manifest reads Kubernetes manifests as people have them: files and streams of
// many YAML and JSON documents, Helm's output, lists, with comments and empty documents
// between.
//
// Start reading at [Reader.Documents]. One broken document costs only itself: it comes out
// as a [*BrokenError] with file and line, and the next one is read all the same. The text
// of one document is held at a time, and its size is bounded.
//
// It may import: the standard library, apimachinery, YAML readers, declaration for its hints. It
// knows no kind.
package manifest
