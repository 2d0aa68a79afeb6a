package problem_test

import (
	"errors"
	"io"
	"testing"

	"github.com/certshim/certshim/problem"
)

func TestJoin(t *testing.T) {
	a, b, c := errors.New("a"), errors.New("b"), errors.New("c")
	for name, row := range map[string]struct {
		errs []error
		want string
	}{
		"one":           {[]error{a}, "a"},
		"several":       {[]error{a, nil, b}, "a\nb"},
		"joined before": {[]error{problem.Join(a, b), nil, problem.Join(), c}, "a\nb\nc"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := problem.Join(row.errs...); got.Error() != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
	if err := problem.Join(nil, problem.Join()); err != nil {
		t.Errorf("nothing joined is %v", err)
	}
	if !errors.Is(problem.Join(a, problem.Join(b, io.EOF)), io.EOF) {
		t.Error("a joined error isn't found")
	}
}

func TestEach(t *testing.T) {
	if got := problem.Each(nil); got != nil {
		t.Errorf("of nil: %v", got)
	}
	if got := problem.Each(io.EOF); len(got) != 1 || !errors.Is(got[0], io.EOF) {
		t.Errorf("of one: %v", got)
	}
	if got := problem.Each(problem.Join(io.EOF, io.ErrClosedPipe)); len(got) != 2 || !errors.Is(got[1], io.ErrClosedPipe) {
		t.Errorf("of two: %v", got)
	}
}
