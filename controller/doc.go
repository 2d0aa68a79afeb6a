// Package controller keeps Certificates in step with their sources in a cluster.
//
// One object's way: an informer that runs while its kind is served and wanted (desired.go,
// watch.go) delivers it, reduced to what decisions read (handlers.go, compact.go), into one
// memory (memory.go); enqueue.go says which sources a change concerns, and lanes.go which
// goes first; reconcile.go reads the source and what is observed (view.go), asks
// certshim.Decide, and hands the decisions to execute.go, the only place that writes
// (writer.go); answer.go says who acts next after an answer of the API server. told.go,
// events.go and metrics.go tell what happened.
//
// Start reading at [Controller.Run].
//
// It may import every other room but plugins and cmd, client-go, and prometheus. It holds
// no rule about what a Certificate should be.
package controller
