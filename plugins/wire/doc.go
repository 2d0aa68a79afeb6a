// Package wire translates between the protocol's messages and what resolvers say
// ([resolver.Statement]). It judges only what can't be translated; [resolver.Statement.Check]
// judges the rest.
package wire
