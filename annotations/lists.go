package annotations

import (
	"fmt"
	"slices"
	"strings"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/names"
)

// parseItem parses one item of a list into the field that it belongs to, or says why it is invalid.
type parseItem func(r *reading, item string) listItem

// listItem is the result of parsing an item: either into or message is set.
type listItem struct {
	into       *[]string
	value      string     // appended to into
	form       names.Form // in which values of into are compared
	message    string
	suggestion string
}

// list parses items separated by commas. Items are trimmed, empty ones are dropped, and of equal
// ones the first stays. A bad item doesn't affect the good ones.
func list(judge parseItem) parse {
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
	r.refuse(r.raw, fmt.Sprintf("%d items; more than %d are not read", n, maxItems))
	return true
}

// collector gathers the items of one list.
type collector struct {
	*reading
	empty, bad int
}

func (c *collector) add(part string, judge parseItem) {
	if part == "" {
		c.empty++
		return
	}
	found := judge(c.reading, part)
	if found.message != "" {
		c.refuseItem(part, found)
		return
	}
	if c.isNew(found) {
		*found.into = append(*found.into, found.value)
	}
}

// written identifies an item of a list by its form, so that two spellings of it compare equal.
type written struct {
	into *[]string
	form string
}

// isNew reports whether the list doesn't have the item yet, from this key or another.
func (r *reading) isNew(item listItem) bool {
	if r.written == nil {
		r.written = map[written]bool{}
	}
	value := written{item.into, item.form(item.value)}
	known := r.written[value]
	r.written[value] = true
	return !known
}

func (c *collector) refuseItem(part string, found listItem) {
	c.bad++
	if c.bad <= maxPerKey {
		c.refuse(part, found.message, found.suggestion)
	}
}

func (c *collector) finish() {
	if c.empty > 0 {
		c.warn(c.raw, fmt.Sprintf("empty items are dropped: %d", c.empty))
	}
	if more := c.bad - maxPerKey; more > 0 {
		c.refuse(c.raw, fmt.Sprintf("%d more items can't be used", more))
	}
}

// word accepts exactly the given words as items.
func word(field func(*Request) *[]string, words []string) parseItem {
	return func(r *reading, part string) listItem {
		if slices.Contains(words, part) {
			return listItem{into: field(&r.request), value: part, form: names.Exact}
		}
		return listItem{message: "unknown value", suggestion: declaration.Nearest(trim(part), words)}
	}
}

// sections parses names of listeners. A name that no listener can have is only warned about: it
// excludes nothing.
func sections(r *reading, value string) {
	appendNames(r, value, &r.request.Ignore.Sections)
}

// ignore parses "true" for the whole object, or names of listeners or Secrets.
func ignore(r *reading, value string) {
	switch suggestion := suggestTrue(value); {
	case value == "true":
		r.request.Ignore.All = true
		return
	case value == "false":
		return
	case suggestion != "" && value != "1":
		r.warn(r.raw, "taken as the name of a listener or a Secret", suggestion)
	}
	appendNames(r, value, &r.request.Ignore.Sections, &r.request.Ignore.Secrets)
}

// appendNames appends the items of a list to each of the lists.
func appendNames(r *reading, value string, lists ...*[]string) {
	var found []string
	list(func(_ *reading, part string) listItem { return listItem{into: &found, value: part, form: names.Exact} })(r, value)
	for _, into := range lists {
		for _, name := range found {
			if !slices.Contains(*into, name) {
				*into = append(*into, name)
			}
		}
	}
}
