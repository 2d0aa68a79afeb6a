package differential

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// existingRows are about what arrives at a Certificate that exists, and why.
func existingRows() []Row {
	return []Row{
		{
			Name: "secret-name-heals",
			Says: "An edited spec.secretName is put back; the Certificate isn't deleted.",
			Hits: func(s *situation) bool { return len(s.renamed()) > 0 },
			Then: func(s *situation) {
				for _, name := range s.renamed() {
					if updated := s.answer.updated[name]; updated != nil {
						s.after[name] = updated
					} else {
						s.leave(name)
					}
				}
			},
		},
		{
			Name: "edits-put-back",
			Says: "A field that the source asks for and that somebody edited on the Certificate is put back at once.",
			Hits: func(s *situation) bool { return len(s.putBack()) > 0 },
			Then: func(s *situation) {
				for _, name := range s.putBack() {
					set(s.after[name], get(s.fresh.created[name], usagesPath...), usagesPath...)
				}
			},
		},
		arrives("addresses-arrive", "A changed IP address arrives at once.", "spec", "ipAddresses"),
		arrives("emails-arrive", "A changed e-mail address arrives at once.", "spec", "emailAddresses"),
		arrives("subject-arrives", "A changed subject arrives at once.", "spec", "subject"),
		arrives("usages-arrive", "Changed usages arrive at once.", "spec", "usages"),
		arrives("template-arrives", "A changed secret-template arrives at once.", "spec", "secretTemplate"),
		arrives("issuer-group-arrives", "A changed issuer-group arrives at once.", "spec", "issuerRef", "group"),
		arrives("percentage-arrives", "A changed renew-before-percentage arrives at once.", "spec", "renewBeforePercentage"),
		arrives("uris-arrive", "URI names that are taken away go at once.", "spec", "uris"),
		arrives("annotations-arrive", "Changed ACME and extra annotations arrive at once, and go when they are taken away.", "metadata", "annotations"),
		arrives("owner-version-heals", "An ownerReference with an old version of the source's group is put right.", "metadata", "ownerReferences"),
	}
}

// renamed are the Certificates that upstream deleted because somebody had edited their
// spec.secretName, although the source names the Secret that they are called by.
func (s *situation) renamed() []string {
	return slices.DeleteFunc(s.before.names(), func(name string) bool {
		edited := text(at(s.before[name], "spec"), "secretName") != name
		return !edited || s.elsewhere(name) || s.after[name] != nil || !slices.Contains(s.in.Object.names(), name)
	})
}

// usagesPath is a field that somebody edits and that upstream doesn't compare.
var usagesPath = []string{"spec", "usages"}

// putBack are the Certificates whose usages somebody edited and upstream left as they are.
func (s *situation) putBack() []string {
	return slices.DeleteFunc(s.wanted(), func(name string) bool {
		return s.elsewhere(name) || s.after[name] == nil || !s.editedByHand(name, usagesPath) ||
			reflect.DeepEqual(get(s.fresh.created[name], usagesPath...), get(s.after[name], usagesPath...))
	})
}

// editedByHand says whether somebody updated a field.
func (s *situation) editedByHand(name string, path []string) bool {
	last := len(path) - 1
	_, edited := held(s.live(name), path[:last]...)[path[last]]
	return edited
}

// arrives is about a field that upstream doesn't compare, or doesn't write.
func arrives(name, says string, path ...string) Row {
	differs := func(s *situation, name string) bool {
		_, exists := s.before[name]
		if !exists || slices.Equal(path, usagesPath) && s.editedByHand(name, path) {
			return false
		}
		return s.after[name] != nil && !reflect.DeepEqual(get(s.after[name], path...), get(s.fresh.created[name], path...))
	}
	return Row{
		Name: name, Says: says,
		Hits: func(s *situation) bool {
			return slices.ContainsFunc(s.wanted(), func(name string) bool { return differs(s, name) })
		},
		Then: func(s *situation) {
			for _, name := range s.wanted() {
				if differs(s, name) {
					set(s.after[name], get(s.fresh.created[name], path...), path...)
				}
			}
		},
	}
}

// othersRows are about what somebody else wrote to a Certificate and keeps.
func othersRows() []Row {
	return []Row{
		{
			Name: "others-labels-stay",
			Says: "A label that somebody else put on the Certificate stays.",
			Hits: func(s *situation) bool { return s.anyHeld(labelsPath) },
			Then: func(s *situation) { s.restoreHeld(labelsPath) },
		},
		{
			Name: "others-compared-stay",
			Says: "A field that the shims compare, that somebody else set and that no annotation asks for, stays.",
			Hits: func(s *situation) bool { return s.anyHeld(specPath, comparedFields...) },
			Then: func(s *situation) { s.restoreHeld(specPath, comparedFields...) },
		},
		{
			Name: "others-fields-stay",
			Says: "A field of the spec that the shims don't compare, that somebody else set and that no annotation asks for, stays.",
			Hits: func(s *situation) bool { return s.anyHeld(specPath, otherFields...) },
			Then: func(s *situation) { s.restoreHeld(specPath, otherFields...) },
		},
		{
			Name: "applied-stays",
			Says: "A field that somebody else applies stays theirs, also if the source asks for another value. `ownership.rules` and `certshim.io/conflicts` may say otherwise.",
			Hits: func(s *situation) bool { return len(s.applied()) > 0 },
			Then: func(s *situation) {
				for _, name := range s.applied() {
					set(s.after[name], editedDuration, "spec", "duration")
				}
			},
		},
	}
}

// keepRows are about what is not touched, and what goes.
func keepRows() []Row {
	return []Row{
		{
			Name: "broken-entry-loses-nothing",
			Says: "While an entry of a Secret is broken, its Certificate gains names but loses none.",
			Hits: func(s *situation) bool { return len(s.losers()) > 0 },
			Then: func(s *situation) {
				for _, name := range s.losers() {
					keepNames(s.after[name], s.before[name])
				}
			},
		},
		commonNameRow(),
		{
			Name: "shim-leaves-behind",
			Says: "What cert-manager's shim wrote and nothing asks for any more stays when its Certificate is taken over.",
			Hits: func(s *situation) bool {
				return s.shimHolds(func(map[string]any, map[string]any) bool { return false })
			},
			Then: func(s *situation) {
				s.shimHolds(func(after, before map[string]any) bool { fill(after, before); return true })
			},
		},
		{
			Name: "owner-whole",
			Says: "A controller reference with the source's uid but another kind or name is somebody else's.",
			Hits: func(s *situation) bool { return len(s.misowned()) > 0 },
			Then: func(s *situation) {
				for _, name := range s.misowned() {
					s.leave(name)
				}
			},
		},
		{
			Name: "unneeded-goes-anyway",
			Says: "A Certificate whose Secret the source no longer names goes, whatever is wrong with a source that wants no new one.",
			Hits: func(s *situation) bool { return len(s.unneeded()) > 0 },
			Then: func(s *situation) {
				for _, name := range s.unneeded() {
					delete(s.after, name)
				}
			},
		},
		{
			Name: "unneeded-waits",
			Says: "A Certificate whose Secret the source no longer names stays until the source has each Certificate that it asks for.",
			Hits: func(s *situation) bool { return len(s.tooEarly()) > 0 },
			Then: func(s *situation) {
				for _, name := range s.tooEarly() {
					s.leave(name)
				}
			},
		},
	}
}

var nameFields = []string{"dnsNames", "ipAddresses", "uris", "emailAddresses"}

// keepNames puts the names that were there before those that are wanted.
func keepNames(after, before map[string]any) {
	for _, field := range nameFields {
		all := add(field, list(before, "spec", field), list(after, "spec", field))
		set(after, anys(all), "spec", field)
	}
}

// Fields that somebody sets where no annotation does: those that upstream compares, and others.
var (
	comparedFields = []string{"duration", "revisionHistoryLimit"}
	otherFields    = []string{"isCA"}

	specPath, labelsPath = []string{"spec"}, []string{"metadata", "labels"}
)

// applied are the Certificates whose duration somebody applies, and to which upstream gave another.
func (s *situation) applied() []string {
	return slices.DeleteFunc(s.wanted(), func(name string) bool {
		if s.elsewhere(name) || s.after[name] == nil || get(s.after[name], "spec", "duration") == editedDuration {
			return true
		}
		return !slices.ContainsFunc(s.live(name).GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool { return entry.Manager == applierManager })
	})
}

// losers are the Certificates of a broken entry that would lose a name.
func (s *situation) losers() []string {
	return slices.DeleteFunc(s.wanted(), func(name string) bool {
		before, exists := s.before[name]
		if !exists || !s.broken[name] || s.after[name] == nil {
			return true
		}
		kept := certificates{name: s.after[name]}.clone()[name]
		keepNames(kept, before)
		return reflect.DeepEqual(kept, s.after[name])
	})
}

// findBroken finds the Secrets that an entry names which is meant to count and doesn't.
func (s *situation) findBroken() {
	for _, entry := range s.in.Object.clone().Entries {
		if !s.counts(&entry) {
			continue
		}
		whole := len(entry.Hosts) == 0 || slices.ContainsFunc(entry.Hosts, func(host string) bool { return badHost(strings.TrimSpace(host)) }) ||
			s.in.Object.Kind != ingressKind && entry.Mode != nil && *entry.Mode != "Terminate" || s.conflicted[entry.Name]
		for _, ref := range entry.Refs {
			if whole || badRef(ref, s.in.Object.Namespace) {
				s.broken[strings.TrimSpace(ref.Name)] = true
			}
		}
	}
}

// elsewhere says whether a Certificate isn't this source's.
func (s *situation) elsewhere(name string) bool {
	live := s.live(name)
	return live == nil || owner(live) != s.in.Object.UID
}

func (s *situation) live(name string) *unstructured.Unstructured {
	for _, certificate := range s.in.Existing {
		if certificate.GetName() == name {
			return certificate
		}
	}
	return nil
}

// held are the fields at a path that a manager other than certshim and the shims holds.
func held(live *unstructured.Unstructured, path ...string) map[string]any {
	out := map[string]any{}
	for _, entry := range live.GetManagedFields() {
		if entry.Manager != otherManager || entry.FieldsV1 == nil {
			continue
		}
		var fields map[string]any
		if utiljson.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) != nil {
			continue
		}
		steps := make([]string, len(path))
		for i, step := range path {
			steps[i] = "f:" + step
		}
		for field := range at(fields, steps...) {
			if value := get(live.Object, append(slices.Clone(path), field[min(2, len(field)):])...); value != nil {
				out[field[2:]] = value
			}
		}
	}
	return out
}

// missing are the fields at a path that others hold and that a Certificate has lost: those named,
// or any.
func (s *situation) missing(name string, path []string, fields []string) map[string]any {
	if s.elsewhere(name) || s.after[name] == nil {
		return nil
	}
	out := held(s.live(name), path...)
	maps.DeleteFunc(out, func(field string, _ any) bool {
		return len(fields) > 0 && !slices.Contains(fields, field) || get(s.after[name], append(slices.Clone(path), field)...) != nil
	})
	return out
}

func (s *situation) anyHeld(path []string, fields ...string) bool {
	return slices.ContainsFunc(s.wanted(), func(name string) bool { return len(s.missing(name, path, fields)) > 0 })
}

func (s *situation) restoreHeld(path []string, fields ...string) {
	for _, name := range s.wanted() {
		for field, value := range s.missing(name, path, fields) {
			set(s.after[name], value, append(slices.Clone(path), field)...)
		}
	}
}

// shimHolds goes through the Certificates of a shim that have lost something, and says
// whether there are any.
func (s *situation) shimHolds(do func(after, before map[string]any) bool) bool {
	found := false
	for _, name := range s.wanted() {
		live := s.live(name)
		if s.elsewhere(name) || s.after[name] == nil || !slices.ContainsFunc(live.GetManagedFields(), isShims) {
			continue
		}
		kept := certificates{name: s.after[name]}.clone()[name]
		fill(kept, s.before[name])
		if !reflect.DeepEqual(kept, s.after[name]) {
			found = true
			do(s.after[name], s.before[name])
		}
	}
	return found
}

// fill adds the leaves that a Certificate had before and has no more.
func fill(after, before map[string]any) {
	for field, value := range before {
		inner, isMap := value.(map[string]any)
		there, found := after[field]
		switch {
		case !found:
			set(after, value, field)
		case isMap:
			if below, ok := there.(map[string]any); ok {
				fill(below, inner)
			}
		}
	}
}

// misowned are the Certificates with the source's uid in a reference to something else.
func (s *situation) misowned() []string {
	var out []string
	for _, certificate := range s.in.Existing {
		for _, reference := range certificate.GetOwnerReferences() {
			if string(reference.UID) == s.in.Object.UID && (reference.Kind != s.in.Object.Kind || reference.Name != s.in.Object.Name) {
				out = append(out, certificate.GetName())
			}
		}
	}
	return out
}

// unneeded are the Certificates of a source that upstream left before it came to deleting,
// and that the source doesn't name.
func (s *situation) unneeded() []string {
	if !s.answer.stopped && !s.issuerRefused || s.awaits() {
		return nil
	}
	return s.unnamed()
}

// unnamed are the Certificates of a source that it doesn't name.
func (s *situation) unnamed() []string {
	var out []string
	for _, certificate := range s.in.Existing {
		name, secret := certificate.GetName(), text(at(certificate.Object, "spec"), "secretName")
		named := s.in.Object.names()
		if owner(certificate) == s.in.Object.UID && !slices.Contains(named, secret) && !slices.Contains(named, name) &&
			!slices.Contains(s.misowned(), name) {
			out = append(out, name)
		}
	}
	return out
}

// tooEarly are those that would go although the source waits for another.
func (s *situation) tooEarly() []string {
	if !s.awaits() {
		return nil
	}
	return slices.DeleteFunc(s.unnamed(), func(name string) bool { return s.after[name] != nil })
}

// awaits says whether the source asks for a Certificate that it doesn't have in the end.
func (s *situation) awaits() bool {
	return s.asksElsewhere || slices.ContainsFunc(s.asked, func(name string) bool {
		return s.after[name] == nil || s.live(name) != nil && (s.elsewhere(name) || slices.Contains(s.misowned(), name))
	})
}

// findAsked finds the Secrets that an entry names which is meant to count.
func (s *situation) findAsked() {
	ignored := items(s.in.Object.Annotations[ownIgnoreKey])
	for _, entry := range s.in.Object.clone().Entries {
		if !s.counts(&entry) || slices.Contains(ignored, entry.Name) {
			continue
		}
		for _, ref := range entry.Refs {
			switch {
			case ref.Name == "" || badSecretName(ref.Name) || slices.Contains(ignored, ref.Name):
			case ref.Namespace != nil && *ref.Namespace != "" && *ref.Namespace != s.in.Object.Namespace:
				s.asksElsewhere = true // no case has a ReferenceGrant
			default:
				s.asked = append(s.asked, ref.Name)
			}
		}
	}
}

func isShims(entry metav1.ManagedFieldsEntry) bool { return entry.Manager == shimManager }
