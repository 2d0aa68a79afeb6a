package certificate

import "sigs.k8s.io/structured-merge-diff/v6/fieldpath"

// Groups and versions of the Certificate resource.
const (
	group      = "cert-manager.io"
	apiVersion = "cert-manager.io/v1"
)

// operation is the operation of an entry in managedFields.
type operation string

const (
	byApply  operation = "Apply"
	byUpdate operation = "Update"
)

// beforeFirstApply is the API server's manager for all fields that were untracked at the first
// apply.
const beforeFirstApply = "before-first-apply"

// ancientChanges is the API server's manager for the oldest of too many updates.
const ancientChanges = "ancient-changes"

// holder is who holds the fields of an entry of managedFields, and how it came to them.
type holder struct {
	manager     string
	operation   operation
	subresource string
	// version is the apiVersion in whose fields the entry speaks.
	version string
	// time is in UTC and of one length, so that times compare as text. It may be missing.
	time string
}

// mainResource says whether the entry is of the main resource, not of a subresource.
func (h holder) mainResource() bool { return h.subresource == "" }

// ours is the entry that our applies write.
func (h holder) ours() bool {
	return h.mainResource() && h.manager == FieldManager && h.operation == byApply
}

// byShim says whether the entry is of one of cert-manager's shims. With its gate
// ServerSideApply a shim has entries of both operations.
func (h holder) byShim() bool { return h.mainResource() && isShim(h.manager) }

// takeable says whether the fields of the entry are taken over: they came from a shim, from
// an earlier update of ours, or from nobody who is known.
func (h holder) takeable() bool {
	if !h.mainResource() {
		return false
	}
	return h.byShim() || h.operation == byUpdate && (h.manager == FieldManager || h.manager == beforeFirstApply)
}

// unservedVersion says whether the entry names a version that the CRD no longer serves.
func (h holder) unservedVersion() bool { return h.version != apiVersion && h.version != "" }

// entry is one entry of managedFields of a decoded object.
type entry struct {
	holder
	content map[string]any
}

// managedFields returns the entries of an object.
func managedFields(object map[string]any) []entry {
	metadata, _ := object["metadata"].(map[string]any)
	items, _ := metadata["managedFields"].([]any)
	entries := make([]entry, 0, len(items))
	for _, item := range items {
		if content, ok := item.(map[string]any); ok && len(content) > 0 {
			entries = append(entries, entry{content: content, holder: holder{
				manager: text(content, "manager"), operation: operation(text(content, "operation")),
				subresource: text(content, "subresource"), version: text(content, "apiVersion"), time: text(content, "time"),
			}})
		}
	}
	return entries
}

// ownEntry is that of our applies; without content if there is none.
func ownEntry(entries []entry) entry {
	for _, e := range entries {
		if e.ours() {
			return e
		}
	}
	return entry{}
}

// fields are those that the entry owns.
func (e entry) fields() *fieldpath.Set { return parseFields(e.content["fieldsV1"]) }

// isShim knows the field managers of cert-manager's shims, by which the switch follows.
func isShim(manager string) bool {
	_, known := shimSwitch(manager)
	return known
}

// shimSwitch returns the flag of cert-manager's controller that disables a shim.
func shimSwitch(manager string) (string, bool) {
	switch manager {
	case "cert-manager-ingress-shim":
		return "--controllers=*,-ingress-shim", true
	case "cert-manager-gateway-shim":
		return "--controllers=*,-gateway-shim, or --enable-gateway-api=false", true
	case "cert-manager-listenerset":
		return "--enable-gateway-api-listenerset=false", true
	}
	return "", false
}
