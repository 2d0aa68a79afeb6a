// Package oracle asks cert-manager's own shims what they would do about one object: their code, from cert-manager's
// module, runs on memory, with no server and no informer, thousands of times a second.
//
// [Run] is the whole API. The answer is exact for cert-manager at the version in test/go.mod, feature gate
// ServerSideApply off, and for a cluster that accepts every write; what the API server, CRD defaults or the webhook
// would say is not part of it. Start reading at oracle.go. It imports cert-manager and nothing of certshim.
package oracle
