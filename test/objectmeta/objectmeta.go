// Package objectmeta has the schema of ObjectMeta as far as the ownership of fields goes, for tests that use the API
// server's own code for managedFields. CRDs don't have it.
package objectmeta

import "k8s.io/kube-openapi/pkg/validation/spec"

// Schema has ownerReferences by uid, labels and annotations key by key.
func Schema() spec.Schema {
	texts := spec.MapProperty(spec.StringProperty())
	reference := Object(map[string]spec.Schema{
		"apiVersion": *spec.StringProperty(), "kind": *spec.StringProperty(), "name": *spec.StringProperty(),
		"uid": *spec.StringProperty(), "controller": *spec.BooleanProperty(), "blockOwnerDeletion": *spec.BooleanProperty(),
	})
	reference.AddExtension("x-kubernetes-map-type", "atomic")
	owners := *spec.ArrayProperty(&reference)
	owners.AddExtension("x-kubernetes-list-type", "map")
	owners.AddExtension("x-kubernetes-list-map-keys", []any{"uid"})
	free := Free()
	return Object(map[string]spec.Schema{
		"name": *spec.StringProperty(), "namespace": *spec.StringProperty(), "uid": *spec.StringProperty(),
		"resourceVersion": *spec.StringProperty(), "generation": *spec.Int64Property(), "creationTimestamp": *spec.StringProperty(),
		"labels": *texts, "annotations": *texts, "ownerReferences": owners, "managedFields": *spec.ArrayProperty(&free),
	})
}

// Free is the schema of an object with any fields.
func Free() spec.Schema {
	free := Object(nil)
	free.AddExtension("x-kubernetes-preserve-unknown-fields", true)
	return free
}

// Object is the schema of an object with these fields.
func Object(properties map[string]spec.Schema) spec.Schema {
	return spec.Schema{SchemaProps: spec.SchemaProps{Type: []string{"object"}, Properties: properties}}
}
