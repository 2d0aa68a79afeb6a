package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/certshim/certshim/ownership"
)

// maxBars is how many bars a chart has at most.
const maxBars = 12

// barRow is one row of a chart: a name, and a bar of one or two parts. What is certshim's alone has
// no bar, beside which the others would vanish.
type barRow struct {
	// name is shown, value is what page.js filters by.
	name        markup
	value       string
	parts       [2]int
	colours     [2]string
	first, last string
}

// charts are three tables whose rows have a bar each, so that they read as well without seeing.
func (p page) charts(w printer) {
	if p.tally.certificates == 0 {
		return
	}
	w.print("<div class=\"charts\">\n")
	chart(w, "verdict", "Fields by verdict", "Certificates", "fields", p.byVerdict())
	chart(w, "manager", "Fields by manager", "of these alone", "fields", p.byManager())
	chart(w, "namespace", "Certificates by namespace", "need attention", "all", p.byNamespace())
	w.print("</div>\n")
}

func chart(w printer, id, title, first, last string, rows []barRow) {
	longest, left := 1, 0
	for _, r := range rows {
		longest = max(longest, r.parts[0]+r.parts[1])
	}
	if len(rows) > maxBars {
		left = len(rows) - maxBars
		rows = rows[:maxBars]
	}
	w.print("<table class=\"chart\" data-filter=\"%s\">\n<caption>%s</caption>\n<thead><tr><th scope=\"col\"><span class=\"unseen\">%s</span></th>"+
		"<th scope=\"col\" class=\"number\">%s</th><th scope=\"col\" class=\"number\">%s</th></tr></thead>\n<tbody>\n", id, title, id, first, last)
	for _, r := range rows {
		w.print("<tr><th scope=\"row\" data-value=\"%s\">%s%s</th><td class=\"number\">%s</td><td class=\"number\">%s</td></tr>\n",
			r.value, r.name, r.bar(longest), r.first, r.last)
	}
	w.print("</tbody>\n")
	if left > 0 {
		w.print("<tfoot><tr><td colspan=\"3\">and %s more</td></tr></tfoot>\n", number(left))
	}
	w.print("</table>\n")
}

// bar is the row's bar, whose parts are seen however short they are. A row without parts has none.
func (r barRow) bar(longest int) markup {
	if r.parts == [2]int{} {
		return ""
	}
	const whole, least = 100.0, 0.7
	var b strings.Builder
	b.WriteString(`<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"><rect class="ground" width="100" height="4"/>`)
	at := 0.0
	for i, n := range r.parts {
		if n == 0 {
			continue
		}
		width := max(whole*float64(n)/float64(longest), least)
		fmt.Fprintf(&b, `<rect class="%s" x="%.1f" width="%.1f" height="4"/>`, r.colours[i], at, width)
		at += width
	}
	b.WriteString("</svg>")
	return markup(b.String())
}

func (p page) byVerdict() []barRow {
	var out []barRow
	for _, v := range ownership.Verdicts() {
		if c := p.tally.verdicts[v]; c != nil {
			t := toneOf(v)
			row := barRow{
				name: mark(t, string(v)), value: string(v), parts: [2]int{c.fields}, colours: [2]string{string(t)},
				first: number(c.certificates), last: number(c.fields),
			}
			if v == ownership.Ours {
				row.parts = [2]int{}
			}
			out = append(out, row)
		}
	}
	return out
}

func (p page) byManager() []barRow {
	keys := slices.SortedFunc(maps.Keys(p.tally.managers), func(a, b manager) int {
		return cmp.Or(cmp.Compare(p.tally.managers[b].fields, p.tally.managers[a].fields), cmp.Compare(a.name, b.name))
	})
	var out []barRow
	for _, m := range keys {
		c := p.tally.managers[m]
		if c.fields == 0 {
			continue
		}
		name, colour := managerOf(m.name, m.class), "c-"+slug(m.class)
		row := barRow{
			name: holder(m.class, name), value: name, parts: [2]int{c.special, c.fields - c.special},
			colours: [2]string{colour, colour + " part"}, first: number(c.special), last: number(c.fields),
		}
		if m.class == ownership.Certshim {
			row.parts = [2]int{}
		}
		out = append(out, row)
	}
	return out
}

func (p page) byNamespace() []barRow {
	keys := slices.SortedFunc(maps.Keys(p.tally.namespaces), func(a, b string) int {
		x, y := p.tally.namespaces[a], p.tally.namespaces[b]
		return cmp.Or(cmp.Compare(y.special, x.special), cmp.Compare(y.certificates, x.certificates), cmp.Compare(a, b))
	})
	var out []barRow
	for _, name := range keys {
		c := p.tally.namespaces[name]
		value := shown(cmp.Or(name, "(none)"))
		out = append(out, barRow{
			name: textOf(value), value: shown(name), parts: [2]int{c.special, c.certificates - c.special},
			colours: [2]string{string(warn), "rest"}, first: number(c.special), last: number(c.certificates),
		})
	}
	return out
}

// slug is a class as a word in markup.
func slug(c ownership.Class) string {
	word, _, _ := strings.Cut(string(c), " ")
	return word
}
