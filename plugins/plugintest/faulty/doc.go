// Package faulty is a plugin for tests, either sound or with one [Fault] that real plugins have.
// It is used to test the conformance kit and certshim's own side of the protocol.
package faulty
