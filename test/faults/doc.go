// Package faults breaks what certshim stands on while sources are edited, and looks at what came of it: answers of the API
// server that are wrong, late, cut off or missing; watches that end, hang or have expired; a crash at each write; a leader
// that has seen nothing for a while; an API server and an etcd that are killed; a cluster that goes back in time; permissions, webhooks, kinds and namespaces
// that go away; a plugin that fails.
//
// A [history] of random edits knows what must come of it, whatever certshim saw of it: [judge] holds the Certificates to that. A fault that never happened fails its test too. The seed is printed; -seed plays another
// history, and -full plays each of them longer and each crash in each way.
//
// It imports the other packages of the test module, and of certshim only the plugins with faults that its conformance kit is tested with.
package faults
