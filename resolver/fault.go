package resolver

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/certshim/certshim/problem"
)

// fault is what is wrong at a path of a declaration or a statement, such as
// constraints.durations.max.
type fault struct {
	path string
	err  error
}

// faults are collected in the order in which they are found.
type faults []fault

// add takes what is wrong at a path, if anything is.
func (f *faults) add(path string, err error) {
	if err != nil {
		*f = append(*f, fault{path: path, err: err})
	}
}

// under takes those of a part whose paths begin at another one.
func (f *faults) under(path string, part faults) {
	for _, one := range part {
		full := strings.ReplaceAll(path+"."+one.path, ".[", "[")
		f.add(strings.Trim(full, "."), one.err)
	}
}

// err is all of them, each behind its path, by which they are sorted.
func (f faults) err() error {
	var errs []error
	for _, one := range slices.SortedStableFunc(slices.Values(f), func(a, b fault) int { return cmp.Compare(a.path, b.path) }) {
		errs = append(errs, fmt.Errorf("%s: %w", one.path, one.err))
	}
	return errors.Join(errs...)
}

// fewWords are so few that all of them are named beside the one that is meant.
const fewWords = 7

// noneOf says that a word is none of those that may stand there, and which one is meant.
func noneOf[T ~string](word T, words []T) error {
	texts := make([]string, len(words))
	for i, each := range words {
		texts[i] = string(each)
	}
	near, all := nearest(string(word), texts), strings.Join(texts, ", ")
	switch {
	case near == "":
		return fmt.Errorf("%s is none of %s", problem.Quote(string(word)), all)
	case len(words) > fewWords:
		return fmt.Errorf("%s isn't known, did you mean %q?", problem.Quote(string(word)), near)
	}
	return fmt.Errorf("%s is none of %s, did you mean %q?", problem.Quote(string(word)), all, near)
}
