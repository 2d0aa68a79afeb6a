package source_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/source"
)

// grantOf reads the spec of a ReferenceGrant.
func grantOf(t *testing.T, spec string) source.Grant {
	t.Helper()
	object := &unstructured.Unstructured{Object: map[string]any{}}
	if err := yaml.Unmarshal([]byte("spec: "+spec), &object.Object); err != nil {
		t.Fatal(err)
	}
	grant, err := source.ReduceGrant(object)
	if err != nil {
		t.Fatal(err)
	}
	return grant
}

// What ReferenceGrants say to Gateways of the namespace infra of the Secret edge-tls.
func TestGrantedTo(t *testing.T) {
	const (
		gateways    = "{group: gateway.networking.k8s.io, kind: Gateway, namespace: infra}"
		anySecret   = "{group: '', kind: Secret}"
		secret      = "{group: '', kind: Secret, name: edge-tls}"
		certificate = "{group: cert-manager.io, kind: Certificate, name: edge-tls}"
	)
	grant := func(from, to string) string { return "{from: [" + from + "], to: [" + to + "]}" }
	both := source.Granted{Secret: true, Certificate: true}
	for name, row := range map[string]struct {
		grants []string
		want   source.Granted
	}{
		"none":                                 {nil, source.Granted{}},
		"all Secrets":                          {[]string{grant(gateways, anySecret)}, source.Granted{Secret: true}},
		"the Secret":                           {[]string{grant(gateways, secret)}, source.Granted{Secret: true, SecretByName: true}},
		"the Certificate alone":                {[]string{grant(gateways, certificate)}, source.Granted{Certificate: true}},
		"all Certificates":                     {[]string{grant(gateways, anySecret+", {group: cert-manager.io, kind: Certificate}")}, source.Granted{Secret: true, AnyCertificate: true}},
		"both in one":                          {[]string{grant(gateways, anySecret+", "+certificate)}, both},
		"both in two":                          {[]string{grant(gateways, anySecret), grant(gateways, certificate)}, both},
		"from and to of two grants":            {[]string{grant("{group: x, kind: Other, namespace: infra}", secret), grant(gateways, "{group: x, kind: Other}")}, source.Granted{}},
		"one of several":                       {[]string{grant("{group: x, kind: Other, namespace: z}, "+gateways, "{group: x, kind: Other}, "+secret)}, source.Granted{Secret: true, SecretByName: true}},
		"another namespace":                    {[]string{grant("{group: gateway.networking.k8s.io, kind: Gateway, namespace: other}", secret)}, source.Granted{}},
		"another group":                        {[]string{grant("{group: networking.istio.io, kind: Gateway, namespace: infra}", secret)}, source.Granted{Near: `a grant is for objects of group "networking.istio.io", not gateway.networking.k8s.io`}},
		"the core group for the Gateway":       {[]string{grant("{group: '', kind: Gateway, namespace: infra}", secret)}, source.Granted{Near: `a grant is for objects of group "", not gateway.networking.k8s.io`}},
		"another kind":                         {[]string{grant("{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: infra}", secret)}, source.Granted{Near: "a grant is for objects of kind HTTPRoute, not Gateway"}},
		"a ListenerSet's grant":                {[]string{grant("{group: gateway.networking.k8s.io, kind: ListenerSet, namespace: infra}", anySecret+","+certificate)}, source.Granted{Near: "a grant is for objects of kind ListenerSet, not Gateway"}},
		"another kind elsewhere":               {[]string{grant("{group: gateway.networking.k8s.io, kind: ListenerSet, namespace: other}", secret)}, source.Granted{}},
		"no wildcards":                         {[]string{grant("{group: gateway.networking.k8s.io, kind: Gateway, namespace: '*'}", secret)}, source.Granted{}},
		"the group core":                       {[]string{grant(gateways, "{group: core, kind: Secret, name: edge-tls}")}, source.Granted{Near: `a grant is for Secrets of the group core, which there isn't: write group: ""`}},
		"another Secret":                       {[]string{grant(gateways, "{group: '', kind: Secret, name: other-tls}")}, source.Granted{Near: "a grant is for Secret other-tls"}},
		"another Certificate":                  {[]string{grant(gateways, anySecret+", {group: cert-manager.io, kind: Certificate, name: other-tls}")}, source.Granted{Secret: true, Near: "a grant is for Certificate other-tls"}},
		"another Certificate beside the right": {[]string{grant(gateways, anySecret+", {group: cert-manager.io, kind: Certificate, name: other-tls}, "+certificate)}, both},
		"a Service":                            {[]string{grant(gateways, "{group: '', kind: Service, name: edge-tls}")}, source.Granted{}},
		"a name that is no name":               {[]string{grant("{group: gateway.networking.k8s.io, kind: \"List\\nener\", namespace: infra}", secret)}, source.Granted{Near: `a grant is for objects of kind "List\nener", not Gateway`}},
	} {
		t.Run(name, func(t *testing.T) {
			var grants, turned []source.Grant
			for _, text := range row.grants {
				g := grantOf(t, text)
				grants, turned = append(grants, g), append([]source.Grant{g}, turned...)
			}
			from := source.GrantFrom{Group: source.GatewayGroup, Kind: source.GatewayKind, Namespace: "infra"}
			for _, all := range [][]source.Grant{grants, turned} {
				if got := source.GrantedTo(from, "edge-tls", all); got != row.want {
					t.Errorf("got %+v, want %+v", got, row.want)
				}
			}
		})
	}
}

func TestAGrantThatCannotBeRead(t *testing.T) {
	object := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"from": "x", "to": []any{map[string]any{"name": int64(1)}}}}}
	grant, err := source.ReduceGrant(object)
	const want = "spec.from: must be a list, not a string\nspec.to[0].name: must be a string, not a number: put it in quotes"
	if err == nil || err.Error() != want || len(grant.To) > 0 {
		t.Errorf("%+v, %v", grant, err)
	}
}

// The lines that are suggested are what is missing.
func TestGrantLinesAreRight(t *testing.T) {
	for _, name := range []string{"edge-tls", "1234", "true", "1e3"} {
		from := source.GrantFrom{Group: source.GatewayGroup, Kind: source.GatewayKind, Namespace: "7"}
		got := source.GrantedTo(from, name, []source.Grant{grantOf(t, "\n  "+strings.ReplaceAll(source.GrantLines(from, name), "\n", "\n  "))})
		if want := (source.Granted{Secret: true, SecretByName: true, Certificate: true}); got != want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
