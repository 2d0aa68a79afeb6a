// Package controller keeps Certificates in step with their sources in a cluster.
//
// One object's way: an informer delivers it (watch.go), reduced to what decisions read
// (compact.go); enqueue.go says which sources a change concerns; reconcile.go reads the
// source and what is observed (view.go), asks certshim.Decide, and hands its decisions to
// execute.go, the only place that writes. events.go and metrics.go say what happened.
//
// Start reading at [Controller.Run].
//
// It may import every other room but plugins and cmd, client-go, and prometheus. It holds
// no rule about what a Certificate should be.
package controller
