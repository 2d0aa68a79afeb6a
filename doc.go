// Package certshim decides what is to be done about the Certificates of one source. This
// comment is also the map of the module.
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
// [Decide] is that line. The controller, `certshim plan`, the fuzzers and the differential
// test all call it, so that none can disagree.
//
// The files of this package, in reading order. A file calls only functions of its own or of
// files before it:
//
//	observed.go  what a decision may read, and the three values of an answer
//	outcome.go   what the operator decides, and what follows for one source
//	share.go     the namespaces that an instance serves
//	rule.go      the operator's rules for some of the sources
//	limit.go     which issuers and names those rules allow
//	input.go     the input of a decision, and whether a step lets the next one go on
//	admit.go     whether the object's parent admits it, and what it inherits
//	contest.go   which of its listeners another object of the same Gateway has
//	section.go   which annotations count for which Secret
//	ask.go       what the object asks for: annotations and TLS entries
//	issuer.go    an issuer as lines of YAML, ready to be pasted
//	present.go   the Certificate that a Secret has, and its issuer
//	name.go      who names the issuer, and which one is meant
//	match.go     which rule matches the object
//	consult.go   what is known of the issuer, and whether the object may use it
//	across.go    whether the object may have a Certificate in another namespace
//	routed.go    which names of routes a Certificate gets
//	challenges.go  which names the issuer can't prove over HTTP, as no listener takes the routes
//	values.go    where each value of a Certificate came from
//	secret.go    what is to be done about the Certificate of one Secret
//	tell.go      problems with the issuers
//	steps.go     the steps, one after the other, for one source
//	claim.go     whether a source would get a Secret if it were alone
//	decide.go    Decide
//
// The rooms, which are the top-level packages. Each imports only those above it:
//
//	names          when two names in a certificate are the same
//	problem        what is wrong, as a value
//	declaration    how files are read in which people declare something
//	annotations    the annotation language: one table of keys
//	admission      an admission policy made of that table
//	source         what an object asks for: Ingress, Gateway, ListenerSet
//	routes         which names routes bring to the listeners that they attach to
//	resolver       which issuer is meant: the registry and its catalogue
//	certificate    the Certificate that is wanted, and who owns which field
//	ownership      whose each field of a Certificate is, and what the next apply makes of it
//	certshim       (here) Decide
//	configuration  the operator's file and flags, as a Policy and settings
//	inventory      what is known of a cluster or of documents, and who depends on it
//	issuance       cert-manager's side: how far a Certificate has come, and where it hangs
//	cluster        the API server: connection, discovery, feeds, writes
//	reports        reports of fields in the cluster, for viewers of policy reports
//	access         who may read what certshim serves of itself: TLS, the cluster's word about a token, profiles
//	clientmetrics  client-go's own metrics, by their usual names
//	doctor         what is wrong with a cluster, by what was read of it
//	controller     queue, workers, execution, leader election, Events, metrics
//	plugins        resolvers that need code; imported by cmd alone
//	cmd/certshim   the program; cmd/certshim/app has its commands, importable
//
// docs/architecture.md follows one Ingress through them and has a glossary.
// boundaries_test.go checks the imports between the rooms, order_test.go the calls between
// the files.
//
// This package may import the standard library, apimachinery, and the eight rooms above it. It
// has no client, clock or logger.
package certshim
