package main

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/test/cluster"
)

// scene is one thing to see.
type scene struct {
	title string
	play  func(context.Context, *stage) error
}

func scenes() []scene {
	return []scene{
		{"Two CAs: the Issuer team in the namespace, the ClusterIssuer company for all", issuers},
		{"An Ingress that names an Issuer", signing("issuer.yaml", want{"web-tls", "team", []string{"shop.example.com", "www.shop.example.com"}})},
		{"An Ingress that names a ClusterIssuer", signing("cluster-issuer.yaml", want{"myingress-cert", "company", []string{"example.com"}})},
		{"An Ingress that names none: kubernetes.io/tls-acme asks for the default issuer", signing("default-issuer.yaml", want{"auto-tls", "company", []string{"auto.example.com"}})},
		{"A Gateway, and a ListenerSet that takes its issuer", signing("gateway.yaml",
			want{"edge-tls", "team", []string{"api.example.com", "v2.api.example.com"}},
			want{"team-a-tls", "team", []string{"team-a.example.com"}})},
		{"A bad annotation: one Event says what is wrong, and nothing is made", badAnnotation},
		{"An issuer that the cluster doesn't have yet: the Certificate is made, and a Warning says what it waits for", missingIssuer},
		{"An edit reaches the Certificate", edit},
		{"An annotation that is removed takes its field along", removal},
		{"What is left to do: nothing, says certshim plan, but for what is wrong", settled},
	}
}

// want is a Secret, who signs it and for which names.
type want struct {
	secret, issuer string
	names          []string
}

func issuers(ctx context.Context, s *stage) error {
	if err := s.kubectl(ctx, "apply -f test/demo/issuers.yaml"); err != nil {
		return err
	}
	for _, ca := range []struct{ kind, name, in, secret string }{
		{"Issuer", "team", namespace, "team-ca"},
		{"ClusterIssuer", "company", "kube-system", "company-ca"},
	} {
		authority, err := s.authority(ctx, ca.kind, ca.name, ca.in, ca.secret)
		if err != nil {
			return err
		}
		s.authorities[ca.name] = authority
		s.done(fmt.Sprintf("%s %s signs with %s", ca.kind, ca.name, authority.Certificate.Subject.CommonName))
	}
	return nil
}

// signing applies an example and waits for its signed Secrets.
func signing(file string, wanted ...want) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		if err := s.kubectl(ctx, "apply -f examples/"+file); err != nil {
			return err
		}
		for _, w := range wanted {
			if err := s.awaitSigned(ctx, w.secret, s.authorities[w.issuer], w.names...); err != nil {
				return err
			}
		}
		return nil
	}
}

func badAnnotation(ctx context.Context, s *stage) error {
	if err := s.kubectl(ctx, "apply -f examples/bad-annotation.yaml"); err != nil {
		return err
	}
	return s.awaitEvent(ctx, "Ingress", "bad")
}

func missingIssuer(ctx context.Context, s *stage) error {
	if err := s.kubectl(ctx, "apply -f examples/external-issuer.yaml"); err != nil {
		return err
	}
	if _, err := s.await(ctx, cluster.Certificates(), namespace, "external-tls", exists); err != nil {
		return err
	}
	s.happened("Certificate", "external-tls exists; nobody can sign it yet")
	return s.awaitEvent(ctx, "Ingress", "external")
}

func settled(ctx context.Context, s *stage) error {
	return s.plan(ctx, "--all-namespaces --default-issuer-name=company --default-issuer-kind=ClusterIssuer")
}

func edit(ctx context.Context, s *stage) error {
	if err := s.kubectl(ctx, "annotate ingress web -n shop --overwrite cert-manager.io/alt-names=new.shop.example.com"); err != nil {
		return err
	}
	return s.awaitSigned(ctx, "web-tls", s.authorities["team"], "shop.example.com", "www.shop.example.com", "new.shop.example.com")
}

func removal(ctx context.Context, s *stage) error {
	if err := s.kubectl(ctx, "annotate ingress web -n shop cert-manager.io/duration-"); err != nil {
		return err
	}
	without := func(certificate *unstructured.Unstructured) bool {
		_, found, _ := unstructured.NestedString(certificate.Object, "spec", "duration")
		return !found
	}
	if _, err := s.await(ctx, cluster.Certificates(), namespace, "web-tls", without); err != nil {
		return err
	}
	s.done("Certificate web-tls has no spec.duration any more")
	return nil
}
