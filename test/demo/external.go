package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/external"
	"github.com/certshim/certshim/test/external/privateca"
)

// externalScenes show the issuers that aren't cert-manager's own, and ACME.
func externalScenes() []scene {
	return []scene{
		{"An AWSPCAClusterIssuer, and an Issuer that speaks ACME", externalIssuers},
		{"An Ingress that names the AWSPCAClusterIssuer: it waits until requests to it may be approved", awspca},
		{"ACME: the challenge goes on an Ingress of its own", acme},
		{"ACME, edit in place: the challenge goes on the very Ingress, the Secret is never empty", acmeInPlace},
	}
}

func ingressResource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"}
}

// externalIssuers applies the issuers, with the addresses of this run.
func externalIssuers(ctx context.Context, s *stage) error {
	parsed, err := template.ParseFiles(filepath.Join(s.root, "test", "demo", "external.yaml"))
	if err != nil {
		return err
	}
	var manifest bytes.Buffer
	pebble := s.external.Pebble
	if err := parsed.Execute(&manifest, map[string]string{
		"ARN": privateca.ARN, "Region": privateca.Region,
		"AccessKeyID": privateca.AccessKeyID, "SecretAccessKey": privateca.SecretAccessKey,
		"Directory": pebble.Directory, "CABundle": base64.StdEncoding.EncodeToString(pebble.CABundle),
		"Class": external.Class,
	}); err != nil {
		return err
	}
	path := filepath.Join(s.cluster.Logs, "external.yaml")
	if err := os.WriteFile(path, manifest.Bytes(), 0o600); err != nil {
		return err
	}
	s.authorities["corp"], s.authorities["acme"] = s.external.AWSPCA.Authority(), pebble.Authority()
	if err := s.kubectl(ctx, "apply -f "+path); err != nil {
		return err
	}
	if err := s.kubectl(ctx, "wait --for=condition=Ready --timeout=60s awspcaclusterissuers/corp"); err != nil {
		return err
	}
	return s.kubectl(ctx, "wait --for=condition=Ready --timeout=60s -n shop issuers/acme")
}

// awspca shows that nothing is signed until the approver may approve.
func awspca(ctx context.Context, s *stage) error {
	if err := s.kubectl(ctx, "apply -f examples/external-issuer.yaml"); err != nil {
		return err
	}
	var request string
	if err := cluster.Poll(ctx, "a CertificateRequest", func(ctx context.Context) (bool, error) {
		list, err := s.cluster.Dynamic.Resource(cluster.CertificateRequests()).Namespace(namespace).List(ctx, metav1.ListOptions{})
		if err != nil || len(list.Items) == 0 {
			return false, err
		}
		request = list.Items[0].GetName()
		return true, nil
	}); err != nil {
		return err
	}
	s.happened("Request", request+" exists; the approver may not approve it yet")
	if err := s.kubectl(ctx, "apply -f examples/awspca/approver.yaml"); err != nil {
		return err
	}
	return s.awaitSigned(ctx, "external-tls", s.authorities["corp"], "external.example.com")
}

func acme(ctx context.Context, s *stage) error {
	if err := s.kubectl(ctx, "apply -f test/demo/acme.yaml"); err != nil {
		return err
	}
	if err := cluster.Poll(ctx, "an Ingress for the challenge", func(ctx context.Context) (bool, error) {
		list, err := s.cluster.Dynamic.Resource(ingressResource()).Namespace(namespace).List(
			ctx, metav1.ListOptions{LabelSelector: "acme.cert-manager.io/http01-solver=true"})
		if err != nil || len(list.Items) == 0 {
			return false, err
		}
		s.happened("Ingress", list.Items[0].GetName()+" answers "+strings.Join(challengesOf(&list.Items[0]), ", "))
		return true, nil
	}); err != nil {
		return err
	}
	return s.awaitSigned(ctx, "acme-tls", s.authorities["acme"], "acme.example.com")
}

// acmeInPlace lets nobody serve the Ingress at first, so that what comes before the signed Secret can be looked at.
func acmeInPlace(ctx context.Context, s *stage) error {
	if err := s.kubectl(ctx, "apply -f test/demo/acme-in-place.yaml"); err != nil {
		return err
	}
	ingress, err := s.await(ctx, ingressResource(), namespace, "in-place", func(ingress *unstructured.Unstructured) bool {
		return len(challengesOf(ingress)) > 0
	})
	if err != nil {
		return err
	}
	s.happened("Ingress", "in-place itself has "+strings.Join(challengesOf(ingress), ", "))
	if _, err := s.await(ctx, cluster.Secrets(), namespace, "in-place-tls", func(secret *unstructured.Unstructured) bool {
		chain, err := cluster.Chain(secret)
		if err != nil {
			return false
		}
		s.happened("Secret", fmt.Sprintf("in-place-tls holds a temporary certificate of %s", chain[0].Issuer))
		return true
	}); err != nil {
		return err
	}
	s.happened("now", "the ingress controller begins to serve it")
	if err := s.kubectl(ctx, `patch ingress in-place -n shop --type=merge -p {"spec":{"ingressClassName":"`+external.Class+`"}}`); err != nil {
		return err
	}
	return s.awaitSigned(ctx, "in-place-tls", s.authorities["acme"], "in-place.example.com")
}

// challengesOf are the paths for HTTP-01 challenges among the rules of an Ingress.
func challengesOf(ingress *unstructured.Unstructured) []string {
	var found []string
	rules, _, _ := unstructured.NestedSlice(ingress.Object, "spec", "rules")
	for _, rule := range rules {
		paths, _, _ := unstructured.NestedSlice(rule.(map[string]any), "http", "paths")
		for _, item := range paths {
			if path, _ := item.(map[string]any)["path"].(string); strings.HasPrefix(path, "/.well-known/acme-challenge/") {
				found = append(found, path)
			}
		}
	}
	return found
}
