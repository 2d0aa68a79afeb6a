// Package issuance explains what cert-manager has made of a Certificate so far: the steps from
// the Certificate over its CertificateRequest, Order and Challenges to a signed certificate, and
// where that hangs now and what helps.
//
// It goes by the objects alone, as they were read from a cluster. What cert-manager doesn't say in
// a field, such as the time of its next try, is computed; where a reason is generic, the message
// decides. Objects that are missing and objects that can't be read are told apart.
//
// The files, in reading order:
//
//	objects.go      what is read of each object
//	read.go         reading it, from untrusted content
//	clean.go        messages without the secrets of challenges
//	code.go         the places where an issuance can hang
//	chain.go        what an explanation consists of
//	explain.go      Explain, and how its steps are noted
//	certificate.go  the Certificate, and who comes first for its Secret
//	retry.go        when cert-manager tries again
//	request.go      the CertificateRequest: made, approved, signed
//	issuer.go       the issuer that is asked
//	order.go        the Order of an ACME issuer
//	solver.go       which solver of an issuer is for which name
//	challenge.go    the Challenges of an Order
//
// It may import problem, resolver and apimachinery. It has no client, clock or logger.
package issuance
