// Package routes knows which names the routes of the Gateway API bring to the listeners that they attach
// to, and which of these a certificate is to have.
//
// A [Route] is reduced to what that depends on. [Gather] finds the names that routes offer to each
// listener of a Gateway or ListenerSet: by hostname ([Intersect]), by parentRef, and by what the listener
// allows. [Choose] takes from these offers the names of one Certificate, in view of the names that it has:
// within bounds, not too often, and so that nothing is lost by a route that can't be seen just now.
//
// It may import: the standard library, apimachinery, names and source.
package routes
