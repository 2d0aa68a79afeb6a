package certificate_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/declaration/pages"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

func number(n int32) *int32 { return &n }

// everything asks for every field.
func everything(in *certificate.Input) {
	in.Ask.Hosts = []string{"b.example.com", "10.0.0.2", "a.example.com", "2001:DB8::1"}
	in.Issuer.Ref = resolver.Ref{Group: "certmanager.step.sm", Kind: "StepIssuer", Name: "step"}
	in.Source.Labels = map[string]string{"app": "web", "applyset.kubernetes.io/part-of": "x"}
	in.Request = annotations.Request{
		CommonName: "a.example.com", Duration: span(2160 * time.Hour), RenewBefore: span(90 * time.Minute),
		RenewBeforePercentage: number(30), RevisionHistoryLimit: number(3),
		Usages:     []string{"server auth", "client auth"},
		PrivateKey: annotations.PrivateKey{Algorithm: "RSA", Encoding: "PKCS8", RotationPolicy: "Always", Size: 4096},
		Subject: annotations.Subject{
			Organizations: []string{"Example, Inc.", "Labs"}, OrganizationalUnits: []string{"Platform"}, Countries: []string{"DE"},
			Provinces: []string{"Bavaria"}, Localities: []string{"Munich"}, PostalCodes: []string{"80331"},
			StreetAddresses: []string{"Main Street 1"}, SerialNumber: "4711",
		},
		SecretTemplate: annotations.SecretTemplate{Annotations: map[string]string{"a": ""}, Labels: map[string]string{"b": "c"}},
		DNSNames:       []string{"*.c.example.com", "b.example.com"}, IPAddresses: []string{"10.0.0.1", "10.0.0.2"},
		URIs: []string{"spiffe://example.com/web"}, EmailAddresses: []string{"ops@example.com"},
		ACME:  annotations.ACME{IngressClass: "nginx", IngressClassName: "internal"},
		Extra: map[string]string{"example.com/team": "shop"},
	}
}

func golden(t *testing.T, file string, got any) {
	t.Helper()
	text, err := yaml.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if pages.Update() {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestBuildGolden(t *testing.T) {
	for name, in := range map[string]certificate.Input{"full": input(everything), "least": input(func(in *certificate.Input) { in.Source.Labels = nil })} {
		t.Run(name, func(t *testing.T) {
			config := certificate.Build(in)
			golden(t, "testdata/"+name+".yaml", config)
			text, _ := yaml.Marshal(config)
			var typed cmapi.Certificate
			if err := yaml.UnmarshalStrict(text, &typed); err != nil {
				t.Errorf("cert-manager's own type doesn't take it: %v", err)
			}
			if _, err := crdTypes().certificate.FromUnstructured(config); err != nil {
				t.Errorf("the API server would not take it: %v", err)
			}
			onlyAllowed(t, "", config)
		})
	}
}

// onlyAllowed checks that a configuration has only the types of unstructured objects and no
// empty values.
func onlyAllowed(t *testing.T, path string, value any) {
	t.Helper()
	switch v := value.(type) {
	case map[string]any:
		if len(v) == 0 {
			t.Errorf("%s is empty", path)
		}
		for name, item := range v {
			onlyAllowed(t, path+"."+name, item)
		}
	case []any:
		if len(v) == 0 {
			t.Errorf("%s is empty", path)
		}
		for _, item := range v {
			onlyAllowed(t, path+"[]", item)
		}
	case string, bool, int64:
	default:
		t.Errorf("%s is a %T", path, value)
	}
}

// Each field of a request sets its field of the Certificate, and no other.
func TestBuildEachField(t *testing.T) {
	type m = map[string]any
	tests := map[string]struct {
		change func(*certificate.Input)
		want   m
	}{
		"common name":             {func(in *certificate.Input) { in.Request.CommonName = "cn" }, m{"commonName": "cn"}},
		"duration":                {func(in *certificate.Input) { in.Request.Duration = span(2160 * time.Hour) }, m{"duration": "2160h0m0s"}},
		"renew before":            {func(in *certificate.Input) { in.Request.RenewBefore = span(5 * time.Minute) }, m{"renewBefore": "5m0s"}},
		"renew before percentage": {func(in *certificate.Input) { in.Request.RenewBeforePercentage = number(30) }, m{"renewBeforePercentage": int64(30)}},
		"revision history":        {func(in *certificate.Input) { in.Request.RevisionHistoryLimit = number(1) }, m{"revisionHistoryLimit": int64(1)}},
		"usages":                  {func(in *certificate.Input) { in.Request.Usages = []string{"any", "signing", "any"} }, m{"usages": []any{"any", "signing"}}},
		"key size":                {func(in *certificate.Input) { in.Request.PrivateKey.Size = 3072 }, m{"privateKey": m{"size": int64(3072)}}},
		"key algorithm":           {func(in *certificate.Input) { in.Request.PrivateKey.Algorithm = "ECDSA" }, m{"privateKey": m{"algorithm": "ECDSA"}}},
		"key encoding":            {func(in *certificate.Input) { in.Request.PrivateKey.Encoding = "PKCS1" }, m{"privateKey": m{"encoding": "PKCS1"}}},
		"key rotation":            {func(in *certificate.Input) { in.Request.PrivateKey.RotationPolicy = "Never" }, m{"privateKey": m{"rotationPolicy": "Never"}}},
		"subject":                 {func(in *certificate.Input) { in.Request.Subject.SerialNumber = "1" }, m{"subject": m{"serialNumber": "1"}}},
		"secret template":         {func(in *certificate.Input) { in.Request.SecretTemplate.Annotations = map[string]string{"a": ""} }, m{"secretTemplate": m{"annotations": m{"a": ""}}}},
		"alt names after hosts":   {func(in *certificate.Input) { in.Request.DNSNames = []string{"z.example.com", "a.example.com"} }, m{"dnsNames": []any{"a.example.com", "z.example.com"}}},
		"IP addresses":            {func(in *certificate.Input) { in.Request.IPAddresses = []string{"::1", "::1"} }, m{"ipAddresses": []any{"::1"}}},
		"URIs":                    {func(in *certificate.Input) { in.Request.URIs = []string{"a:b", "a:b"} }, m{"uris": []any{"a:b"}}},
		"e-mail addresses":        {func(in *certificate.Input) { in.Request.EmailAddresses = []string{"a@b.c", "a@b.c"} }, m{"emailAddresses": []any{"a@b.c"}}},
		"IP hosts alone":          {func(in *certificate.Input) { in.Ask.Hosts = []string{"10.0.0.1", "010.0.0.1"} }, m{"ipAddresses": []any{"10.0.0.1"}, "dnsNames": []any{"010.0.0.1"}}},
		"the issuer, all three": {
			func(in *certificate.Input) {
				in.Issuer.Ref = resolver.Ref{Group: "g.io", Kind: "K", Name: "n"}
			},
			m{"issuerRef": m{"group": "g.io", "kind": "K", "name": "n"}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			want := spec(certificate.Build(input()))
			maps.Copy(want, tt.want)
			if diff := cmp.Diff(want, spec(certificate.Build(input(tt.change)))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestBuildSharesNothingWithItsInput(t *testing.T) {
	in := input(everything)
	config := certificate.Build(in)
	config["metadata"].(map[string]any)["labels"].(map[string]any)["app"] = "changed"
	spec(config)["usages"].([]any)[0] = "changed"
	if in.Source.Labels["app"] != "web" || in.Request.Usages[0] != "server auth" || len(in.Source.Labels) != 2 {
		t.Errorf("the input changed: %v, %v", in.Source.Labels, in.Request.Usages)
	}
}

func TestLabelsOfOtherToolsAreNotCopied(t *testing.T) {
	labels := map[string]string{"app": "web", "argocd.argoproj.io/instance": "x", "team": "a"}
	rule, err := annotations.NewLabels([]string{"team"}, []string{"argocd.argoproj.io/instance"})
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		labels *annotations.Labels
		want   []string
	}{
		"the default rule":  {nil, []string{"app", "team"}},
		"the operator's":    {rule, []string{"app", "argocd.argoproj.io/instance"}},
		"nothing to exempt": {&annotations.Labels{}, []string{"app", "team"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			config := certificate.Build(input(func(in *certificate.Input) { in.Source.Labels, in.Policy.Labels = labels, tt.labels }))
			got := config["metadata"].(map[string]any)["labels"].(map[string]any)
			if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, tt.want) {
				t.Errorf("copied %v, want %v", names, tt.want)
			}
		})
	}
	only := certificate.Build(input(func(in *certificate.Input) { in.Source.Labels = map[string]string{"helm.sh/chart": "x"} }))
	if labels, there := only["metadata"].(map[string]any)["labels"]; there {
		t.Errorf("an empty map stays owned: %v", labels)
	}
}

// A manifest that no server has seen has no uid, and thus no owner reference.
func TestBuildWithoutUID(t *testing.T) {
	config := certificate.Build(input(func(in *certificate.Input) { in.Source.UID = "" }))
	if owners, there := config["metadata"].(map[string]any)["ownerReferences"]; there {
		t.Errorf("got %v", owners)
	}
}

func TestSolverAnnotations(t *testing.T) {
	const prefix = "acme.cert-manager.io/http01-"
	gateway := func(kind string) func(*certificate.Input) {
		return func(in *certificate.Input) {
			in.Source.Group, in.Source.Kind = "gateway.networking.k8s.io", kind
			in.Source.Parent = &source.Parent{Namespace: "infra", Name: "edge"}
		}
	}
	type texts = map[string]any
	ignored := `BadConfig w acme.cert-manager.io/http01-edit-in-place: it applies to an Ingress and is ignored on a Gateway (value "true")`
	dropped := `BadConfig w acme.cert-manager.io/http01-edit-in-place: it can't go together with an ingress class for the solver; the class is left out (value "true")`
	tests := map[string]struct {
		on   func(*certificate.Input)
		acme annotations.ACME
		want texts
		told []string
	}{
		"nothing on an Ingress": {on: func(*certificate.Input) {}},
		"classes": {
			on: func(*certificate.Input) {}, acme: annotations.ACME{IngressClass: "a", IngressClassName: "b"},
			want: texts{prefix + "override-ingress-class": "a", prefix + "override-ingress-ingressclassname": "b"},
		},
		"edit in place": {
			on: func(*certificate.Input) {}, acme: annotations.ACME{EditInPlace: true},
			want: texts{prefix + "override-ingress-name": "web", "cert-manager.io/issue-temporary-certificate": "true"},
		},
		"edit in place wins over a class": {
			on: func(*certificate.Input) {}, acme: annotations.ACME{EditInPlace: true, IngressClass: "a"},
			want: texts{prefix + "override-ingress-name": "web", "cert-manager.io/issue-temporary-certificate": "true"},
			told: []string{dropped},
		},
		"edit in place wins over a class name": {
			on: func(*certificate.Input) {}, acme: annotations.ACME{EditInPlace: true, IngressClassName: "a"},
			want: texts{prefix + "override-ingress-name": "web", "cert-manager.io/issue-temporary-certificate": "true"},
			told: []string{dropped},
		},
		"a parent means nothing on an Ingress": {on: func(*certificate.Input) {}, acme: annotations.ACME{ParentRefFallback: true}},
		"a Gateway":                            {on: gateway("Gateway"), want: texts{prefix + "parentrefkind": "Gateway", prefix + "parentrefname": "web"}},
		"whatever the issuer is": {
			on: func(in *certificate.Input) {
				gateway("Gateway")(in)
				in.Issuer.Group, in.Issuer.Kind = "example.com", "HouseIssuer"
			}, acme: annotations.ACME{IngressClass: "a"},
			want: texts{prefix + "parentrefkind": "Gateway", prefix + "parentrefname": "web", prefix + "override-ingress-class": "a"},
		},
		"edit in place on a Gateway": {
			on: gateway("Gateway"), acme: annotations.ACME{EditInPlace: true, IngressClass: "a"},
			want: texts{prefix + "parentrefkind": "Gateway", prefix + "parentrefname": "web", prefix + "override-ingress-class": "a"},
			told: []string{ignored},
		},
		"a Gateway has no fallback": {
			on: gateway("Gateway"), acme: annotations.ACME{ParentRefFallback: true},
			want: texts{prefix + "parentrefkind": "Gateway", prefix + "parentrefname": "web"},
		},
		"a ListenerSet": {on: gateway("ListenerSet"), want: texts{prefix + "parentrefkind": "ListenerSet", prefix + "parentrefname": "web"}},
		"a ListenerSet that falls back": {
			on: gateway("ListenerSet"), acme: annotations.ACME{ParentRefFallback: true},
			want: texts{prefix + "parentrefkind": "Gateway", prefix + "parentrefname": "edge", prefix + "parentrefnamespace": "infra"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := certificate.Decide(input(tt.on, func(in *certificate.Input) {
				in.Request.ACME = tt.acme
				in.Request.Extra = map[string]string{
					"example.com/a": "1", prefix + "override-ingress-name": "copied", prefix + "parentrefkind": "copied",
					// What certshim itself records isn't copied, whatever the operator lists.
					certificate.TieKey: "x", certificate.RespectedKey: "x", certificate.RoutesKey: "x", annotations.DeletionKey: "retain",
				}
			}))
			want := texts{"example.com/a": "1", prefix + "override-ingress-name": "copied", prefix + "parentrefkind": "copied"}
			maps.Copy(want, tt.want)
			if diff := cmp.Diff(want, d.Config["metadata"].(map[string]any)["annotations"]); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(tt.told, told(d.Problems)); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

// A field that the served CRD lacks is left out and reported, since one unknown field would fail
// the whole apply.
func TestFieldsThatAreNotServed(t *testing.T) {
	lacks := func(missing ...string) func(*certificate.Input) {
		return func(in *certificate.Input) {
			in.Fields = func(path string) bool {
				return !slices.Contains(missing, path) && !strings.HasPrefix(path, "spec.secretTemplate.")
			}
		}
	}
	d := certificate.Decide(input(everything, lacks("spec.renewBeforePercentage", "spec.privateKey.size", "spec.subject.serialNumber")))
	want := spec(certificate.Build(input(everything)))
	delete(want, "renewBeforePercentage")
	delete(want["privateKey"].(map[string]any), "size")
	delete(want["subject"].(map[string]any), "serialNumber")
	if diff := cmp.Diff(want, spec(d.Config)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	const left = ": the Certificate CRD of this cluster doesn't have the field; it is left out"
	told := told(d.Problems)
	if diff := cmp.Diff([]string{
		"FieldNotServed e spec.privateKey.size" + left, "FieldNotServed e spec.renewBeforePercentage" + left, "FieldNotServed e spec.subject.serialNumber" + left,
	}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	alone := certificate.Build(input(func(in *certificate.Input) { in.Request.Subject.SerialNumber = "1" }, lacks("spec.subject.serialNumber")))
	if subject, there := spec(alone)["subject"]; there {
		t.Errorf("an empty map stays: %v", subject)
	}
}
