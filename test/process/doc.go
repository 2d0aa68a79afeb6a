// Package process keeps the programs of a test or a demonstration tied to whoever started them.
//
// Parent and child agree on three things: the child prints [ReadyLine] when it can be used, it ends on SIGTERM, and it
// ends when its standard input, a pipe that only the parent holds, is closed, so that a killed parent leaves nothing
// behind. [Start] is the parent's side, [Context] and [Ready] are the child's.
//
// It imports the standard library only.
package process
