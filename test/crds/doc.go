// Package crds installs and removes the CustomResourceDefinitions that the tests need: cert-manager's and those of the
// Gateway API's standard channel, ListenerSet included, both as the modules in test/go.mod ship them.
//
// Start reading at crds.go. It needs the go command to find the modules, and it imports client-go alone.
package crds
