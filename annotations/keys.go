package annotations

import (
	acme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cm "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
)

// The prefixes of the keys that certshim reads.
const (
	Prefix     = "cert-manager.io/"
	ACMEPrefix = "acme.cert-manager.io/"
	OwnPrefix  = "certshim.io/"
)

// The keys that have no constant in cert-manager's API, and the names that other rooms use for
// keys.
const (
	IgnoreKey       = OwnPrefix + "ignore"
	SectionsKey     = OwnPrefix + "sections"
	DeletionKey     = OwnPrefix + "deletion-policy"
	ConflictsKey    = OwnPrefix + "conflicts"
	RouteNamesKey   = OwnPrefix + "route-names"
	DefaultAutoKey  = "kubernetes.io/tls-acme"
	IssuerKey       = cm.IngressIssuerNameAnnotationKey
	ClusterKey      = cm.IngressClusterIssuerNameAnnotationKey
	IssuerKindKey   = cm.IssuerKindAnnotationKey
	IssuerGroupKey  = cm.IssuerGroupAnnotationKey
	ignoreListeners = cm.CertificateIgnoreTLSListeners
	editInPlaceKey  = acme.IngressEditInPlaceAnnotationKey
	classKey        = cm.IngressACMEIssuerHTTP01IngressClassAnnotationKey
	classNameKey    = cm.IngressACMEIssuerHTTP01IngressClassNameAnnotationKey
)

// wrongPrefixes are the prefixes of old cert-manager releases, and common mistakes. A known name
// behind one of them has no effect.
func wrongPrefixes() []string {
	return []string{
		"certmanager.k8s.io/", "acme.certmanager.k8s.io/", "certmanager.io/", "acme.certmanager.io/",
		"cert-manager.k8s.io/", "cert-manger.io/", "acme.cert-manger.io/",
	}
}
