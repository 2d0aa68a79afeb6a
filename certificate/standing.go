package certificate

// Standing is how many fields of a Certificate are whose, as far as managedFields tell without a
// look at what is asked for: those of the spec, labels, annotations, owner references and
// finalizers that are there.
type Standing struct {
	// Ours are held by our Apply entry alone, Shared by others too, and Foreign by others alone.
	Ours, Shared, Foreign uint16
	// Untracked are held by nobody who is known, and Unserved by an entry of a version that is no
	// longer served.
	Untracked, Unserved uint16
}

// Who holds a field, as bits.
const (
	heldByUs uint8 = 1 << iota
	heldByOthers
	heldByNobodyKnown
	heldUnserved
)

// standing counts the fields. Of a Certificate that is as it should be, none is looked at.
func (o *observation) standing() Standing {
	if o.out.Flags&(OthersHold|UnservedEntries|Untracked|MoreThere) == 0 && o.out.Flags.Has(Applied) {
		return Standing{Ours: uint16(len(o.leaves))}
	}
	holders := map[uint64]uint8{}
	for _, e := range o.entries {
		bit := e.bit()
		new(scanner).on(e.fields).owned(hashRoot, func(path uint64, container bool) {
			if !container {
				holders[path] |= bit
			}
		})
	}
	var s Standing
	for path := range o.leaves {
		switch held := holders[path]; {
		case held&heldUnserved != 0:
			s.Unserved++
		case held&(heldByUs|heldByOthers) == 0:
			s.Untracked++
		case held == heldByUs:
			s.Ours++
		case held&heldByUs != 0:
			s.Shared++
		default:
			s.Foreign++
		}
	}
	return s
}

// bit says what an entry is to the fields that it holds.
func (e seenEntry) bit() uint8 {
	switch {
	case e.unservedVersion():
		return heldUnserved
	case e.ours():
		return heldByUs
	case e.manager == beforeFirstApply, e.manager == ancientChanges:
		return heldByNobodyKnown
	}
	return heldByOthers
}
