package ownership

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/certshim/certshim/certificate"
)

// See reduces a live Certificate, decoded from JSON, to what findings read.
func See(live map[string]any) Certificate {
	metadata, _ := live["metadata"].(map[string]any)
	spec, _ := live["spec"].(map[string]any)
	ref, _ := spec["issuerRef"].(map[string]any)
	c := Certificate{
		Namespace: text(metadata, "namespace"), Name: text(metadata, "name"), UID: text(metadata, "uid"), Secret: text(spec, "secretName"),
		IssuerName: text(ref, "name"), IssuerKind: text(ref, "kind"), IssuerGroup: text(ref, "group"),
		Deleting: metadata["deletionTimestamp"] != nil,
	}
	c.Owner = controllerOf(metadata)
	c.seeEntries(metadata)
	return c
}

// controllerOf is the first owner reference that controls, as cert-manager and certshim read it.
func controllerOf(metadata map[string]any) OwnerReference {
	items, _ := metadata["ownerReferences"].([]any)
	for _, item := range items {
		owner, _ := item.(map[string]any)
		if owner["controller"] == true {
			return OwnerReference{
				APIVersion: text(owner, "apiVersion"), Kind: text(owner, "kind"), Name: text(owner, "name"), UID: text(owner, "uid"),
			}
		}
	}
	return OwnerReference{}
}

// seeEntries notes what managedFields say of certshim and of the shims that it replaces.
func (c *Certificate) seeEntries(metadata map[string]any) {
	items, _ := metadata["managedFields"].([]any)
	var applied string
	shims := map[string]string{}
	for _, item := range items {
		entry, _ := item.(map[string]any)
		manager, version := text(entry, "manager"), text(entry, "apiVersion")
		c.Unserved = c.Unserved || version != "" && version != apiVersion
		switch {
		case text(entry, "subresource") != "":
		case manager == certificate.FieldManager && text(entry, "operation") == "Apply":
			c.Applied, applied = true, text(entry, "time")
			c.Origins = origins(entry)
		case certificate.IsShim(manager):
			shims[manager] = max(shims[manager], text(entry, "time"))
		}
	}
	latest := ""
	for manager, at := range shims {
		if c.Applied && at > applied && (at > latest || at == latest && manager < c.Shim) {
			c.Shim, latest = manager, at
		}
	}
}

// origins are the uids of the owners that an entry names, sorted.
func origins(entry map[string]any) []string {
	fields, _ := entry["fieldsV1"].(map[string]any)
	metadata, _ := fields["f:metadata"].(map[string]any)
	owners, _ := metadata["f:ownerReferences"].(map[string]any)
	var uids []string
	for element := range owners {
		var key struct{ UID string }
		packed, isItem := strings.CutPrefix(element, "k:")
		if isItem && json.Unmarshal([]byte(packed), &key) == nil && key.UID != "" {
			uids = append(uids, key.UID)
		}
	}
	slices.Sort(uids)
	return uids
}
