package certificate

import (
	"strings"

	"github.com/certshim/certshim/resolver"
)

// Observe reduces a Certificate, decoded as the API server sends it, to what decisions
// read. It doesn't change or keep the object, and sets neither [Observed.Live] nor
// [TakenOver].
func Observe(object map[string]any) Observed {
	metadata, _ := object["metadata"].(map[string]any)
	spec, _ := object["spec"].(map[string]any)
	o := Observed{
		Namespace: text(metadata, "namespace"), Name: text(metadata, "name"),
		UID: text(metadata, "uid"), ResourceVersion: text(metadata, "resourceVersion"),
		Secret: text(spec, "secretName"), Owner: controllerOwner(metadata), Issuer: observeIssuer(spec), Held: observeHeld(metadata, spec),
	}
	if metadata["deletionTimestamp"] != nil {
		o.Flags |= Deleting
	}
	o.observeFields(object)
	return o
}

func observeIssuer(spec map[string]any) resolver.Ref {
	if spec["issuerRef"] == nil {
		return resolver.Ref{}
	}
	issuer := issuerOf(spec)
	return resolver.Ref{Name: issuer[0], Kind: issuer[1], Group: issuer[2]}
}

func (o *Observed) observeFields(object map[string]any) {
	entries := managedFields(object)
	if len(entries) == 0 {
		o.Flags |= Untracked
		return
	}
	own := ownEntry(entries)
	if own != nil {
		o.Flags |= Applied
		o.Have = have(own.fields(), object)
	}
	for _, e := range entries {
		o.Flags |= e.flags(own)
	}
}

func ownEntry(entries []entry) entry {
	for _, e := range entries {
		if e.ours() {
			return e
		}
	}
	return nil
}

// flags are what one entry adds to those of the Certificate; own is nil if there is none.
func (e entry) flags(own entry) Flags {
	var flags Flags
	if e.unserved() {
		flags |= UnservedEntries
	}
	if !e.main() || e.ours() || !holdsOurKind(e.fields()) {
		return flags
	}
	flags |= OthersHold
	if e.taken() && e.fresh(own) {
		flags |= ShimEntries
	}
	return flags
}

// fresh tells fields to be taken over from those that an earlier take-over left behind.
func (e entry) fresh(own entry) bool {
	return own == nil || e.time() > own.time() || shares(e.fields(), own.fields())
}

func text(fields map[string]any, name string) string {
	value, _ := fields[name].(string)
	return value
}

func controllerOwner(metadata map[string]any) Owner {
	references, _ := metadata["ownerReferences"].([]any)
	for _, item := range references {
		reference, _ := item.(map[string]any)
		if controls, _ := reference["controller"].(bool); !controls {
			continue
		}
		return Owner{
			Group: groupOf(text(reference, "apiVersion")), Kind: text(reference, "kind"),
			Name: text(reference, "name"), UID: text(reference, "uid"),
		}
	}
	return Owner{}
}

// groupOf is the group of an apiVersion, empty for the core group.
func groupOf(apiVersion string) string {
	group, _, found := strings.Cut(apiVersion, "/")
	if !found {
		return ""
	}
	return group
}
