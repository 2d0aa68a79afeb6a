// Package wire converts between the protocol's messages and the types of package resolver. It
// only rejects what it can't convert; [resolver.Statement.Check] checks the rest.
package wire
