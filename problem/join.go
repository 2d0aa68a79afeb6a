package problem

import (
	"strings"

	"github.com/hashicorp/go-multierror"
)

// Join gives errors as one that prints each on a line of its own: all mistakes of a file, a
// command or a batch. What is nil is left out, joined errors are taken apart, and the result is
// nil where nothing remains.
func Join(errs ...error) error {
	all := multierror.Append(&multierror.Error{ErrorFormat: onLines}, errs...)
	return all.ErrorOrNil()
}

// Each gives the errors that [Join] made one of; any other error is the only one.
func Each(err error) []error {
	if err == nil {
		return nil
	}
	return multierror.Append(nil, err).Errors
}

func onLines(errs []error) string {
	lines := make([]string, len(errs))
	for i, err := range errs {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}
