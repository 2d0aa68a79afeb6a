// Package serve is the server side of the plugin protocol for authors in Go: [Run] turns a
// [resolver.Resolver] into a plugin. It answers handshakes and health checks, keeps watches
// alive, limits what it receives, removes stale sockets, and shuts down gracefully.
package serve
