// Package crds installs and removes the CustomResourceDefinitions that the tests need: cert-manager's, those of the
// Gateway API's standard channel, ListenerSet included, and aws-privateca-issuer's, each as the module ships them whose
// version test/go.mod, or test/awspca/go.mod, names.
//
// Start reading at crds.go. It needs the go command to find the modules, and it imports client-go alone.
package crds
