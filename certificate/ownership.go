package certificate

// Groups and versions of the Certificate resource.
const (
	group      = "cert-manager.io"
	apiVersion = "cert-manager.io/v1"
)

// operation is how a manager came to own fields.
type operation string

const (
	byApply  operation = "Apply"
	byUpdate operation = "Update"
)

// beforeFirstApply is the API server's name for all that was there, untracked, when
// somebody applied for the first time.
const beforeFirstApply = "before-first-apply"

// entry is one entry of managedFields, as a decoded object holds it.
type entry map[string]any

// managedFields gives the entries of an object.
func managedFields(object map[string]any) []entry {
	metadata, _ := object["metadata"].(map[string]any)
	items, _ := metadata["managedFields"].([]any)
	entries := make([]entry, 0, len(items))
	for _, item := range items {
		if fields, ok := item.(map[string]any); ok && len(fields) > 0 {
			entries = append(entries, fields)
		}
	}
	return entries
}

func (e entry) text(name string) string {
	text, _ := e[name].(string)
	return text
}

func (e entry) manager() string      { return e.text("manager") }
func (e entry) operation() operation { return operation(e.text("operation")) }

// time is in UTC and of one length, so that times compare as text. It may be missing.
func (e entry) time() string { return e.text("time") }

func (e entry) fields() map[string]any {
	fields, _ := e["fieldsV1"].(map[string]any)
	return fields
}

// main says whether the entry is of the main resource, not of a subresource.
func (e entry) main() bool { return e.text("subresource") == "" }

// ours is the entry that our applies write.
func (e entry) ours() bool {
	return e.main() && e.manager() == FieldManager && e.operation() == byApply
}

// shim says whether the entry is of one of cert-manager's shims. With its gate
// ServerSideApply a shim has entries of both operations.
func (e entry) shim() bool { return e.main() && isShim(e.manager()) }

// taken says whether the fields of the entry are taken over: they came from a shim, from
// an earlier update of ours, or from nobody who is known.
func (e entry) taken() bool {
	if !e.main() {
		return false
	}
	return e.shim() || e.operation() == byUpdate && (e.manager() == FieldManager || e.manager() == beforeFirstApply)
}

// unserved says whether the entry names a version that the CRD no longer serves.
func (e entry) unserved() bool {
	version := e.text("apiVersion")
	return version != apiVersion && version != ""
}

// isShim knows the field managers of cert-manager's shims, by which the switch follows.
func isShim(manager string) bool {
	_, known := shimSwitch(manager)
	return known
}

// shimSwitch names the flag of cert-manager's controller that switches a shim off.
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

// holdsOurKind says whether a fieldsV1 has a field of the kinds that we write.
func holdsOurKind(fields map[string]any) bool {
	if _, ok := fields["f:spec"]; ok {
		return true
	}
	metadata, _ := fields["f:metadata"].(map[string]any)
	for _, name := range []string{"f:labels", "f:annotations", "f:ownerReferences"} {
		if _, ok := metadata[name]; ok {
			return true
		}
	}
	return false
}

// shares says whether two fieldsV1 own one and the same leaf.
func shares(a, b map[string]any) bool {
	for element, child := range a {
		other, both := b[element].(map[string]any)
		if !both || element == "." {
			continue
		}
		below, _ := child.(map[string]any)
		if (len(below) == 0 && len(other) == 0) || shares(below, other) {
			return true
		}
	}
	return false
}
