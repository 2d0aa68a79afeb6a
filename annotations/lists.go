package annotations

import (
	"fmt"
	"slices"
	"strings"

	"github.com/certshim/certshim/declaration"
)

// item judges one item of a list: where it goes, or why it can't be used.
type item func(r *reading, item string) verdict

// verdict is what was found out about an item: either into is set, or message.
type verdict struct {
	into       *[]string
	value      string // what goes there
	message    string
	suggestion string
}

// list takes items separated by commas. Items are trimmed, empty ones dropped, and each
// is kept once, in the order of its first appearance. A bad item leaves the good ones.
func list(judge item) parse {
	return func(r *reading, value string) {
		if tooMany(r, value) {
			return
		}
		c := collector{reading: r}
		for part := range strings.SplitSeq(value, ",") {
			c.add(trim(part), judge)
		}
		c.finish()
	}
}

func tooMany(r *reading, value string) bool {
	n := strings.Count(value, ",") + 1
	if n <= maxItems {
		return false
	}
	r.refuse(r.written, fmt.Sprintf("%d items; more than %d are not read", n, maxItems))
	return true
}

// collector gathers the items of one list.
type collector struct {
	*reading
	empty, bad int
}

func (c *collector) add(part string, judge item) {
	if part == "" {
		c.empty++
		return
	}
	found := judge(c.reading, part)
	if found.message != "" {
		c.refuseItem(part, found)
		return
	}
	if !slices.Contains(*found.into, found.value) { // at most maxItems
		*found.into = append(*found.into, found.value)
	}
}

func (c *collector) refuseItem(part string, found verdict) {
	c.bad++
	if c.bad <= maxPerKey {
		c.refuse(part, found.message, found.suggestion)
	}
}

func (c *collector) finish() {
	if c.empty > 0 {
		c.warn(c.written, fmt.Sprintf("empty items are dropped: %d", c.empty))
	}
	if more := c.bad - maxPerKey; more > 0 {
		c.refuse(c.written, fmt.Sprintf("%d more items can't be used", more))
	}
}

// word is an item that must be one of the words, exactly.
func word(field func(*Request) *[]string, words []string) item {
	return func(r *reading, part string) verdict {
		if slices.Contains(words, part) {
			return verdict{into: field(&r.request), value: part}
		}
		return verdict{message: "unknown value", suggestion: declaration.Nearest(trim(part), words)}
	}
}

// sections are names of listeners. A name that no listener can have is only told: it
// leaves nothing out.
func sections(r *reading, value string) {
	names(r, value, &r.request.Ignore.Sections)
}

// ignore is "true" for the whole object, or names of listeners or Secrets.
func ignore(r *reading, value string) {
	switch suggestion := suggestTrue(value); {
	case value == "true":
		r.request.Ignore.All = true
		return
	case value == "false":
		return
	case suggestion != "" && value != "1":
		r.warn(r.written, "taken as the name of a listener or a Secret", suggestion)
	}
	names(r, value, &r.request.Ignore.Sections, &r.request.Ignore.Secrets)
}

// names puts the items of a list into each of the lists.
func names(r *reading, value string, lists ...*[]string) {
	var found []string
	list(func(_ *reading, part string) verdict { return verdict{into: &found, value: part} })(r, value)
	for _, into := range lists {
		for _, name := range found {
			if !slices.Contains(*into, name) {
				*into = append(*into, name)
			}
		}
	}
}
