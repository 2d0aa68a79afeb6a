// Package problem holds the value that says what is wrong with an object: where,
// with which value, what would be right, and in which words.
//
// Every room returns problems and none sends them. The controller turns them into
// Events and counters, the command line into rows, a report into JSON. The package
// is also the one place that knows go-multierror, by which a run collects all
// problems of an object ([List]) and all errors of a file or a command ([Join]), never only
// the first.
//
// Start reading at [Problem]; [Reasons] lists every reason with its sentence.
//
// It may import: the standard library and go-multierror. It imports no other room.
package problem
