package certificate

import "k8s.io/apimachinery/pkg/runtime/schema"

// Resource is the API resource of Certificates.
func Resource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "certificates"}
}

// Reads lists the paths of a Certificate that [Observe] reads.
func Reads() []string {
	return []string{"metadata", "spec", "status.renewalTime", "status.failedIssuanceAttempts"}
}
