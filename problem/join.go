package problem

import (
	"strings"

	"github.com/hashicorp/go-multierror"
)

// Join combines errors into one that prints each on its own line: all mistakes of a file, a
// command or a batch. Nil errors are dropped, joined errors are flattened, and the result is nil
// if no error remains.
func Join(errs ...error) error {
	all := multierror.Append(&multierror.Error{ErrorFormat: onLines}, errs...)
	return all.ErrorOrNil()
}

// Each returns the errors that [Join] combined. Any other error is returned as the only one.
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
