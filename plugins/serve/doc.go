// Package serve is the server side of the plugin protocol for authors in Go: a
// [resolver.Resolver] becomes a plugin by one call of [Run]. It answers handshakes and health,
// keeps a watch alive, bounds what it receives, removes a stale socket, and ends in order on a
// signal.
package serve
