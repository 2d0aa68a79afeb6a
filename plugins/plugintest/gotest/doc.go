// Package gotest runs the conformance kit for resolver plugins in a Go test. It is a package of
// its own so that a program that imports the kit, such as certshim, doesn't link testing.
//
// It imports plugintest and the standard library.
package gotest
