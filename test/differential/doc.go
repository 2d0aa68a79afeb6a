// Package differential holds certshim against cert-manager's own shims.
//
// A [Case] is an Ingress, a Gateway or a ListenerSet, flags, and what happened before. It
// goes to cert-manager's code (package oracle) and to certshim's decision, and the
// Certificates that exist afterwards are compared, whole. Where certshim differs on
// purpose, a [Row] says on which input, and what exactly becomes of upstream's result;
// docs/differences.md tells the same to people, and a test holds the two together.
//
// Start reading at parity.go. generate.go draws cases from the pools of values.go,
// shrink.go makes a failing one small, theirs.go and ours.go run the two sides, rows*.go
// are the differences.
//
// It may import oracle, and every pure room of certshim.
package differential
