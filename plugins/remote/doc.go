// Package remote reaches a resolver that is a program of its own: a gRPC server on a Unix
// domain socket that the operator names. It dials, and never starts, stops or looks for a
// program; it sends no credentials, and bounds whatever it receives before it is decoded.
package remote
