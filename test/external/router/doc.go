// Package router stands in for an ingress controller, and for the kubelet that would run the Pods behind it: an HTTP
// server on loopback that answers just what the Ingress rules and HTTPRoutes in the cluster route, asked directly or as a
// proxy.
//
// A request is matched against the rules of the Ingresses of one class, by host and path as the Ingress API defines it
// (match.go), then against the HTTPRoutes at Gateways of that class, as far as challenges need it (gateway.go). The backend's Service must have the port, and its selector must find a Pod. As nothing runs in that Pod, the
// answer is worked out from its arguments: the one program known is cert-manager's acmesolver, which gives the key of a
// challenge for its domain and token (solver.go). Everything else is 404 without a rule and 503 without an answer.
//
// It reads the cluster for each request, so that its answer is never outdated. It imports client-go
// and the API types.
package router
