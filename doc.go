// Package certshim is the one function that decides, and the map of the house.
//
// certshim watches the objects that terminate TLS in a Kubernetes cluster, reads the
// annotations people put on them, finds out which issuer they mean, and keeps one
// cert-manager Certificate per TLS Secret, written by server-side apply. Data goes one
// way, and everything before the last step is pure:
//
//	object ──source──▶ Ask ──annotations──▶ Request ──resolver──▶ Issuer ──certificate──▶ Decision
//	                                                                                        │
//	                                                       controller executes it, and says so
//
// [Decide] is that line, and its steps read like a table of contents. The controller,
// `certshim plan`, the fuzzers and the differential test all call it, so that none can
// disagree.
//
// The rooms, each of which imports only those above it:
//
//	problem      what is wrong, as a value
//	annotations  the annotation language: one table of keys
//	source       what an object asks for: Ingress, Gateway, ListenerSet
//	resolver     which issuer is meant: the registry and its catalogue
//	certificate  the Certificate that is wanted, and who owns which field
//	certshim     (here) Decide
//	plugins      resolvers that need code, asked beside the decisions
//	controller   informers, queue, the only writes
//	cmd/certshim the program; cmd/certshim/app its commands, importable
//
// boundaries_test.go holds these arrows.
package certshim
