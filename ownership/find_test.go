package ownership_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/ownership"
	"github.com/certshim/certshim/source"
)

func ingress(name, uid string, secrets ...string) ownership.Source {
	return ownership.Source{
		Ref:  source.Ref{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress", Namespace: "shop", Name: name, UID: uid},
		Asks: inShop(secrets), Names: inShop(secrets),
	}
}

func inShop(names []string) []types.NamespacedName {
	var all []types.NamespacedName
	for _, name := range names {
		all = append(all, types.NamespacedName{Namespace: "shop", Name: name})
	}
	return all
}

// gateway is one of another namespace, which names a-tls or doesn't.
func gateway(names bool) ownership.Source {
	s := ownership.Source{Ref: source.Ref{Group: source.GatewayGroup, Version: "v1", Kind: "Gateway", Namespace: "infra", Name: "edge", UID: "1"}}
	if names {
		s.Asks = inShop([]string{"a-tls"})
		s.Names = s.Asks
	}
	return s
}

// tiedToGateway is a-tls, tied to that.
func tiedToGateway(ignored string) ownership.Certificate {
	return with(owned("a-tls", "", ""), func(c *ownership.Certificate) {
		c.Owner, c.Origins, c.TieIgnored = ownership.OwnerReference{}, nil, ignored
		c.Tie = certificate.Owner{Group: source.GatewayGroup, Kind: "Gateway", Namespace: "infra", Name: "edge", UID: "1"}
	})
}

// owned is a Certificate of ours that belongs to an Ingress.
func owned(name, owner, uid string) ownership.Certificate {
	return ownership.Certificate{
		Namespace: "shop", Name: name, UID: "uid-of-" + name, Secret: name, Applied: true,
		IssuerName: "ca", IssuerKind: "Issuer", IssuerGroup: "cert-manager.io",
		Owner: ownership.OwnerReference{APIVersion: "networking.k8s.io/v1", Kind: "Ingress", Name: owner, UID: uid},
	}
}

func with(c ownership.Certificate, change func(*ownership.Certificate)) ownership.Certificate {
	change(&c)
	return c
}

func all(string, string, string) bool { return true }

func TestFindings(t *testing.T) {
	for name, row := range map[string]struct {
		set  ownership.Set
		want []string
	}{
		"all is well": {set: ownership.Set{
			Certificates: []ownership.Certificate{owned("a-tls", "a", "1")}, Sources: []ownership.Source{ingress("a", "1", "a-tls")},
		}},
		"a source without its Certificate": {
			set:  ownership.Set{Sources: []ownership.Source{ingress("a", "1", "a-tls")}},
			want: []string{"error missing-certificate Ingress/shop/a []: there is no Certificate a-tls for the Secret that it asks for"},
		},
		"a source whose Secret another Certificate writes": {
			set: ownership.Set{
				Sources: []ownership.Source{ingress("a", "1", "a-tls")},
				Certificates: []ownership.Certificate{with(owned("by-hand", "", ""), func(c *ownership.Certificate) {
					c.Secret, c.Applied, c.Owner = "a-tls", false, ownership.OwnerReference{}
				})},
			},
			want: []string{"error missing-certificate Ingress/shop/a [Certificate/shop/by-hand]: there is no Certificate a-tls for the Secret that it asks for; a Certificate of another name writes it"},
		},
		"a Certificate without its source": {
			set: ownership.Set{Certificates: []ownership.Certificate{with(owned("a-tls", "", ""), func(c *ownership.Certificate) {
				c.Owner, c.Origins = ownership.OwnerReference{}, []string{"1"}
			})}},
			want: []string{"warning orphan-certificate Certificate/shop/a-tls []: certshim has applied it, and it has no controller reference; it was made for an object of uid 1"},
		},
		"a source that doesn't own what it asks for": {
			set: ownership.Set{
				Sources:      []ownership.Source{ingress("a", "2", "a-tls")},
				Certificates: []ownership.Certificate{with(owned("a-tls", "", ""), func(c *ownership.Certificate) { c.Owner = ownership.OwnerReference{} })},
			},
			want: []string{"warning orphan-certificate Certificate/shop/a-tls [Ingress/shop/a]: certshim has applied it, and it has no controller reference; what asks for its Secret doesn't own it"},
		},
		"an owner that names it no longer": {
			set: ownership.Set{
				Sources: []ownership.Source{ingress("a", "1")}, Certificates: []ownership.Certificate{owned("a-tls", "a", "1")},
			},
			want: []string{"warning orphan-certificate Certificate/shop/a-tls [Ingress/shop/a]: the source that owns it doesn't name its Secret"},
		},
		"tied to a source of another namespace that names it": {set: ownership.Set{
			Sources:      []ownership.Source{gateway(true)},
			Certificates: []ownership.Certificate{tiedToGateway("")},
		}},
		"tied to one that names it no longer": {
			set:  ownership.Set{Sources: []ownership.Source{gateway(false)}, Certificates: []ownership.Certificate{tiedToGateway("")}},
			want: []string{"warning orphan-certificate Certificate/shop/a-tls [Gateway/infra/edge]: the source that it is tied to doesn't name its Secret"},
		},
		"tied to one that is gone": {
			set:  ownership.Set{Certificates: []ownership.Certificate{tiedToGateway("")}},
			want: []string{"warning orphan-certificate Certificate/shop/a-tls []: it is tied to Gateway infra/edge of uid 1, which isn't there"},
		},
		"tied by a copy": {
			set: ownership.Set{Certificates: []ownership.Certificate{with(owned("a-tls", "", ""), func(c *ownership.Certificate) {
				c.Applied, c.Owner, c.TieIgnored = false, ownership.OwnerReference{}, "it is a copy"
			})}},
			want: []string{"warning tie-ignored Certificate/shop/a-tls []: it is a copy"},
		},
		"a dead owner": {
			set:  ownership.Set{Certificates: []ownership.Certificate{owned("a-tls", "a", "1")}},
			want: []string{"error owner-gone Certificate/shop/a-tls []: its controller reference is to Ingress a, which isn't there"},
		},
		"an owner of the same name, made anew": {
			set: ownership.Set{
				Sources: []ownership.Source{ingress("a", "2", "a-tls")}, Certificates: []ownership.Certificate{owned("a-tls", "a", "1")},
			},
			want: []string{"error owner-gone Certificate/shop/a-tls [Ingress/shop/a]: its controller reference is to an earlier Ingress a, of uid 1; the one of that name now is another object"},
		},
		"an owner of an old version": {
			set: ownership.Set{
				Sources: []ownership.Source{ingress("a", "1", "a-tls")},
				Certificates: []ownership.Certificate{with(owned("a-tls", "a", "1"), func(c *ownership.Certificate) {
					c.Owner.APIVersion = "extensions/v1beta1"
				})},
			},
			want: []string{"warning owner-old-version Certificate/shop/a-tls [Ingress/shop/a]: its controller reference to Ingress a is of extensions/v1beta1, and the object is read as networking.k8s.io/v1"},
		},
		"another object's uid": {
			set: ownership.Set{
				Sources: []ownership.Source{ingress("a", "1", "a-tls")}, Certificates: []ownership.Certificate{owned("a-tls", "b", "1")},
			},
			want: []string{"error owner-other Certificate/shop/a-tls [Ingress/shop/a]: its controller reference to Ingress b has the uid of another object"},
		},
		"one Secret wanted twice": {
			set: ownership.Set{
				Sources:      []ownership.Source{ingress("b", "2", "a-tls"), ingress("a", "1", "a-tls")},
				Certificates: []ownership.Certificate{owned("a-tls", "a", "1")},
			},
			want: []string{"warning secret-wanted-twice Ingress/shop/a [Ingress/shop/b]: 2 objects ask for Secret a-tls"},
		},
		"one Secret written twice": {
			set: ownership.Set{
				Sources: []ownership.Source{ingress("a", "1", "a-tls")},
				Certificates: []ownership.Certificate{
					with(owned("b", "", ""), func(c *ownership.Certificate) {
						c.Secret, c.Applied, c.Owner = "a-tls", false, ownership.OwnerReference{}
					}),
					owned("a-tls", "a", "1"),
				},
			},
			want: []string{"error secret-written-twice Certificate/shop/a-tls [Certificate/shop/b]: 2 Certificates write Secret a-tls"},
		},
		"one Secret written twice, once by a settled Certificate": {
			set: ownership.Set{
				Sources: []ownership.Source{ingress("a", "1", "a-tls")}, Settled: []ownership.Written{{Namespace: "shop", Name: "a-tls", Secret: "a-tls"}},
				Certificates: []ownership.Certificate{with(owned("b", "", ""), func(c *ownership.Certificate) {
					c.Secret, c.Applied, c.Owner = "a-tls", false, ownership.OwnerReference{}
				})},
			},
			want: []string{"error secret-written-twice Certificate/shop/a-tls [Certificate/shop/b]: 2 Certificates write Secret a-tls"},
		},
		"a settled Certificate": {set: ownership.Set{
			Sources: []ownership.Source{ingress("a", "1", "a-tls")}, Settled: []ownership.Written{{Namespace: "shop", Name: "a-tls", Secret: "a-tls"}},
		}},
		"a settled Certificate is missing among others": {
			set: ownership.Set{
				Sources: []ownership.Source{ingress("a", "1", "a-tls"), ingress("b", "2", "b-tls")},
				Settled: []ownership.Written{{Namespace: "shop", Name: "b-tls", Secret: "b-tls"}},
			},
			want: []string{"error missing-certificate Ingress/shop/a []: there is no Certificate a-tls for the Secret that it asks for"},
		},
		"a Certificate that writes another Secret": {set: ownership.Set{
			Sources:      []ownership.Source{ingress("a", "1", "a-tls")},
			Certificates: []ownership.Certificate{with(owned("a-tls", "a", "1"), func(c *ownership.Certificate) { c.Secret = "other" })},
		}},
		"a shim that writes": {
			set: ownership.Set{
				Sources:      []ownership.Source{ingress("a", "1", "a-tls")},
				Certificates: []ownership.Certificate{with(owned("a-tls", "a", "1"), func(c *ownership.Certificate) { c.Shim = "cert-manager-ingress-shim" })},
			},
			want: []string{"warning shim-writes Certificate/shop/a-tls []: cert-manager's cert-manager-ingress-shim has written it after certshim did, and may still run"},
		},
		"issuers without a group": {
			set: ownership.Set{Certificates: []ownership.Certificate{
				{Namespace: "shop", Name: "a", IssuerName: "ca"},
				{Namespace: "shop", Name: "b", IssuerName: "x\n", IssuerKind: "StepIssuer"},
			}},
			want: []string{
				`warning issuer-without-group Certificate/shop/b []: its issuerRef to StepIssuer "x\n" has no group; cert-manager reads it as cert-manager.io, and other controllers may take it for theirs`,
				"info issuer-without-group Certificate/shop/a []: its issuerRef to Issuer ca has no group; cert-manager reads it as cert-manager.io, and other controllers may take it for theirs",
			},
		},
		"a version that isn't served": {
			set: ownership.Set{
				Sources:      []ownership.Source{ingress("a", "1", "a-tls")},
				Certificates: []ownership.Certificate{with(owned("a-tls", "a", "1"), func(c *ownership.Certificate) { c.Unserved = true })},
			},
			want: []string{"error unserved-entry Certificate/shop/a-tls []: an entry of its managedFields is of a version that is no longer served, so that every apply fails"},
		},
		"nothing is said of what is being deleted": {
			set: ownership.Set{Certificates: []ownership.Certificate{with(owned("a-tls", "a", "1"), func(c *ownership.Certificate) { c.Deleting, c.Unserved = true, true })}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			row.set.Complete, row.set.CertificatesComplete = all, func(string) bool { return true }
			var got []string
			for _, f := range ownership.Find(row.set) {
				others := []string{}
				for _, o := range f.Others {
					others = append(others, o.String())
				}
				got = append(got, fmt.Sprintf("%s %s %s [%s]: %s", f.Severity, f.Kind, f.Object, strings.Join(others, " "), f.Message))
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What can't be known is no finding.
func TestWhatIsNotReadIsNotMissing(t *testing.T) {
	set := ownership.Set{
		Sources: []ownership.Source{ingress("a", "1", "a-tls")}, Certificates: []ownership.Certificate{owned("b-tls", "b", "2")},
	}
	if got := ownership.Find(set); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	set.Complete = func(_, kind, _ string) bool { return kind == "Gateway" }
	set.CertificatesComplete = func(namespace string) bool { return namespace == "other" }
	if got := ownership.Find(set); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestSee(t *testing.T) {
	c := ownership.See(live(t, func(metadata, _ map[string]any) {
		metadata["ownerReferences"] = []any{
			map[string]any{"apiVersion": "v1", "kind": "Service", "name": "s", "uid": "0"},
			map[string]any{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "a", "uid": "1", "controller": true},
		}
	}, ours+` metadata>ownerReferences>k:{"uid":"1"} metadata>ownerReferences>k:{"uid":"0"}`, "cert-manager-ingress-shim Update spec>duration"))
	want := ownership.Certificate{
		Namespace: "shop", Name: "web-tls", UID: "certificate-uid", Secret: "web-tls", IssuerName: "ca", IssuerKind: "Issuer", IssuerGroup: "cert-manager.io",
		Owner:   ownership.OwnerReference{APIVersion: "networking.k8s.io/v1", Kind: "Ingress", Name: "a", UID: "1"},
		Applied: true, Origins: []string{"0", "1"},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	later := entry("cert-manager-ingress-shim Update spec>duration")
	later["time"] = "2026-01-02T00:00:00Z"
	object := live(t, nil, ours, "x Update/status@v1alpha2 status>revision")
	metadata := object["metadata"].(map[string]any)
	metadata["managedFields"] = append(metadata["managedFields"].([]any), later)
	if c := ownership.See(object); c.Shim != "cert-manager-ingress-shim" || !c.Unserved {
		t.Errorf("got %+v", c)
	}
}

func TestClassOf(t *testing.T) {
	for manager, want := range map[string]ownership.Class{
		"certshim": ownership.Certshim, "cert-manager-listenerset": ownership.Shim, "kustomize-controller": ownership.GitOps,
		"helm": ownership.Helm, "kubectl-edit": ownership.Person, "velero-server": ownership.Restore,
		"cert-manager-certificates-trigger": ownership.Controller, "kro.run/applyset": ownership.Controller,
		"before-first-apply": ownership.Unknown, "": ownership.Unknown, "helmet": ownership.Unknown, "kubectl-certs": ownership.Unknown,
		"cert-manager-certificates-*": ownership.Controller, "Certshim": ownership.Unknown,
	} {
		if got := ownership.ClassOf(manager); got != want {
			t.Errorf("%q is %s, want %s", manager, got, want)
		}
	}
	for _, p := range ownership.Programs() {
		if p.Words == "" || !slices.Contains(ownership.Classes(), p.Class) {
			t.Errorf("%+v", p)
		}
	}
}
