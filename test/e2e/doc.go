// Package e2e tests certshim as it is deployed: the program, under the ServiceAccount
// and exactly the permissions of deploy/, on a real control plane whose Certificates
// are judged by cert-manager's own webhook and signed by its own controllers.
//
// One cluster serves most tests, each in a namespace of its own. Tests that disturb the
// cluster (a CRD that comes later, an API server that restarts, a shim that writes at
// the same time) start one for themselves. Nothing sleeps: watches are opened before
// the action, and waited on.
package e2e
