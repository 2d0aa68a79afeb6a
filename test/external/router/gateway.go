package router

import (
	networkingv1 "k8s.io/api/networking/v1"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
)

// attached finds the backend for a host and an exact path among the HTTPRoutes that attach to a listener of port 80 of a
// Gateway of that class, in the Gateway's own namespace. That is all that a challenge needs.
func attached(routes []gateway.HTTPRoute, gateways []gateway.Gateway, class, host, path string) (backend, bool) {
	for _, route := range routes {
		if !admits(gateways, class, route) || !names(route, host) {
			continue
		}
		for _, rule := range route.Spec.Rules {
			if len(rule.BackendRefs) == 0 || !matches(rule, path) {
				continue
			}
			to := rule.BackendRefs[0]
			service := &networkingv1.IngressServiceBackend{Name: string(to.Name)}
			if to.Port != nil {
				service.Port.Number = *to.Port
			}
			return backend{route.Namespace, networkingv1.IngressBackend{Service: service}}, true
		}
	}
	return backend{}, false
}

func admits(gateways []gateway.Gateway, class string, route gateway.HTTPRoute) bool {
	for _, parent := range route.Spec.ParentRefs {
		for _, g := range gateways {
			named := string(parent.Name) == g.Name && (parent.Kind == nil || *parent.Kind == "Gateway") &&
				(parent.Namespace == nil || string(*parent.Namespace) == g.Namespace)
			if named && g.Namespace == route.Namespace && string(g.Spec.GatewayClassName) == class && listensForHTTP(g) {
				return true
			}
		}
	}
	return false
}

func listensForHTTP(g gateway.Gateway) bool {
	for _, listener := range g.Spec.Listeners {
		if listener.Port == 80 && listener.Protocol == gateway.HTTPProtocolType {
			return true
		}
	}
	return false
}

func names(route gateway.HTTPRoute, host string) bool {
	for _, hostname := range route.Spec.Hostnames {
		if string(hostname) == host {
			return true
		}
	}
	return false
}

func matches(rule gateway.HTTPRouteRule, path string) bool {
	for _, match := range rule.Matches {
		exact := match.Path != nil && match.Path.Type != nil && *match.Path.Type == gateway.PathMatchExact
		if exact && match.Path.Value != nil && *match.Path.Value == path {
			return true
		}
	}
	return false
}
