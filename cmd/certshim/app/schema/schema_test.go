package schema_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/cmd/certshim/app/schema"
)

func TestServed(t *testing.T) {
	tests := map[string]struct {
		apiVersion, kind string
		// want is the field and what is to be written; empty if nothing is wrong.
		want string
	}{
		"Ingress":                      {"networking.k8s.io/v1", "Ingress", ""},
		"Gateway":                      {"gateway.networking.k8s.io/v1", "Gateway", ""},
		"Gateway of v1beta1":           {"gateway.networking.k8s.io/v1beta1", "Gateway", ""},
		"Gateway of v1alpha2":          {"gateway.networking.k8s.io/v1alpha2", "Gateway", "apiVersion gateway.networking.k8s.io/v1"},
		"ListenerSet of v1beta1":       {"gateway.networking.k8s.io/v1beta1", "ListenerSet", "apiVersion gateway.networking.k8s.io/v1"},
		"a version that was":           {"networking.k8s.io/v1beta1", "Ingress", "apiVersion networking.k8s.io/v1"},
		"a version that never was":     {"networking.k8s.io/v7", "Ingress", "apiVersion networking.k8s.io/v1"},
		"a group that was":             {"extensions/v1beta1", "Ingress", "apiVersion networking.k8s.io/v1"},
		"a group cut short":            {"networking/v1", "Ingress", "apiVersion networking.k8s.io/v1"},
		"a group without a version":    {"networking.k8s.io", "Ingress", "apiVersion networking.k8s.io/v1"},
		"a version without a group":    {"v1", "Ingress", "apiVersion networking.k8s.io/v1"},
		"a misspelt group":             {"network.k8s.io/v1", "Ingress", "apiVersion networking.k8s.io/v1"},
		"a nearly right group":         {"networking.k8.io/v1", "Ingress", "apiVersion networking.k8s.io/v1"},
		"a misspelt kind":              {"networking.k8s.io/v1", "Ingres", "kind Ingress"},
		"a kind in lower case":         {"networking.k8s.io/v1", "ingress", "kind Ingress"},
		"a kind in another's, lower":   {"networking.k8s.io/v1", "gateway", "apiVersion gateway.networking.k8s.io/v1"},
		"the other way round":          {"gateway.networking.k8s.io/v1", "ingress", "apiVersion networking.k8s.io/v1"},
		"group and kind":               {"networking/v1", "ingress", "apiVersion networking.k8s.io/v1"},
		"another kind of the group":    {"networking.k8s.io/v1", "NetworkPolicy", ""},
		"another kind, another word":   {"networking.k8s.io/v1", "IngressClass", ""},
		"another kind, misspelt":       {"networking.k8s.io/v1", "IngressClas", ""},
		"another kind's version":       {"gateway.networking.k8s.io/v1alpha2", "TLSRoute", ""},
		"an X kind of its own group":   {"gateway.networking.x-k8s.io/v1alpha1", "XListenerSet", "kind ListenerSet"},
		"another X kind":               {"gateway.networking.x-k8s.io/v1alpha1", "XBackendTrafficPolicy", ""},
		"a group that never was":       {"extensions/v1", "Ingress", "apiVersion networking.k8s.io/v1"},
		"another kind of that group":   {"extensions/v1beta1", "Deployment", ""},
		"cert-manager's former group":  {"certmanager.k8s.io/v1alpha1", "Issuer", "apiVersion cert-manager.io/v1"},
		"a kind in another's group":    {"networking.k8s.io/v1", "Gateway", "apiVersion gateway.networking.k8s.io/v1"},
		"a plural":                     {"networking.k8s.io/v1", "Ingresses", "kind Ingress"},
		"an X kind of the wrong group": {"gateway.networking.k8s.io/v1", "XListenerSet", "kind ListenerSet"},
		"Istio's Gateway":              {"networking.istio.io/v1", "Gateway", ""},
		"Knative's Ingress":            {"networking.internal.knative.dev/v1alpha1", "Ingress", ""},
		"OpenShift's Ingress":          {"config.openshift.io/v1", "Ingress", ""},
		"a Deployment":                 {"apps/v1", "Deployment", ""},
		"a Service":                    {"v1", "Service", ""},
		"an old Certificate":           {"cert-manager.io/v1alpha2", "Certificate", "apiVersion cert-manager.io/v1"},
		"a misspelt issuer":            {"cert-manager.io/v1", "ClusterIssuers", "kind ClusterIssuer"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			if fault := schema.Served(tt.apiVersion, tt.kind); fault != nil {
				got = fault.Field + " " + fault.Right
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestUnknown(t *testing.T) {
	const ingress, gateway, listenerSet = "networking.k8s.io/v1 Ingress", "gateway.networking.k8s.io/v1 Gateway", "gateway.networking.k8s.io/v1 ListenerSet"
	tests := map[string]struct {
		kind, text string
		// want has the path of each, and the right one.
		want []string
	}{
		"nothing": {ingress, `{metadata: {name: a, labels: {x/y: z}, managedFields: [{fieldsV1: {"f:x": {}}}]}, spec: {tls: [{hosts: [a], secretName: b}], ingressClassName: x,
			rules: [{host: a, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: a, port: {number: 80}}}}]}}]}, status: {loadBalancer: {}}}`, nil},
		"misspelt":               {ingress, `{metadata: {annotation: {a: b}}}`, []string{"metadata.annotation → metadata.annotations"}},
		"no blank":               {ingress, `{metadata: {"annotations:cert-manager.io/cluster-issuer": le}}`, []string{`metadata["annotations:cert-manager.io/cluster-issuer"] → metadata.annotations["cert-manager.io/cluster-issuer"]`}},
		"annotation outdented":   {ingress, `{metadata: {cert-manager.io/cluster-issuer: le}}`, []string{`metadata["cert-manager.io/cluster-issuer"] → metadata.annotations["cert-manager.io/cluster-issuer"]`}},
		"misplaced":              {ingress, `{spec: {annotations: {a: b}}}`, []string{"spec.annotations → metadata.annotations"}},
		"misplaced in a list":    {ingress, `{spec: {secretName: b}}`, []string{"spec.secretName → spec.tls[].secretName"}},
		"at the top":             {ingress, `{annotations: {a: b}, tls: []}`, []string{"annotations → metadata.annotations", "tls → spec.tls"}},
		"case":                   {ingress, `{spec: {tls: [{}, {secretname: b}], TLS: []}}`, []string{"spec.TLS → spec.tls", "spec.tls[1].secretname → spec.tls[1].secretName"}},
		"what was in v1beta1":    {ingress, `{spec: {rules: [{http: {paths: [{backend: {serviceName: a}}]}}]}}`, []string{"spec.rules[0].http.paths[0].backend.serviceName → "}},
		"a listener":             {gateway, `{spec: {listeners: [{hostName: a, tls: {certificateRef: {name: b}}}]}}`, []string{"spec.listeners[0].hostName → spec.listeners[0].hostname", "spec.listeners[0].tls.certificateRef → spec.listeners[0].tls.certificateRefs"}},
		"the beginning of one":   {gateway, `{spec: {listeners: [{host: a}]}}`, []string{"spec.listeners[0].host → spec.listeners[0].hostname"}},
		"of several":             {ingress, `{spec: {tl: 1, rules: [{h: a}]}}`, []string{"spec.rules[0].h → ", "spec.tl → spec.tls"}},
		"a set's parents":        {listenerSet, `{spec: {parentRefs: [{name: a}]}}`, []string{"spec.parentRefs → spec.parentRef"}},
		"the older Gateway":      {"gateway.networking.k8s.io/v1beta1 Gateway", `{spec: {Listeners: []}}`, []string{"spec.Listeners → spec.listeners"}},
		"a Certificate":          {"cert-manager.io/v1 Certificate", `{spec: {secretname: a, dnsName: [b], privateKey: {algorythm: RSA}}}`, []string{"spec.dnsName → spec.dnsNames", "spec.privateKey.algorythm → spec.privateKey.algorithm", "spec.secretname → spec.secretName"}},
		"an issuer":              {"cert-manager.io/v1 ClusterIssuer", `{spec: {acme: {solvers: [{http01: {ingress: {ingressclassname: a}}}]}, vault: {auth: {}}}}`, []string{"spec.acme.solvers[0].http01.ingress.ingressclassname → spec.acme.solvers[0].http01.ingress.ingressClassName"}},
		"another kind":           {"v1 Service", `{spec: {what: ever}}`, nil},
		"what has another type":  {ingress, `{metadata: [a], spec: {tls: {a: b}, rules: [1, [x]]}}`, nil},
		"nothing that is nearly": {ingress, `{spec: {zebra: 1}}`, []string{"spec.zebra → "}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var object map[string]any
			if err := yaml.Unmarshal([]byte(tt.text), &object); err != nil {
				t.Fatal(err)
			}
			apiVersion, kind, _ := strings.Cut(tt.kind, " ")
			var got []string
			for _, field := range unknown(object, apiVersion, kind) {
				got = append(got, field.Path+" → "+field.Right)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnknownFieldsAreBounded(t *testing.T) {
	object := map[string]any{}
	for i := range 1000 {
		object[string(rune('α'+i))] = nil
	}
	if n := len(schema.Faults(object, "networking.k8s.io/v1", "Ingress")); n != 20 {
		t.Errorf("%d are told", n)
	}
}

// unknown are the faults that are unknown fields.
func unknown(object map[string]any, apiVersion, kind string) []schema.Field {
	return slices.DeleteFunc(schema.Faults(object, apiVersion, kind), func(f schema.Field) bool { return f.Fault != schema.Unknown })
}

func TestMissingAndMistyped(t *testing.T) {
	const ingress, gateway, listenerSet, certificate = "networking.k8s.io/v1 Ingress", "gateway.networking.k8s.io/v1 Gateway", "gateway.networking.k8s.io/v1 ListenerSet", "cert-manager.io/v1 Certificate"
	tests := map[string]struct {
		kind, text string
		want       []string
	}{
		"no spec":                {ingress, `{metadata: {name: a}}`, []string{"spec missing"}},
		"neither rule nor other": {ingress, `{spec: {tls: [], rules: []}}`, []string{"spec.rules missing of rules, defaultBackend"}},
		"a rule alone":           {ingress, `{spec: {rules: [{host: a}]}}`, nil},
		"a backend alone":        {ingress, `{spec: {defaultBackend: {resource: {apiGroup: a, kind: b, name: c}}}}`, nil},
		"a resource of the core": {ingress, `{spec: {defaultBackend: {resource: {kind: b, name: c}}}}`, nil},
		"of paths": {ingress, `{spec: {rules: [{http: {}}, {http: {paths: [{path: /, backend: {service: {}}}, {pathType: Prefix, backend: {service: {name: a, port: {}}}}]}}]}}`, []string{
			"spec.rules[0].http.paths missing", "spec.rules[1].http.paths[0].backend.service.name missing",
			"spec.rules[1].http.paths[0].backend.service.port missing", "spec.rules[1].http.paths[0].pathType missing",
			"spec.rules[1].http.paths[1].backend.service.port.number missing of number, name",
		}},
		"a port in quotes": {ingress, `{spec: {defaultBackend: {service: {name: a, port: {number: "80"}}}}}`, []string{"spec.defaultBackend.service.port.number integer, not string"}},
		"a Gateway": {gateway, `{spec: {listeners: [{hostname: a, port: "443", tls: {options: [a]}}, {name: 1, port: 4.5, protocol: HTTPS}]}}`, []string{
			"spec.gatewayClassName missing", "spec.listeners[0].name missing", "spec.listeners[0].port integer, not string", "spec.listeners[0].protocol missing",
			"spec.listeners[0].tls.options object, not list", "spec.listeners[1].name string, not integer", "spec.listeners[1].port integer, not number",
		}},
		"a set":                 {listenerSet, `{spec: {parentRef: {}, listeners: []}}`, []string{"spec.parentRef.name missing"}},
		"misspelt":              {certificate, `{spec: {secretname: a, issuerref: {name: b}}}`, nil},
		"null is nothing":       {gateway, `{spec: {gatewayClassName: null, listeners: []}}`, []string{"spec.gatewayClassName missing"}},
		"a Certificate":         {certificate, `{spec: {dnsNames: a, isCA: "true", duration: 5}}`, []string{"spec.dnsNames list, not string", "spec.isCA boolean, not string", "spec.issuerRef missing", "spec.secretName missing"}},
		"ten are after nine":    {gateway, `{spec: {gatewayClassName: a, listeners: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]}}`, []string{"spec.listeners[0] object, not integer", "spec.listeners[1] object, not integer", "spec.listeners[2] object, not integer", "spec.listeners[3] object, not integer", "spec.listeners[4] object, not integer", "spec.listeners[5] object, not integer", "spec.listeners[6] object, not integer", "spec.listeners[7] object, not integer", "spec.listeners[8] object, not integer", "spec.listeners[9] object, not integer", "spec.listeners[10] object, not integer"}},
		"an empty key is a key": {ingress, `{metadata: {labels: {"": 1}}, spec: {rules: [{}]}}`, []string{`metadata.labels[""] string, not integer`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var object map[string]any
			if err := yaml.Unmarshal([]byte(tt.text), &object); err != nil {
				t.Fatal(err)
			}
			apiVersion, kind, _ := strings.Cut(tt.kind, " ")
			var got []string
			for _, field := range schema.Faults(object, apiVersion, kind) {
				switch {
				case field.Fault == schema.Unknown:
				case field.Fault == schema.Mistyped:
					got = append(got, field.Path+" "+field.Want+", not "+field.Got)
				case len(field.Here) > 0:
					got = append(got, field.Path+" missing of "+strings.Join(field.Here, ", "))
				default:
					got = append(got, field.Path+" missing")
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
