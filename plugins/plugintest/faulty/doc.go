// Package faulty is a plugin for tests: sound, or with one [Fault] that real plugins have. The
// conformance kit is tested by it, and so is certshim's own side of the protocol.
package faulty
