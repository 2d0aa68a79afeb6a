// Command bench measures certshim on the real control plane, beside a bare apply loop, bare
// readers and cert-manager's own shims, and prints a page of Markdown: docs/benchmarks.md.
//
// Machines are noisy, so everything that is compared runs in turns within one run, and
// what is compared are ratios within a turn, or of medians. Each scene has a control plane of
// its own, if it needs one; -only chooses among them. cold.go makes thousands of Certificates, namespaces.go
// fills a large namespace, restart.go starts over what is up to date, shared.go and flood.go have
// many Ingresses name one Secret, plan.go plans a long stream, scale.go starts over more objects than the control plane
// holds, which streams.go sends and recorded.go makes; dashboard.go records certshim's metrics for a test of the dashboard, with a plugin by plugged.go; load.go makes the objects, reader.go is the bare readers,
// usage.go reads what a process used. `make bench` runs it.
package main
