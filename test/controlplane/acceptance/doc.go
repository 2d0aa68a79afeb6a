// Package acceptance tests the built control plane from outside, as a process: what it serves, and how it ends.
//
// Start reading at run_test.go. It imports client-go, and nothing of the control plane itself.
package acceptance
