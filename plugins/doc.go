// Package plugins asks resolvers that need code: those compiled in, and those that run as
// separate programs beside certshim, reached over gRPC on a Unix domain socket.
//
// A [Host] caches each resolver's statements about the issuers that are in use, renews them in
// time, and provides a snapshot ([resolver.Findings]). Decisions read that snapshot and never
// wait for a resolver. A good answer stays in use while its resolver is down, and an error is
// never taken for an answer.
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
