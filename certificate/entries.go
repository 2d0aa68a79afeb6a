package certificate

import "bytes"

// seenEntry is one entry of managedFields in JSON.
type seenEntry struct {
	holder
	fields []byte
	// isFieldsV1 is set if it says that its fields are in that form, which is the only one.
	isFieldsV1 bool
}

// entry reads an entry of managedFields. One without members tells that there are none.
func (o *observation) entry() {
	var e seenEntry
	empty := true
	for name := range o.members() {
		empty = false
		switch string(name) {
		case "fieldsV1":
			e.fields = o.value()
			continue
		case "fieldsType":
			e.isFieldsV1 = string(o.text()) == "FieldsV1"
			continue
		}
		into := e.field(name)
		*into = string(o.text())
	}
	if !empty {
		o.entries = append(o.entries, e)
	}
}

// field is where a text of an entry belongs.
func (h *holder) field(name []byte) *string {
	switch string(name) {
	case "manager":
		return &h.manager
	case "operation":
		return (*string)(&h.operation)
	case "subresource":
		return &h.subresource
	case "apiVersion":
		return &h.version
	case "time":
		return &h.time
	}
	return new(string)
}

// ownership sets what follows from who holds which field.
func (o *observation) ownership() {
	if len(o.entries) == 0 {
		o.out.Flags |= Untracked
	}
	own := o.own()
	if own != nil {
		o.out.Flags |= Applied
		o.out.Have = o.have(own.fields)
	}
	if own != nil && o.out.Owner == (Owner{}) && namesOwner(own.fields) {
		o.out.Flags |= Disowned
	}
	for _, e := range o.entries {
		o.out.Flags |= e.flags(own)
	}
	switch {
	case o.out.Flags.Has(Applied | OthersHold):
		o.out.Others = o.others()
	case own != nil && (len(o.leaves) != int(o.out.Have.Leaves) || o.hasOddEntries()):
		o.out.Flags |= MoreThere
	}
	o.out.Standing = o.standing()
}

// hasOddEntries says whether an entry isn't as the API server writes it, or a second one is ours.
func (o *observation) hasOddEntries() bool {
	ours := 0
	for _, e := range o.entries {
		if e.ours() {
			ours++
		}
		isOdd := e.operation != byApply && e.operation != byUpdate || e.version == "" || !e.isFieldsV1
		if isOdd || !e.mainResource() && holdsOurKind(e.fields) {
			return true
		}
	}
	return ours != 1
}

// ownerByTie takes the source that the tie names for the owner. The tie has to be ours: what
// somebody else wrote there says nothing.
func (o *observation) ownerByTie() {
	if o.out.Tie == "" || o.out.Owner != (Owner{}) || !o.holds("metadata", "annotations", TieKey) {
		return
	}
	tie, err := ParseTie(o.out.Tie)
	if err == nil && tie.Source.UID != "" && tie.isFor(o.out) {
		o.out.Owner = tie.Source
		if tie.Namespace != o.out.Namespace {
			o.out.Owner.Namespace = tie.Namespace
		}
		o.out.Flags |= Tied
	}
}

// holds says whether our entry has a field; without any entries that can't be known.
func (o *observation) holds(path ...string) bool {
	own := o.own()
	if own == nil {
		return o.out.Flags.Has(Untracked)
	}
	held, field := false, hashRoot
	for _, name := range path {
		field = hashField(field, name)
	}
	new(scanner).on(own.fields).owned(hashRoot, func(path uint64, container bool) { held = held || path == field && !container })
	return held
}

// own is our own entry, or nil.
func (o *observation) own() *seenEntry {
	for i := range o.entries {
		if o.entries[i].ours() {
			return &o.entries[i]
		}
	}
	return nil
}

// flags are what one entry adds to those of the Certificate; own is nil if there is none.
func (e seenEntry) flags(own *seenEntry) Flags {
	var flags Flags
	if e.unservedVersion() {
		flags |= UnservedEntries
	}
	if !e.mainResource() || e.ours() || !holdsOurKind(e.fields) {
		return flags
	}
	flags |= OthersHold
	if e.takeable() && e.needsTakeOver(own) {
		flags |= ShimEntries
	}
	return flags
}

// fresh tells fields to be taken over from those that an earlier take-over left behind.
func (e seenEntry) needsTakeOver(own *seenEntry) bool {
	return own == nil || e.time > own.time || shares(e.fields, own.fields)
}

// holdsOurKind says whether a fieldsV1 has a field of the kinds that we write.
func holdsOurKind(fields []byte) bool {
	holds, s := false, new(scanner).on(fields)
	for element := range s.members() {
		switch string(element) {
		case "f:spec":
			holds = true
			s.value()
		case "f:metadata":
			for element := range s.members() {
				switch string(element) {
				case "f:labels", "f:annotations", "f:ownerReferences":
					holds = true
				}
				s.value()
			}
		default:
			s.value()
		}
	}
	return holds
}

// namesOwner says whether a fieldsV1 has an owner reference.
func namesOwner(fields []byte) bool {
	names, s := false, new(scanner).on(fields)
	for element := range s.members() {
		if string(element) != "f:metadata" {
			s.value()
			continue
		}
		for element := range s.members() {
			if string(element) != "f:ownerReferences" {
				s.value()
				continue
			}
			for element := range s.members() {
				names = names || bytes.HasPrefix(element, []byte("k:"))
				s.value()
			}
		}
	}
	return names
}

// shares says whether two fieldsV1 own one and the same leaf.
func shares(a, b []byte) bool {
	both, owned := false, map[uint64]bool{}
	var s scanner
	s.on(a).owned(hashRoot, func(path uint64, container bool) { owned[path] = !container })
	s.on(b).owned(hashRoot, func(path uint64, container bool) { both = both || owned[path] && !container })
	return both
}

// others stands for the fields of the main resource that others hold, with the live values.
func (o *observation) others() uint64 {
	var d Digest
	for _, e := range o.entries {
		if e.ours() || !e.mainResource() {
			continue
		}
		o.on(e.fields).owned(hashRoot, func(path uint64, _ bool) { d.add(path, o.leaves[path]) })
	}
	return d.Sum
}

// have is the digest of what a fieldsV1 owns, with the live values. What has none, and a
// container, counts as something that no configuration of ours holds.
func (o *observation) have(fields []byte) Digest {
	var d Digest
	o.on(fields).owned(hashRoot, func(path uint64, container bool) {
		value, found := o.leaves[path]
		if container || !found {
			value = hashNoValue
		}
		d.add(path, value)
	})
	return d
}
