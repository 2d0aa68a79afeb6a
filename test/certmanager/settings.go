//go:build !before121

package main

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/cert-manager/cert-manager/pkg/controller"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/listenerset"
)

// Settings that older versions don't have, or have otherwise.

// gates are cert-manager's feature gates.
func (o options) gates() map[string]bool {
	return map[string]bool{"ServerSideApply": o.serverSideApply, "ListenerSets": true}
}

func (o options) shimOptions() controller.IngressShimOptions {
	o.shim.GatewayAPIExtraProtocols = sets.New(o.extraProtocols...)
	return o.shim
}

func (o options) configOptions() controller.ConfigOptions {
	listenerSets := slices.Contains(o.controllers, listenerSetShim)
	return controller.ConfigOptions{
		EnableGatewayAPI:            o.gatewayAPI || listenerSets || slices.Contains(o.controllers, gatewayShim),
		EnableGatewayAPIListenerSet: listenerSets,
	}
}

func (o options) certificateOptions() controller.CertificateOptions {
	return controller.CertificateOptions{
		EnableOwnerRef: o.certificateOwners, CopiedAnnotationPrefixes: copiedAnnotations(),
		CertificateRequestMinimumBackoffDuration: time.Hour, CertificateRequestMaximumBackoffDuration: 32 * time.Hour,
	}
}
