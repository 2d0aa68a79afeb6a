package declaration

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/certshim/certshim/problem"
)

// Mistake is what is wrong at a place of a declaration.
type Mistake struct {
	// File is empty for what was read from none, and Line 0 where it isn't known.
	File string
	Line int
	// Path of the field, such as spec.kinds[0].scope; empty for the whole.
	Path string
	Err  error
}

// Error begins with file:line, as editors read it.
func (m Mistake) Error() string {
	var where string
	switch {
	case m.File != "" && m.Line > 0:
		where = fmt.Sprintf("%s:%d: ", m.File, m.Line)
	case m.File != "":
		where = m.File + ": "
	case m.Line > 0:
		where = fmt.Sprintf("line %d: ", m.Line)
	}
	if m.Path != "" {
		where += m.Path + ": "
	}
	return where + m.Err.Error()
}

// Unwrap gives what is wrong, without the place.
func (m Mistake) Unwrap() error { return m.Err }

// Mistakes are collected in the order in which they are found.
type Mistakes []Mistake

// Add takes an error at a path; nil is none.
func (m *Mistakes) Add(path string, err error) {
	if err != nil {
		*m = append(*m, Mistake{Path: path, Err: err})
	}
}

// Addf adds a mistake if a condition holds.
func (m *Mistakes) Addf(wrong bool, path, format string, args ...any) {
	if wrong {
		m.Add(path, fmt.Errorf(format, args...))
	}
}

// AddEach takes the errors that were joined to one, those that are mistakes with their paths.
func (m *Mistakes) AddEach(path string, err error) {
	for _, one := range problem.Each(err) {
		var mistake Mistake
		if !errors.As(one, &mistake) {
			mistake = Mistake{Err: one}
		}
		m.AddUnder(path, Mistakes{mistake})
	}
}

// AddUnder takes the mistakes of a part, whose paths go on from a path.
func (m *Mistakes) AddUnder(path string, part Mistakes) {
	for _, mistake := range part {
		mistake.Path = join(path, mistake.Path)
		*m = append(*m, mistake)
	}
}

// Err is all of them as one error, sorted by line and path; nil for none.
func (m Mistakes) Err() error {
	sorted := slices.SortedStableFunc(slices.Values(m), func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Path, b.Path))
	})
	errs := make([]error, len(sorted))
	for i, mistake := range sorted {
		errs[i] = mistake
	}
	return problem.Join(errs...)
}

// join appends a path, which may begin with an index, to another.
func join(path, rest string) string {
	if path == "" || rest == "" || rest[0] == '[' {
		return path + rest
	}
	return path + "." + rest
}

// within says whether a path is another or leads deeper into it.
func within(path, outer string) bool {
	rest, found := strings.CutPrefix(path, outer)
	return found && (rest == "" || outer == "" || rest[0] == '.' || rest[0] == '[')
}
