package problem

import (
	"cmp"
	"errors"
	"slices"

	"github.com/hashicorp/go-multierror"
)

// List collects problems. The zero value is an empty list, ready to use; adding to it
// is not safe for concurrent use.
type List struct {
	errs *multierror.Error
}

// Add puts problems on the list.
func (l *List) Add(ps ...Problem) {
	for _, p := range ps {
		l.errs = multierror.Append(l.errs, p)
	}
}

// Merge puts all problems of another list on this one.
func (l *List) Merge(other List) {
	if other.errs != nil {
		l.errs = multierror.Append(l.errs, other.errs.Errors...)
	}
}

// Empty says whether nothing was added.
func (l List) Empty() bool { return l.errs == nil || len(l.errs.Errors) == 0 }

// All gives the problems sorted (errors first, then by object, path, key, reason and
// message), each once. It is nil for an empty list.
func (l List) All() []Problem {
	if l.Empty() {
		return nil
	}
	all := make([]Problem, 0, len(l.errs.Errors))
	for _, err := range l.errs.Errors {
		var p Problem
		if errors.As(err, &p) {
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, compare)
	return slices.Compact(all)
}

// HasErrors says whether a problem of severity [Error] is on the list.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l.All(), func(p Problem) bool { return p.Severity == Error })
}

// ErrorOrNil is the list as one error, or an untyped nil when it is empty.
func (l List) ErrorOrNil() error { return l.errs.ErrorOrNil() }

// For gives the list with the object of every problem set that has none yet.
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

func compare(a, b Problem) int {
	return cmp.Or(
		cmp.Compare(a.Severity, b.Severity),
		cmp.Compare(a.Object.String(), b.Object.String()),
		cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Key, b.Key),
		cmp.Compare(a.Reason, b.Reason),
		cmp.Compare(a.Message, b.Message),
		cmp.Compare(a.Value, b.Value),
	)
}
