// Package source knows what an object that terminates TLS asks for: which of its TLS
// entries or listeners count, for which Secret and with which hosts, and why the
// others don't.
//
// A [Kind] reduces an unstructured object to an [Object], the hundred bytes of it that
// decisions read, and turns that into one [Ask] for each Secret. Ingress, Gateway and
// ListenerSet are written in Go behind that interface ([Builtin]); other kinds are declared by a
// [Type], in the catalogue of this build or in a file of the operator's ([Declared]). What is
// special about a kind, its parents or its ACME solvers, is asked of it: nobody switches on a
// kind's name.
//
// It may import: the standard library, apimachinery, YAML, declaration, names and problem. It knows neither
// annotation keys nor issuers nor Certificates, and never sees a client.
package source
