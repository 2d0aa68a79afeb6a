// Package problem defines the value that describes what is wrong with an object: where, with
// which value, what would be right, and a message.
//
// Every room returns problems and none sends them. The controller turns them into Events and
// counters, the command line into rows, a report into JSON. A [List] collects all problems of an
// object, not only the first.
//
// Start reading at [Problem]; [Reasons] lists every reason with its sentence.
//
// It may import: the standard library. It imports no other room.
package problem
