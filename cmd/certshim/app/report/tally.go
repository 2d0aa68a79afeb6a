package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/certshim/certshim/ownership"
)

// maxWorst is how many Certificates are kept for a reader without scripts.
const maxWorst = 200

// certshim is the field manager of what is settled.
const certshim = "certshim"

// tally is what is kept of all Certificates.
type tally struct {
	attention    []ownership.Verdict
	certificates int
	fields       int
	// needing is how many Certificates have a verdict that needs attention.
	needing    int
	verdicts   map[ownership.Verdict]*count
	managers   map[manager]*count
	namespaces map[string]*count
	// worstFew are the worst of those that need attention; more than maxWorst between two sortings.
	worstFew []worst
}

// count is one bar of a chart: how many Certificates, how many fields, and how many of these, or of
// the Certificates, are of a special kind.
type count struct{ certificates, fields, special int }

type manager struct {
	name  string
	class ownership.Class
}

// worst is what a table says of a Certificate that needs attention.
type worst struct {
	name   Name
	source string
	rank   uint64
	counts string
	fields []worstField
	more   int
}

type worstField struct {
	path    string
	verdict ownership.Verdict
	words   string
}

func newTally(attention []ownership.Verdict) *tally {
	return &tally{
		attention: attention, verdicts: map[ownership.Verdict]*count{}, managers: map[manager]*count{}, namespaces: map[string]*count{},
	}
}

func (t *tally) add(c Certificate) {
	counts := c.Ownership.Counts()
	if c.Settled > 0 {
		counts[ownership.Ours] += c.Settled
	}
	fields := max(len(c.Ownership.Fields), c.Settled)
	t.certificates++
	t.fields += fields
	needs := 0
	for v, n := range counts {
		bar(t.verdicts, v).add(1, n, 0)
		if slices.Contains(t.attention, v) {
			needs = 1
		}
	}
	t.needing += needs
	bar(t.namespaces, c.Ownership.Namespace).add(1, fields, needs)
	t.addManagers(c.Ownership.Entries)
	if c.Settled > 0 && len(c.Ownership.Entries) == 0 {
		bar(t.managers, manager{certshim, ownership.Certshim}).add(1, c.Settled, c.Settled)
	}
	if needs > 0 {
		t.addWorst(c, counts)
	}
}

// addManagers counts a Certificate once for each manager, with the fields of all its entries.
func (t *tally) addManagers(entries []ownership.Entry) {
	for i, e := range entries {
		one := manager{e.Manager, e.Class}
		known := slices.ContainsFunc(entries[:i], func(other ownership.Entry) bool { return other.Manager == e.Manager })
		certificates := 1
		if known {
			certificates = 0
		}
		bar(t.managers, one).add(certificates, e.Fields, e.Alone)
	}
}

func bar[K comparable](of map[K]*count, key K) *count {
	if of[key] == nil {
		of[key] = &count{}
	}
	return of[key]
}

func (c *count) add(certificates, fields, special int) {
	c.certificates += certificates
	c.fields += fields
	c.special += special
}

// addWorst keeps what is said of a Certificate if it may be among the worst.
func (t *tally) addWorst(c Certificate, counts map[ownership.Verdict]int) {
	name := Name{c.Ownership.Namespace, c.Ownership.Name}
	r := t.rank(counts)
	if len(t.worstFew) >= maxWorst && compareWorst(worst{name: name, rank: r}, t.worstFew[maxWorst-1]) > 0 {
		return
	}
	one := worst{name: name, source: sourceOf(c), rank: r, counts: t.countsOf(counts)}
	for _, v := range t.attention {
		for _, f := range c.Ownership.Fields {
			if f.Verdict == v {
				one.addField(f)
			}
		}
	}
	t.worstFew = append(t.worstFew, one)
	if len(t.worstFew) == 2*maxWorst {
		t.worst()
	}
}

// worst sorts and shortens the list of the worst, and returns it.
func (t *tally) worst() []worst {
	slices.SortFunc(t.worstFew, compareWorst)
	if len(t.worstFew) > maxWorst {
		clear(t.worstFew[maxWorst:])
		t.worstFew = t.worstFew[:maxWorst]
	}
	return t.worstFew
}

func compareWorst(a, b worst) int {
	return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.name.Namespace, b.name.Namespace), cmp.Compare(a.name.Name, b.name.Name))
}

// rank is the greater the more fields have the gravest verdicts: two decimal digits for each.
func (t *tally) rank(counts map[ownership.Verdict]int) uint64 {
	var rank uint64
	for _, v := range t.attention {
		const most = 99
		rank = rank*(most+1) + uint64(min(counts[v], most)) //nolint:gosec // a count isn't negative
	}
	return rank
}

// countsOf says how many fields have which of the verdicts that need attention.
func (t *tally) countsOf(counts map[ownership.Verdict]int) string {
	var out []string
	for _, v := range t.attention {
		if counts[v] > 0 {
			out = append(out, number(counts[v])+" "+string(v))
		}
	}
	return strings.Join(out, ", ")
}

func (w *worst) addField(f ownership.Field) {
	const most = 4
	if len(w.fields) == most {
		w.more++
		return
	}
	w.fields = append(w.fields, worstField{shown(strings.TrimPrefix(f.Path, ".")), f.Verdict, wordsOf(f)})
}

// wordsOf says of a field what its value is, what it should be, and who holds it.
func wordsOf(f ownership.Field) string {
	var out []string
	switch {
	case f.Live == nil && f.Wanted == nil:
	case f.Live == nil:
		out = append(out, "not there, wanted "+valueOf(f.Path, f.Wanted))
	case f.Wanted == nil:
		out = append(out, valueOf(f.Path, f.Live)+", not asked for")
	default:
		live, wanted := valueOf(f.Path, f.Live), valueOf(f.Path, f.Wanted)
		if live == wanted {
			out = append(out, live+", as wanted")
			break
		}
		out = append(out, live+", wanted "+wanted)
	}
	return strings.Join(append(out, heldBy(f.Holders)), "; ")
}

func heldBy(holders []ownership.Holder) string {
	const most = 3
	names := make([]string, 0, most+1)
	for i, h := range holders {
		if i == most {
			names = append(names, number(len(holders)-most)+" more")
			break
		}
		names = append(names, managerOf(h.Manager, h.Class)+" ("+shown(h.Operation)+")")
	}
	if len(names) == 0 {
		return "held by nobody"
	}
	return "held by " + strings.Join(names, ", ")
}

// fightOf says how often a field was taken by whom; it is empty without a fight.
func fightOf(f ownership.Field) string {
	if f.Fight == nil {
		return ""
	}
	return "taken " + number(f.Fight.Rounds) + " times by " +
		managerOf(f.Fight.Manager, ownership.ClassOf(f.Fight.Manager)) + " (" + shown(f.Fight.Operation) + ")"
}

// sourceOf is the source as people call it.
func sourceOf(c Certificate) string {
	if c.Source.IsZero() {
		return ""
	}
	if c.Source.Namespace == c.Ownership.Namespace {
		return c.Source.InNamespace()
	}
	return c.Source.String()
}

func sortedNames(events map[Name][]Event) []Name {
	return slices.SortedFunc(maps.Keys(events), func(a, b Name) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}
