package app

import (
	"context"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/issuance"
	"github.com/certshim/certshim/resolver"
)

// kindList is what is asked for of a kind: some paths of at most so many objects; 0 is all.
type kindList struct {
	kind     string
	resource schema.GroupVersionResource
	paths    []string
	most     int64
	// about is the uid of the object that Events are about.
	about string
}

// chainObjects are those that cert-manager makes of Certificates: of a cluster, or saved.
type chainObjects interface {
	// lacks says that there is no such kind, so that nothing needs to be read.
	lacks(kind resolver.GroupKind) bool
	// each gives the objects in a namespace, or in all with an empty name.
	each(ctx context.Context, of kindList, namespace string, take func(map[string]any)) error
	// one is the object of a name; nil if it isn't there.
	one(ctx context.Context, of kindList, namespace, name string) (map[string]any, error)
}

// clusterObjects are those of a cluster.
type clusterObjects struct{ *reading }

func (c clusterObjects) lacks(kind resolver.GroupKind) bool { return c.served.Lacks(kind) }

func (c clusterObjects) each(ctx context.Context, of kindList, namespace string, take func(map[string]any)) error {
	if of.most == 0 {
		return cluster.List(ctx, c.connection, cluster.Resource{GVR: of.resource, Paths: of.paths}, namespace, func(item any) error {
			if object, is := item.(*unstructured.Unstructured); is {
				take(object.Object)
			}
			return nil
		})
	}
	client, err := c.connection.Dynamic(of.paths, nil)
	if err != nil {
		return err
	}
	options := metav1.ListOptions{Limit: of.most}
	if of.about != "" {
		options.FieldSelector = "involvedObject.uid=" + of.about
	}
	list, err := client.Resource(of.resource).Namespace(namespace).List(ctx, options)
	if err != nil {
		return err
	}
	for _, item := range list.Items {
		take(item.Object)
	}
	return nil
}

func (c clusterObjects) one(ctx context.Context, of kindList, namespace, name string) (map[string]any, error) {
	client, err := c.connection.Dynamic(of.paths, nil)
	if err != nil {
		return nil, err
	}
	object, err := client.Resource(of.resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return object.Object, nil
}

// savedObjects are those of documents.
type savedObjects struct{ all []*unstructured.Unstructured }

// kept are the kinds that are kept of documents, beside the issuers.
func (s *savedObjects) add(object *unstructured.Unstructured) {
	kinds := []string{issuance.KindCertificate, issuance.KindRequest, issuance.KindOrder, issuance.KindChallenge, issuance.KindEvent}
	if slices.Contains(kinds, object.GetKind()) || strings.HasSuffix(object.GetKind(), resolver.IssuerKind) {
		s.all = append(s.all, object)
	}
}

// lacks is never true: what isn't among the documents may be there all the same.
func (s *savedObjects) lacks(resolver.GroupKind) bool { return false }

func (s *savedObjects) each(_ context.Context, of kindList, namespace string, take func(map[string]any)) error {
	for _, object := range s.all {
		involved, _, _ := unstructured.NestedString(object.Object, "involvedObject", "uid")
		switch {
		case object.GetKind() != of.kind || object.GroupVersionKind().Group != of.resource.Group:
		case namespace != "" && object.GetNamespace() != namespace:
		case of.about != "" && of.about != involved:
		default:
			take(object.Object)
		}
	}
	return nil
}

func (s *savedObjects) one(ctx context.Context, of kindList, namespace, name string) (found map[string]any, err error) {
	err = s.each(ctx, of, namespace, func(object map[string]any) {
		if metadata, _ := object["metadata"].(map[string]any); metadata["name"] == name {
			found = object
		}
	})
	return found, err
}

// missing are the kinds of which there is none, so that nothing can be known of them.
func (s *savedObjects) missing() []string {
	var missing []string
	for _, kind := range []string{issuance.KindRequest, issuance.KindOrder, issuance.KindChallenge, issuance.KindEvent} {
		if !slices.ContainsFunc(s.all, func(o *unstructured.Unstructured) bool { return o.GetKind() == kind }) {
			missing = append(missing, kind)
		}
	}
	return missing
}
