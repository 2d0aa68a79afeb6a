// Package app has the commands of certshim. It can be imported, so that a test runs a command
// without a process, and a build with resolvers of one's own ([WithResolver]) is ten lines.
//
// Start reading at [Run]. The command plan, for example, begins in plan.go with its flags and
// steps. documents.go, from input.go (files, folders, standard input), or cluster.go (lists) fill
// an inventory (plan_inventory.go), which certshim.Decide reads; output.go, and one output_*.go for
// each format, write the outcomes one after another. strict.go says what an API server would refuse,
// by the facts of the package schema. settings.go has the flags that plan and controller share, and
// policy.go makes a policy of them.
//
// It may import every other room. It holds no rule about what a Certificate should be.
package app
