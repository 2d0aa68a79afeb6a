//go:build before121

package main

import (
	"slices"

	"github.com/cert-manager/cert-manager/pkg/controller"
)

// Settings of cert-manager before 1.21: no shim for ListenerSets that is on by default, nor what goes with it. test/compat
// builds this.

func (o options) gates() map[string]bool {
	return map[string]bool{"ServerSideApply": o.serverSideApply}
}

func (o options) shimOptions() controller.IngressShimOptions { return o.shim }

func (o options) configOptions() controller.ConfigOptions {
	return controller.ConfigOptions{EnableGatewayAPI: o.gatewayAPI || slices.Contains(o.controllers, gatewayShim)}
}

func (o options) certificateOptions() controller.CertificateOptions {
	return controller.CertificateOptions{EnableOwnerRef: o.certificateOwners, CopiedAnnotationPrefixes: copiedAnnotations()}
}
