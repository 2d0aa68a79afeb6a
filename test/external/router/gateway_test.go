package router

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
)

func gatewayOf(name, class string, port gateway.PortNumber) gateway.Gateway {
	return gateway.Gateway{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop"},
		Spec: gateway.GatewaySpec{
			GatewayClassName: gateway.ObjectName(class),
			Listeners:        []gateway.Listener{{Name: "one", Port: port, Protocol: gateway.HTTPProtocolType}},
		},
	}
}

func routeTo(parent, service string, matchType gateway.PathMatchType) gateway.HTTPRoute {
	path, port := challenges+"abc", gateway.PortNumber(8089)
	return gateway.HTTPRoute{
		ObjectMeta: metav1.ObjectMeta{Name: service, Namespace: "shop"},
		Spec: gateway.HTTPRouteSpec{
			CommonRouteSpec: gateway.CommonRouteSpec{ParentRefs: []gateway.ParentReference{{Name: gateway.ObjectName(parent)}}},
			Hostnames:       []gateway.Hostname{"web.example.com"},
			Rules: []gateway.HTTPRouteRule{{
				Matches:     []gateway.HTTPRouteMatch{{Path: &gateway.HTTPPathMatch{Type: &matchType, Value: &path}}},
				BackendRefs: []gateway.HTTPBackendRef{{BackendRef: gateway.BackendRef{BackendObjectReference: gateway.BackendObjectReference{Name: gateway.ObjectName(service), Port: &port}}}},
			}},
		},
	}
}

func TestAttached(t *testing.T) {
	gateways := []gateway.Gateway{gatewayOf("edge", class, 80), gatewayOf("secure", class, 443), gatewayOf("other", "other", 80)}
	elsewhere := routeTo("edge", "elsewhere", gateway.PathMatchExact)
	elsewhere.Namespace = "shop2"
	for name, c := range map[string]struct {
		route      gateway.HTTPRoute
		host, path string
		want       bool
	}{
		"a challenge":            {routeTo("edge", "solver", gateway.PathMatchExact), "web.example.com", challenges + "abc", true},
		"another path":           {routeTo("edge", "solver", gateway.PathMatchExact), "web.example.com", challenges + "abcd", false},
		"another host":           {routeTo("edge", "solver", gateway.PathMatchExact), "a.example.com", challenges + "abc", false},
		"a prefix":               {routeTo("edge", "solver", gateway.PathMatchPathPrefix), "web.example.com", challenges + "abc", false},
		"a Gateway without HTTP": {routeTo("secure", "solver", gateway.PathMatchExact), "web.example.com", challenges + "abc", false},
		"another class":          {routeTo("other", "solver", gateway.PathMatchExact), "web.example.com", challenges + "abc", false},
		"no Gateway":             {routeTo("missing", "solver", gateway.PathMatchExact), "web.example.com", challenges + "abc", false},
		"another namespace":      {elsewhere, "web.example.com", challenges + "abc", false},
	} {
		to, got := attached([]gateway.HTTPRoute{c.route}, gateways, class, c.host, c.path)
		if got != c.want || got && (to.namespace != "shop" || to.Service.Name != "solver" || to.Service.Port.Number != 8089) {
			t.Errorf("%s: %v, %+v", name, got, to)
		}
	}
}
