// Package source knows what an object that terminates TLS asks for: which of its TLS
// entries or listeners count, for which Secret and with which hosts, and why the
// others don't.
//
// [Reduce] turns an unstructured object into an [Object], the hundred bytes of it that
// decisions read. [Kind.Asks] turns an Object into one [Ask] for each Secret. Ingress,
// Gateway and ListenerSet are written in Go behind that interface; [Lookup] is the one
// switch on an object's kind.
//
// It may import: the standard library, apimachinery, and problem. It knows neither
// annotation keys nor issuers nor Certificates, and never sees a client.
package source
