package source

import "k8s.io/apimachinery/pkg/runtime/schema"

// The groups and kinds that are written in Go.
const (
	IngressGroup    = "networking.k8s.io"
	IngressKind     = "Ingress"
	GatewayGroup    = "gateway.networking.k8s.io"
	GatewayKind     = "Gateway"
	ListenerSetKind = "ListenerSet"
)

// Kinds lists every kind of source, in the order in which people read of them.
func Kinds() []Kind {
	return []Kind{ingress{}, gateway{}, listenerSet{}}
}

// Lookup finds a kind by what an object says of itself, whatever its version. It is the
// one switch on an object's kind.
func Lookup(group, kind string) (Kind, bool) {
	switch (schema.GroupKind{Group: group, Kind: kind}) {
	case schema.GroupKind{Group: IngressGroup, Kind: IngressKind}:
		return ingress{}, true
	case schema.GroupKind{Group: GatewayGroup, Kind: GatewayKind}:
		return gateway{}, true
	case schema.GroupKind{Group: GatewayGroup, Kind: ListenerSetKind}:
		return listenerSet{}, true
	}
	return nil, false
}

// IsGateway says whether a group and kind are those of a Gateway.
func IsGateway(group, kind string) bool {
	return group == GatewayGroup && kind == GatewayKind
}
