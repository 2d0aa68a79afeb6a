// Package plugintest is the conformance kit for resolver plugins: cases with stable names that
// run against a socket. Authors in Go call Run of package gotest in a test; everybody else uses
// `certshim plugin test SOCKET --fixture FILE`, which runs the same cases.
//
// A skipped case proves nothing and is counted separately: the fixture lacks what it needs, or
// the plugin doesn't claim the ability.
package plugintest
