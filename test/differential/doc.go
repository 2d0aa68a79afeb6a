// Package differential holds certshim against cert-manager's own shims.
//
// An [Input] is an Ingress, a Gateway or a ListenerSet, flags, and what exists already. It
// goes to cert-manager's code (package oracle) and to certshim's decision, and the
// Certificates that exist afterwards are compared, whole. Where certshim differs on
// purpose, a [Row] says on which input, and what exactly becomes of upstream's result;
// docs/differences.md tells the same to people, and a test holds the two together.
//
// Start reading at parity.go. theirs.go and ours.go run the two sides, plan.go runs
// `certshim plan` on the same input, and server.go is what the API server does to a
// Certificate that is applied. row.go says what a difference is, rows_*.go are the
// differences. generate.go draws a [Case], an object and its past, from the values of
// values.go; shrink.go makes a failing one small.
//
// It may import oracle, every pure room of certshim, and its commands.
package differential
