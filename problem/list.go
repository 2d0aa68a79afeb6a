package problem

import (
	"cmp"
	"slices"
)

// List collects problems. The zero value is an empty list. A copy keeps the problems added so
// far; later additions to one don't show in the other. Adding is not safe for concurrent use.
type List struct {
	last *link
}

// link is a node of a List: a problem and the ones added before it. It is immutable.
type link struct {
	problem Problem
	before  *link
}

// Add appends problems to the list.
func (l *List) Add(ps ...Problem) {
	for _, p := range ps {
		l.last = &link{problem: p, before: l.last}
	}
}

// Merge adds all problems of another list.
func (l *List) Merge(other List) {
	if l.last == nil {
		l.last = other.last
		return
	}
	for at := other.last; at != nil; at = at.before {
		l.Add(at.problem)
	}
}

// Empty reports whether the list has no problems.
func (l List) Empty() bool { return l.last == nil }

// All returns the problems without duplicates, sorted: the worst first, then by object, path, key,
// reason and message. It returns nil for an empty list.
func (l List) All() []Problem {
	var all []Problem
	for at := l.last; at != nil; at = at.before {
		all = append(all, at.problem)
	}
	slices.SortStableFunc(all, compare)
	return slices.Compact(all)
}

// HasErrors reports whether the list has a problem of severity [Error].
func (l List) HasErrors() bool {
	for at := l.last; at != nil; at = at.before {
		if at.problem.Severity == Error {
			return true
		}
	}
	return false
}

// For returns a copy of the list in which problems without an object get o.
func (l List) For(o Object) List {
	var out List
	for _, p := range l.All() {
		if p.Object.IsZero() {
			p.Object = o
		}
		out.Add(p)
	}
	return out
}

// About returns a copy of the list in which problems without a Certificate get one.
func (l List) About(certificate string) List {
	var out List
	for _, p := range l.All() {
		if p.Certificate == "" {
			p.Certificate = certificate
		}
		out.Add(p)
	}
	return out
}

func compare(a, b Problem) int {
	return cmp.Or(
		cmp.Compare(slices.Index(Severities(), a.Severity), slices.Index(Severities(), b.Severity)),
		cmp.Compare(a.Object.String(), b.Object.String()),
		cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Key, b.Key),
		cmp.Compare(a.Certificate, b.Certificate),
		cmp.Compare(a.Reason, b.Reason),
		cmp.Compare(a.Message, b.Message),
		cmp.Compare(a.Value, b.Value),
	)
}
