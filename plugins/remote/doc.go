// Package remote connects to a resolver that runs as a separate program: a gRPC server on a Unix
// domain socket that the operator names. It never starts, stops or searches for programs, sends
// no credentials, and limits what it receives before decoding it.
package remote
