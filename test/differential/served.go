package differential

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Objects are those of a case as people send them to an API server: without what it gives
// itself.
type Objects struct {
	// Before are those whose Certificates are there already, Now those that are there after
	// them; one of the same name takes the place of an earlier one.
	Before, Now []*unstructured.Unstructured
}

// Objects gives the objects of the case. Its namespaces become those of the map.
func (c *Case) Objects(namespaces map[string]string) (Objects, error) {
	var objects Objects
	add := func(to *[]*unstructured.Unstructured, sources ...*Object) {
		for _, object := range sources {
			if object != nil {
				*to = append(*to, object.sent(namespaces))
			}
		}
	}
	if c.Before != nil {
		add(&objects.Before, c.Gateway, c.Before)
	}
	if c.RivalFirst {
		add(&objects.Before, c.Rival)
	}
	add(&objects.Now, c.Gateway, &c.Object, c.Rival)
	if names := c.Object.names(); c.Stranger && len(names) > 0 {
		stranger, err := strangerOf(namespaces[c.Object.Namespace], names[0])
		if err != nil {
			return objects, err
		}
		stranger.SetManagedFields(nil)
		stranger.SetUID("")
		stranger.SetResourceVersion("")
		objects.Now = append(objects.Now, stranger)
	}
	return objects, nil
}

// sent is the object as it is sent.
func (o *Object) sent(namespaces map[string]string) *unstructured.Unstructured {
	moved := o.clone()
	moved.UID, moved.Created, moved.Deleting, moved.Finalizers = "", "", false, nil
	moved.Namespace = namespaces[o.Namespace]
	if moved.Parent != nil && moved.Parent.Namespace != nil {
		parent := *moved.Parent
		parent.Namespace = ptr(namespaces[*moved.Parent.Namespace])
		moved.Parent = &parent
	}
	manifest := moved.manifest()
	// Neither side reads what is added here, without which the API server takes no such object.
	if o.Kind == ingressKind {
		set(manifest.Object, map[string]any{"service": map[string]any{"name": "web", "port": map[string]any{"number": int64(80)}}}, "spec", "defaultBackend")
		return manifest
	}
	listeners, _ := at(manifest.Object, "spec")["listeners"].([]any)
	for i, listener := range listeners {
		const first = 1000
		listener.(map[string]any)["port"] = int64(first + i)
	}
	if len(listeners) == 0 {
		plain := map[string]any{"name": "plain", "port": int64(80), "protocol": "HTTP"}
		set(manifest.Object, []any{plain}, "spec", "listeners")
	}
	return manifest
}

// Edit does to a Certificate what somebody else does in this case, but for what would have the
// garbage collector delete it. It says whether that is anything.
func (c *Case) Edit(certificate *unstructured.Unstructured) bool {
	edited := false
	for _, edit := range c.Edits {
		switch edit {
		case addsLabel, addsKeystore, changesSecretName, removesOwner, changesUsages, changesDuration, changesHistory:
			edit.edit(certificate)
			edited = true
		case changesOwnerUID, changesOwnerKind, datesOwnerVersion, removesAll, appliesDuration:
		}
	}
	return edited
}
