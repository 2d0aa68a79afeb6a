package ownership

import (
	"cmp"
	"iter"
	"slices"
)

// place is a name in a namespace.
type place struct{ namespace, name string }

func comparePlaces(a, b place) int {
	return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
}

// claims are what there is at places, sorted by them. There is one for each Certificate and each
// Secret that is asked for, so that a map of lists would be several times as large.
type claims[T any] []claim[T]

type claim[T any] struct {
	at  place
	who T
}

func (c claims[T]) sort() {
	slices.SortFunc(c, func(a, b claim[T]) int { return comparePlaces(a.at, b.at) })
}

// of are those at one place.
func (c claims[T]) of(at place) claims[T] {
	begin, found := slices.BinarySearchFunc(c, at, func(one claim[T], at place) int { return comparePlaces(one.at, at) })
	if !found {
		return nil
	}
	return c[begin:].first()
}

// first are those at the first place.
func (c claims[T]) first() claims[T] {
	n := 0
	for n < len(c) && c[n].at == c[0].at {
		n++
	}
	return c[:n]
}

// places goes through the places.
func (c claims[T]) places() iter.Seq2[place, claims[T]] {
	return func(yield func(place, claims[T]) bool) {
		for len(c) > 0 {
			group := c.first()
			if !yield(group[0].at, group) {
				return
			}
			c = c[len(group):]
		}
	}
}
