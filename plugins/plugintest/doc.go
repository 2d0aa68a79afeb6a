// Package plugintest is the conformance kit for resolver plugins: cases with stable names that
// run against a socket. Authors in Go call Run of package gotest in a test; everybody else has
// `certshim plugin test SOCKET --fixture FILE`, which runs the same cases.
//
// A case that is skipped proves nothing and is counted by itself: the fixture doesn't have what
// it needs, or the plugin doesn't claim to be able to.
package plugintest
