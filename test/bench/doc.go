// Command bench measures certshim on the real control plane, beside a bare apply loop and
// cert-manager's own shims, and prints a page of Markdown: docs/benchmarks.md.
//
// Machines are noisy, so everything that is compared runs in turns within one run, and
// what is compared are ratios within a turn. cold.go makes thousands of Certificates,
// restart.go starts over up-to-date ones; load.go makes the objects, usage.go reads what a
// process used. `make bench` runs it.
package main
