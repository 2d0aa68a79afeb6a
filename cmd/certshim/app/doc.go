// Package app is the commands of certshim, importable, so that a test runs them without a
// process and a build with one's own plugins is ten lines too.
//
// Start reading at [Run]. One command's way, plan's: plan.go (flags, then the steps);
// input.go (files, folders, standard input) or cluster.go fill an inventory
// (inventory.go), which is what certshim.Decide observes; output.go and one output_*.go a
// format write the outcomes. settings.go has the flags that plan and controller share, and
// policy.go the one function that makes a policy of them.
//
// It may import every other room. It holds no rule about what a Certificate should be.
package app
