// Package controller keeps the Certificates of a cluster in step with their sources.
//
// The feeds of the resources that desired.go lists put objects into the inventory, which says
// which sources must look again. queue.go and lanes.go hold these; work.go runs the workers.
// For each source reconcile.go opens a Look, asks certshim.Decide, and hands the decisions to
// execute.go, the only file that sends writes and judges the answers. breaker.go, putback.go and
// fights.go hold writes back. watch.go keeps the feeds in step with what is served and with the
// policy; lead.go and tenure.go let one replica write at a time. reporter.go and memory.go find out
// which problems are new; line.go, events.go and metrics.go tell of them, and of writes.
//
// Start reading at [Controller.Run].
//
// It may import every room but plugins and cmd, client-go, and prometheus. It holds no rule
// about what a Certificate should be.
package controller
