package crds

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// Bundle names the CustomResourceDefinitions of one project.
type Bundle string

const (
	// CertManager are certificates, certificaterequests, issuers, clusterissuers, orders and challenges.
	CertManager Bundle = "cert-manager"
	// Gateway is the standard channel of gateway.networking.k8s.io.
	Gateway Bundle = "gateway-api"
	// AWSPCA are awspcaissuers and awspcaclusterissuers.
	AWSPCA Bundle = "aws-privateca-issuer"
)

const fieldManager = "certshim-test-crds"

// served is how long a definition may take from its creation to its first answer, and back.
const served = time.Minute

// Install applies the definitions of the bundles, of CertManager and Gateway when none is named, and waits until each is
// established and its resource answers.
func Install(ctx context.Context, config *rest.Config, bundles ...Bundle) error {
	client, definitions, err := prepare(ctx, config, bundles)
	if err != nil {
		return err
	}
	return install(ctx, client, definitions)
}

// InstallAll installs definitions as [Install] does.
func InstallAll(ctx context.Context, config *rest.Config, definitions ...*unstructured.Unstructured) error {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	return install(ctx, client, definitions)
}

func install(ctx context.Context, client dynamic.Interface, definitions []*unstructured.Unstructured) error {
	for _, definition := range definitions {
		options := metav1.ApplyOptions{FieldManager: fieldManager, Force: true}
		_, err := client.Resource(resource()).Apply(ctx, definition.GetName(), definition, options)
		if err != nil {
			return fmt.Errorf("install %s: %w", definition.GetName(), err)
		}
	}
	for _, definition := range definitions {
		if err := awaitServed(ctx, client, definition); err != nil {
			return err
		}
	}
	return nil
}

// Remove deletes the definitions of the bundles, of CertManager and Gateway when none is named, and waits until they are gone, and
// every object of theirs with them. One that isn't there is no error.
func Remove(ctx context.Context, config *rest.Config, bundles ...Bundle) error {
	client, definitions, err := prepare(ctx, config, bundles)
	if err != nil {
		return err
	}
	for _, definition := range definitions {
		err := client.Resource(resource()).Delete(ctx, definition.GetName(), metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("remove %s: %w", definition.GetName(), err)
		}
	}
	for _, definition := range definitions {
		if err := awaitGone(ctx, client, definition); err != nil {
			return err
		}
	}
	return nil
}

func resource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
}

func prepare(
	ctx context.Context, config *rest.Config, bundles []Bundle,
) (dynamic.Interface, []*unstructured.Unstructured, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, nil, err
	}
	if len(bundles) == 0 {
		bundles = []Bundle{CertManager, Gateway}
	}
	var definitions []*unstructured.Unstructured
	for _, bundle := range bundles {
		read, err := bundle.read(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("definitions of %s: %w", bundle, err)
		}
		definitions = append(definitions, read...)
	}
	return client, definitions, nil
}

// awaitServed waits for the condition Established and then for the resource itself, which answers a moment later.
func awaitServed(ctx context.Context, client dynamic.Interface, definition *unstructured.Unstructured) error {
	name := definition.GetName()
	custom, err := servedResource(definition)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return poll(ctx, name+" is not served", func(ctx context.Context) (bool, error) {
		live, err := client.Resource(resource()).Get(ctx, name, metav1.GetOptions{})
		if err != nil || !isEstablished(live) {
			return false, err
		}
		_, err = client.Resource(custom).List(ctx, metav1.ListOptions{Limit: 1})
		return err == nil, ignoreNotFound(err)
	})
}

func awaitGone(ctx context.Context, client dynamic.Interface, definition *unstructured.Unstructured) error {
	name := definition.GetName()
	return poll(ctx, name+" does not go", func(ctx context.Context) (bool, error) {
		_, err := client.Resource(resource()).Get(ctx, name, metav1.GetOptions{})
		return apierrors.IsNotFound(err), ignoreNotFound(err)
	})
}

func poll(ctx context.Context, complaint string, condition wait.ConditionWithContextFunc) error {
	if err := wait.PollUntilContextTimeout(ctx, 25*time.Millisecond, served, true, condition); err != nil {
		return fmt.Errorf("%s: %w", complaint, err)
	}
	return nil
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func isEstablished(definition *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(definition.Object, "status", "conditions")
	for _, condition := range conditions {
		fields, ok := condition.(map[string]any)
		if ok && fields["type"] == "Established" && fields["status"] == "True" {
			return true
		}
	}
	return false
}

// servedResource is the definition's plural in its first served version.
func servedResource(definition *unstructured.Unstructured) (schema.GroupVersionResource, error) {
	group, _, _ := unstructured.NestedString(definition.Object, "spec", "group")
	plural, _, _ := unstructured.NestedString(definition.Object, "spec", "names", "plural")
	versions, _, _ := unstructured.NestedSlice(definition.Object, "spec", "versions")
	for _, version := range versions {
		fields, ok := version.(map[string]any)
		if name, named := fields["name"].(string); ok && named && fields["served"] == true {
			return schema.GroupVersionResource{Group: group, Version: name, Resource: plural}, nil
		}
	}
	return schema.GroupVersionResource{}, errors.New("no version is served")
}
