// Package plugins asks resolvers that need code: those compiled in, and those that are
// programs of their own beside certshim, reached over gRPC on a Unix domain socket.
//
// A [Host] keeps what each resolver said of each issuer that is in use, asks again in time,
// and hands out a snapshot ([resolver.Findings]). A decision reads that snapshot and never
// waits: whatever a resolver does or fails to do happens beside the reconciles. A good answer
// outlives its resolver, and an error never becomes an answer.
//
// The folders:
//
//	proto       the protocol, whose comments are its documentation
//	api         the Go code generated from it (protogen, a module of its own)
//	wire        its messages to what resolvers say, and back
//	remote      a resolver behind a socket
//	serve       the server side for authors in Go
//	plugintest  the conformance kit, its adapter for Go tests, and plugins that are broken on purpose
//	examples    one plugin, written in Go and in Python
//
// plugins may import problem, declaration and resolver. No other room imports it but cmd.
package plugins

//go:generate go -C protogen run . ../proto ../api certshim/resolver/v1alpha1/resolver.proto
