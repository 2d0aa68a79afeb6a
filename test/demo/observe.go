package main

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/test/cluster"
)

// await waits until an object exists and meets the condition.
func (s *stage) await(
	ctx context.Context, resource schema.GroupVersionResource, in, name string, condition func(*unstructured.Unstructured) bool,
) (*unstructured.Unstructured, error) {
	var found *unstructured.Unstructured
	err := cluster.Poll(ctx, resource.Resource+" "+name, func(ctx context.Context) (bool, error) {
		object, err := s.cluster.Dynamic.Resource(resource).Namespace(in).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		found = object
		return err == nil && condition(object), err
	})
	return found, err
}

func exists(*unstructured.Unstructured) bool { return true }

// signed waits for the Certificate and its Secret, and checks the chain against the CA.
func (s *stage) awaitSigned(ctx context.Context, secret string, authority cluster.Authority, names ...string) error {
	certificate, err := s.await(ctx, cluster.Certificates(), namespace, secret, exists)
	if err != nil {
		return err
	}
	s.happened("Certificate", fmt.Sprintf("%s, issuer %s, for %s", secret, issuerOf(certificate), strings.Join(names, ", ")))
	check := func(object *unstructured.Unstructured) bool {
		return cluster.SignedBy(object, authority, names...) == nil
	}
	if _, err := s.await(ctx, cluster.Secrets(), namespace, secret, check); err != nil {
		return err
	}
	s.signed++
	s.done(fmt.Sprintf("Secret %s is signed; its chain leads to %s", secret, authority.Certificate.Subject.CommonName))
	return nil
}

func issuerOf(certificate *unstructured.Unstructured) string {
	kind, _, _ := unstructured.NestedString(certificate.Object, "spec", "issuerRef", "kind")
	name, _, _ := unstructured.NestedString(certificate.Object, "spec", "issuerRef", "name")
	return kind + "/" + name
}

// authority reads the CA that an issuer signs with, once it is there.
func (s *stage) authority(ctx context.Context, kind, name, in, secret string) (cluster.Authority, error) {
	hasCertificate := func(object *unstructured.Unstructured) bool {
		content, found, _ := unstructured.NestedString(object.Object, "data", "tls.crt")
		return found && content != ""
	}
	object, err := s.await(ctx, cluster.Secrets(), in, secret, hasCertificate)
	if err != nil {
		return cluster.Authority{}, err
	}
	certificate, err := firstCertificate(object)
	return cluster.Authority{Kind: kind, Name: name, Certificate: certificate}, err
}

func firstCertificate(secret *unstructured.Unstructured) (*x509.Certificate, error) {
	encoded, _, err := unstructured.NestedString(secret.Object, "data", "tls.crt")
	if err != nil {
		return nil, err
	}
	content, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, errors.New("tls.crt holds no PEM block")
	}
	return x509.ParseCertificate(block.Bytes)
}

// awaitEvent waits for a Warning about an object, and shows it.
func (s *stage) awaitEvent(ctx context.Context, kind, name string) error {
	return cluster.Poll(ctx, "an Event about "+kind+" "+name, func(ctx context.Context) (bool, error) {
		list, err := s.cluster.Dynamic.Resource(cluster.Events()).Namespace(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		for _, event := range list.Items {
			if text, ok := warningAbout(event, kind, name); ok {
				reason, _, _ := unstructured.NestedString(event.Object, "reason")
				s.warned(reason, text)
				return true, nil
			}
		}
		return false, nil
	})
}

func warningAbout(event unstructured.Unstructured, kind, name string) (string, bool) {
	field := func(path ...string) string {
		value, _, _ := unstructured.NestedString(event.Object, path...)
		return value
	}
	about := field("regarding", "kind") == kind && field("regarding", "name") == name
	return field("note"), about && field("type") == "Warning"
}
