package hangs

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"sync"
	"testing"
)

// tested is what the tests of this run have seen of each code.
var tested record

// record has the codes that were said of what hung, and those that weren't said of its healthy twin.
type record struct {
	mu           sync.Mutex
	said, spared map[string]bool
}

// notes notes a code, unless the test has failed.
func (r *record) notes(t *testing.T, in *map[string]bool, code string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.Failed() {
		return
	}
	if *in == nil {
		*in = map[string]bool{}
	}
	(*in)[code] = true
}

// headings are those of the page that have a code.
var headings = regexp.MustCompile(`(?m)^## ([A-Z][A-Za-z0-9]+)$`)

// check wants every code of the page to have been said of something that hung, and not of its twin.
func (r *record) check() error {
	page, err := os.ReadFile("../../../docs/hangs.md")
	if err != nil {
		return err
	}
	var errs []error
	for _, heading := range headings.FindAllSubmatch(page, -1) {
		code := string(heading[1])
		if !r.said[code] {
			errs = append(errs, fmt.Errorf("%s: nothing that hangs there was made", code))
		}
		if !r.spared[code] {
			errs = append(errs, fmt.Errorf("%s: it has no healthy twin", code))
		}
	}
	return errors.Join(errs...)
}
