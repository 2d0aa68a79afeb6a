package inventory

import (
	"strconv"

	"github.com/certshim/certshim/certificate"
)

// edits tells edits of sources from all else that may change what is decided. A server's
// resourceVersions are numbers that grow: a source that was written since somebody looked last
// has a greater one than anything that was there then.
type edits struct {
	// looked is the greatest resourceVersion up to which somebody looked, 0 before [Inventory.Begin]; latest
	// is that of the sources that are known, and routes that of the routes.
	looked, latest, routes uint64
	// begun is the resourceVersion up to which somebody else may have written for a source, 0 if nobody is known to have.
	begun uint64
}

// of is whether a source was edited, by its version before, nil for none.
func (e *edits) of(old, item *Source) certificate.Edit {
	version := item.version()
	e.latest = max(e.latest, version)
	switch {
	case item.resourceVersion() == "":
		return certificate.EditSeen // a document that no server has seen
	case old == nil && (e.looked == 0 || version > e.looked):
		return certificate.EditPossible
	case old == nil:
		return certificate.EditNone
	case old.resourceVersion() != item.resourceVersion() && !old.same(&item.compact):
		return certificate.EditSeen
	}
	return old.edit
}

// mayHaveBeenFulfilled is whether a source may have had what it asked for: this process has seen so, or somebody else may have done it before.
func (e *edits) mayHaveBeenFulfilled(old, item *Source) bool {
	if old == nil {
		return e.isBefore(item)
	}
	return old.mayHaveBeenFulfilled
}

// isBefore reports whether a source is one for which somebody else may have written.
func (e *edits) isBefore(item *Source) bool { return e.begun > 0 && item.version() <= e.begun }

// isSince reports whether an object was written since somebody looked; one that no server has seen was.
func (e *edits) isSince(c *compact) bool { return c.resourceVersion() == "" || c.version() > e.looked }

// rest lets sources that are read again count as they are.
func (e *edits) rest() { e.looked = max(e.looked, e.latest) }

// version is the resourceVersion as a number, 0 for one that isn't.
func (c *compact) version() uint64 {
	version, _ := strconv.ParseUint(c.resourceVersion(), 10, 64)
	return version
}

// Begin begins the time in which this process decides about what there is. Before, somebody else
// did so until the resourceVersion looked at least: sources that were written since may have been edited. It is empty if
// that isn't known, and then none counts as edited. From the resourceVersion begun on, nobody else did: what sources asked for
// up to then may have been done.
func (i *Inventory) Begin(looked, begun string) {
	i.lock.Lock()
	defer i.lock.Unlock()
	version, err := strconv.ParseUint(looked, 10, 64)
	if err != nil {
		i.edits.looked, i.edits.begun = max(i.edits.latest, i.edits.routes), 0
	} else {
		last, _ := strconv.ParseUint(begun, 10, 64)
		i.edits.looked, i.edits.begun = version, max(version, last)
	}
	for _, o := range i.owners {
		s := o.source
		if s == nil {
			continue
		}
		s.mayHaveBeenFulfilled = s.mayHaveBeenFulfilled || i.edits.isBefore(s)
		switch {
		case err != nil && s.edit == certificate.EditSeen:
		case s.version() > i.edits.looked:
			s.edit = certificate.EditPossible
		default:
			s.edit = certificate.EditNone
		}
	}
}

// Edit is whether the source was edited since its Certificates were last as it asks.
func (l *Look) Edit() certificate.Edit {
	l.lock.RLock()
	defer l.lock.RUnlock()
	return l.item.edit
}

// Fulfilled notes that all that the source asks for is done: what changes from now on has another
// reason, until it is edited again.
func (l *Look) Fulfilled() {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.source(l.key) == l.item {
		l.item.edit, l.item.mayHaveBeenFulfilled = certificate.EditNone, true
	}
}

// MayHaveBeenFulfilled is whether all that the source asked for may have been done at some time.
func (l *Look) MayHaveBeenFulfilled() bool {
	l.lock.RLock()
	defer l.lock.RUnlock()
	return l.item.mayHaveBeenFulfilled
}
