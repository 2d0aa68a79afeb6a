// Package cluster talks to the API server. It has the connection and its limits ([Connection]),
// what the server serves ([Discovery]), the informers that keep the objects of a resource known
// ([Feeds]), a list for callers that read once ([List]), the requests that write Certificates
// ([Writer]), and what the server's answer to a write means ([AnswerOf]).
//
// Objects are decoded by cluster/codec, which skips every field that nobody reads. Writes pass
// a gate that closes when the Lease may be another replica's ([Connection.Gate]).
//
// It decides nothing. It may import the rooms that do no I/O, and client-go. It must not import
// controller, plugins, cmd or prometheus.
package cluster
