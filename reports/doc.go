// Package reports keeps, in each namespace, one report of the fields of its Certificates that
// aren't as they are asked for, as an object that viewers of policy reports read: a Report of
// openreports.io or a PolicyReport of wgpolicyk8s.io.
//
// build.go says what a report holds, and is pure. choose.go says which kind it is of, and which
// Certificates it lists. keeper.go finds out what changed from counts in the inventory, has
// Certificates read that it lacks, and writes.
//
// It may import every room above controller but plugins and issuance, and golang.org/x/time/rate.
package reports
