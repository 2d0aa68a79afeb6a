package oracle

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// reference is what the shim decided: name/kind/group, "ignored", or the errors of its event by their first words.
func reference(t *testing.T, result Result) string {
	t.Helper()
	if len(result.Created) == 1 {
		ref := result.Created[0].Spec.IssuerRef
		return ref.Name + "/" + ref.Kind + "/" + ref.Group
	}
	if len(result.Events) == 0 {
		return "ignored"
	}
	message, determined := strings.CutPrefix(result.Events[0].Message,
		"Could not determine issuer for ingress due to bad annotations: ")
	if !determined || len(result.Events) != 1 || len(result.Created) != 0 {
		t.Fatalf("neither a Certificate nor one event about the issuer: %+v", result)
	}
	return message
}

func TestIssuerTruthTable(t *testing.T) {
	const (
		noName       = `failed to determine issuer name to be used for ingress resource`
		bothNames    = `both "cert-manager.io/issuer" and "cert-manager.io/cluster-issuer" may not be set`
		clusterGroup = `both "cert-manager.io/cluster-issuer" and "cert-manager.io/issuer-group" may not be set`
		clusterKind  = `both "cert-manager.io/cluster-issuer" and "cert-manager.io/issuer-kind" may not be set`
		acme         = "kubernetes.io/tls-acme"
	)
	plain, named, foreign := Defaults(), Defaults(), Defaults()
	named.DefaultIssuerName = "d"
	foreign.DefaultIssuerName, foreign.DefaultIssuerKind, foreign.DefaultIssuerGroup = "d", "DK", "dg.io"

	for name, row := range map[string]struct {
		annotations           annotations
		plain, named, foreign string
	}{
		"nothing":         {nil, "ignored", "ignored", "ignored"},
		"kind and group":  {annotations{issuerKind: "K", issuerGroup: "k.io"}, "ignored", "ignored", "ignored"},
		"auto":            {annotations{acme: "true"}, noName, "d/Issuer/cert-manager.io", "d/DK/dg.io"},
		"auto, not true":  {annotations{acme: "yes"}, "ignored", "ignored", "ignored"},
		"auto and kind":   {annotations{acme: "1", issuerKind: "K"}, noName, "d/K/cert-manager.io", "d/K/dg.io"},
		"auto and issuer": {annotations{acme: "t", issuer: "i"}, "i/Issuer/cert-manager.io", "i/Issuer/cert-manager.io", "i/Issuer/dg.io"},
		"cluster":         {annotations{clusterIssuer: "c"}, "c/ClusterIssuer/cert-manager.io", "c/ClusterIssuer/cert-manager.io", "c/ClusterIssuer/dg.io"},
		"cluster, group":  {annotations{clusterIssuer: "c", issuerGroup: "k.io"}, clusterGroup, clusterGroup, clusterGroup},
		"cluster, kind":   {annotations{clusterIssuer: "c", issuerKind: "K"}, clusterKind, clusterKind, clusterKind},
		"issuer":          {annotations{issuer: "i"}, "i/Issuer/cert-manager.io", "i/Issuer/cert-manager.io", "i/Issuer/dg.io"},
		"issuer, group":   {annotations{issuer: "i", issuerGroup: "k.io"}, "i/Issuer/k.io", "i/Issuer/k.io", "i/Issuer/k.io"},
		"issuer, no kind": {annotations{issuer: "i", issuerKind: ""}, "i//cert-manager.io", "i//cert-manager.io", "i//dg.io"},
		"issuer, all":     {annotations{issuer: "i", issuerKind: "K", issuerGroup: "k.io"}, "i/K/k.io", "i/K/k.io", "i/K/k.io"},
		"empty issuer":    {annotations{issuer: ""}, noName, noName, noName},
		"both names":      {annotations{issuer: "i", clusterIssuer: "c"}, bothNames, bothNames, bothNames},
		"all four": {
			annotations{issuer: "i", clusterIssuer: "c", issuerKind: "K", issuerGroup: "k.io"},
			bothNames + ", " + clusterGroup + ", " + clusterKind,
			bothNames + ", " + clusterGroup + ", " + clusterKind,
			bothNames + ", " + clusterGroup + ", " + clusterKind,
		},
	} {
		t.Run(name, func(t *testing.T) {
			object := ingress(row.annotations, tls("web-tls", "a.example.com"))
			got := []string{
				reference(t, run(t, plain, object)),
				reference(t, run(t, named, object)),
				reference(t, run(t, foreign, object)),
			}
			if diff := cmp.Diff([]string{row.plain, row.named, row.foreign}, got); diff != "" {
				t.Errorf("without flags, with a default name, with a foreign default issuer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestListenerSetInheritsFromItsGateway(t *testing.T) {
	for name, row := range map[string]struct {
		set, gateway annotations
		want         string
	}{
		"nothing":                   {nil, nil, "ignored"},
		"issuer":                    {nil, annotations{issuer: "g"}, "g/Issuer/cert-manager.io"},
		"cluster issuer":            {nil, annotations{clusterIssuer: "g"}, "g/ClusterIssuer/cert-manager.io"},
		"own issuer":                {annotations{issuer: "l"}, annotations{clusterIssuer: "g"}, "l/Issuer/cert-manager.io"},
		"kind over own":             {annotations{issuer: "l", issuerKind: "LK"}, annotations{issuer: "g", issuerKind: "K", issuerGroup: "g.io"}, "l/K/g.io"},
		"group over own":            {annotations{issuer: "l", issuerKind: "LK"}, annotations{issuerGroup: "g.io"}, "l/LK/g.io"},
		"own kind, gateway's name":  {annotations{issuerKind: "LK"}, annotations{issuer: "g"}, "g/LK/cert-manager.io"},
		"empty blocks":              {annotations{issuer: ""}, annotations{issuer: "g"}, "failed to determine issuer name to be used for ingress resource"},
		"own cluster, foreign kind": {annotations{clusterIssuer: "l"}, annotations{issuerKind: "K"}, `both "cert-manager.io/cluster-issuer" and "cert-manager.io/issuer-kind" may not be set`},
	} {
		t.Run(name, func(t *testing.T) {
			set := listenerSet(row.set, listener("https", "a.example.com", "a-tls"))
			if got := reference(t, run(t, Defaults(), set, gateway(row.gateway))); got != row.want {
				t.Errorf("issuer is %s, want %s", got, row.want)
			}
		})
	}
}

func TestListenerSetWithoutItsGateway(t *testing.T) {
	set := listenerSet(annotations{issuer: "l"}, listener("https", "a.example.com", "a-tls"))
	other := gateway(annotations{issuer: "g"})
	other.Name = "another"
	if diff := cmp.Diff(Result{}, run(t, Defaults(), set, other)); diff != "" {
		t.Errorf("something happened (-want +got):\n%s", diff)
	}
	deleted := gateway(nil)
	deleted.DeletionTimestamp = &deleted.CreationTimestamp
	if diff := cmp.Diff(Result{}, run(t, Defaults(), set, deleted)); diff != "" {
		t.Errorf("parent being deleted: something happened (-want +got):\n%s", diff)
	}
}
