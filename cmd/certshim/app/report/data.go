package report

import (
	"bufio"
	"encoding/json"
	"strconv"
	"time"

	"github.com/certshim/certshim/ownership"
	"github.com/certshim/certshim/problem"
)

// data writes the block of JSON that page.js reads. Strings, writers, shapes and fields stand there
// once, and are numbers elsewhere: 20,000 Certificates take a tenth of what they would take with
// names spelled out. Each row brings those that are new, so that nothing has to wait for the end:
//
//	[[numbers…], [strings…], [writers…], [shapes…], [fields…]]
//
// without the lists at its end that are empty. A writer is [manager, operation, subresource,
// version, class]. A shape is what many fields have in common: [group, name, verdict, what the next
// apply does, why somebody should hold it, who should, flags, fight, writers…]. A field is [shape,
// live value, wanted value], the latter only if it differs.
type data struct {
	out     *bufio.Writer
	at      time.Time
	strings table[string]
	writers table[string]
	shapes  table[string]
	fields  table[[3]int]
	row     row
	rows    int
	scratch []byte
}

// row is one row that is being put together.
type row struct {
	numbers, strings, writers, shapes, fields []byte
}

// table gives each value a number, in the order in which they come.
type table[K comparable] map[K]int

func (t table[K]) number(key K) (n int, isNew bool) {
	n, known := t[key]
	if !known {
		n = len(t)
		t[key] = n
	}
	return n, !known
}

// The flags of a Certificate and of a shape.
const (
	isOurs = 1 << iota
	hasHealing
)

const (
	stays = 1 << iota
	hasLive
	hasWanted
)

func newData(out *bufio.Writer, at time.Time) *data {
	// The empty string is number 0.
	return &data{out: out, at: at, strings: table[string]{"": 0}, writers: table[string]{}, shapes: table[string]{}, fields: table[[3]int]{}}
}

func (d *data) begin() { d.print(`<script type="application/json" id="data">{"certificates":[`) }

// add writes the row of a Certificate.
func (d *data) add(c Certificate) {
	o := c.Ownership
	flags := 0
	if o.Ours {
		flags |= isOurs
	}
	if o.Heal != nil {
		flags |= hasHealing
	}
	entries, fields := o.Entries[:min(len(o.Entries), maxEntries)], o.Fields[:min(len(o.Fields), maxFields)]
	left := len(o.Entries) - len(entries) + len(o.Fields) - len(fields)
	d.row.add(
		d.text(o.Namespace), d.text(o.Name), d.text(c.Secret), d.text(c.Source.Kind), d.text(namespaceOf(c)), d.text(c.Source.Name),
		int(o.Generation), flags, c.Settled, o.Unread, left, len(entries),
	)
	for _, e := range entries {
		d.row.add(d.writer(e.Holder), d.ago(e.Changed), e.Fields, e.Alone, e.Status)
	}
	for _, f := range fields {
		d.row.add(d.field(f))
	}
	d.flush()
}

// end writes what isn't about one Certificate, and ends the block.
func (d *data) end(head Head, end End) {
	d.print(`],"findings":[`)
	d.rows = 0
	for _, f := range end.Findings {
		d.row.add(d.text(string(f.Kind)), d.text(string(f.Severity)), d.text(f.Message))
		for _, about := range append([]problem.Object{f.Object}, f.Others...) {
			d.row.add(d.text(about.Kind), d.text(about.Namespace), d.text(about.Name))
		}
		d.flush()
	}
	d.print(`],"events":[`)
	d.rows = 0
	for _, name := range sortedNames(end.Events) {
		for _, e := range end.Events[name] {
			d.row.add(d.text(name.Namespace), d.text(name.Name), d.ago(e.At), e.Count,
				d.text(e.Type), d.text(e.Reason), d.text(e.Message), d.text(e.Reporter))
			d.flush()
		}
	}
	d.print(`],"head":`)
	// These strings and numbers can't fail.
	about, _ := json.Marshal(headOf(head))
	_, _ = d.out.Write(about)
	d.print("}</script>\n")
}

// headData is what page.js knows of the report as a whole.
type headData struct {
	At        int64       `json:"at"`
	Never     int         `json:"never"`
	Attention []string    `json:"attention"`
	Verdicts  [][2]string `json:"verdicts"`
	Classes   []string    `json:"classes"`
}

func headOf(head Head) headData {
	out := headData{At: head.At.Unix(), Never: never, Attention: []string{}}
	for _, v := range head.Attention {
		out.Attention = append(out.Attention, string(v))
	}
	for _, v := range ownership.Verdicts() {
		out.Verdicts = append(out.Verdicts, [2]string{string(v), v.Words()})
	}
	for _, c := range ownership.Classes() {
		out.Classes = append(out.Classes, string(c))
	}
	return out
}

// field is the number of a field.
func (d *data) field(f ownership.Field) int {
	flags := 0
	if f.Stays {
		flags |= stays
	}
	var live, wanted int
	if f.Live != nil {
		flags |= hasLive
		live = d.text(valueOf(f.Path, f.Live))
	}
	if f.Wanted != nil {
		flags |= hasWanted
		wanted = d.text(valueOf(f.Path, f.Wanted))
	}
	key := [3]int{d.shape(f, flags), live, wanted}
	n, isNew := d.fields.number(key)
	if isNew {
		numbers := key[:]
		if wanted == live {
			numbers = key[:2]
		}
		d.row.fields = appendList(d.row.fields, numbers)
	}
	return n
}

// shape is the number of what a field has in common with others.
func (d *data) shape(f ownership.Field, flags int) int {
	group, name := nameOfField(f)
	numbers := make([]int, 0, 8+len(f.Holders))
	numbers = append(numbers, d.text(group), d.text(name), d.text(string(f.Verdict)), d.text(f.Cause.Words()),
		d.text(string(f.Should.By)), d.text(f.Should.Manager), flags, d.text(fightOf(f)))
	for _, h := range f.Holders[:min(len(f.Holders), maxEntries)] {
		numbers = append(numbers, d.writer(h))
	}
	return d.once(d.shapes, &d.row.shapes, numbers)
}

// writer is the number of who holds fields by one entry, but for the time.
func (d *data) writer(h ownership.Holder) int {
	return d.once(d.writers, &d.row.writers, []int{
		d.text(managerOf(h.Manager, h.Class)), d.text(h.Operation), d.text(h.Subresource), d.text(h.APIVersion), d.text(string(h.Class)),
	})
}

// once is the number of a list of numbers, which is added to the row if it is new.
func (d *data) once(known table[string], fresh *[]byte, numbers []int) int {
	d.scratch = appendList(d.scratch[:0], numbers)
	if n, found := known[string(d.scratch)]; found {
		return n
	}
	n, _ := known.number(string(d.scratch))
	*fresh = appendList(*fresh, numbers)
	return n
}

// text is the number of a string.
func (d *data) text(text string) int {
	n, isNew := d.strings.number(shown(text))
	if isNew {
		d.row.strings = appendComma(d.row.strings)
		// A string can't fail. encoding/json escapes what could end a block of script.
		encoded, _ := json.Marshal(shown(text))
		d.row.strings = append(d.row.strings, encoded...)
	}
	return n
}

// flush writes the row, and begins the next.
func (d *data) flush() {
	lists := [][]byte{d.row.numbers, d.row.strings, d.row.writers, d.row.shapes, d.row.fields}
	for len(lists[len(lists)-1]) == 0 {
		lists = lists[:len(lists)-1]
	}
	if d.rows++; d.rows > 1 {
		d.print(",")
	}
	d.print("\n[")
	for i, list := range lists {
		if i > 0 {
			d.print(",")
		}
		d.print("[")
		_, _ = d.out.Write(list)
		d.print("]")
	}
	d.print("]")
	d.row = row{d.row.numbers[:0], d.row.strings[:0], d.row.writers[:0], d.row.shapes[:0], d.row.fields[:0]}
}

func (d *data) print(text string) { _, _ = d.out.WriteString(text) }

func (r *row) add(numbers ...int) {
	for _, n := range numbers {
		r.numbers = strconv.AppendInt(appendComma(r.numbers), int64(n), 10)
	}
}

// appendList appends numbers as a list of JSON.
func appendList(to []byte, numbers []int) []byte {
	to = append(appendComma(to), '[')
	for i, n := range numbers {
		if i > 0 {
			to = append(to, ',')
		}
		to = strconv.AppendInt(to, int64(n), 10)
	}
	return append(to, ']')
}

// appendComma appends a comma where something stands before.
func appendComma(to []byte) []byte {
	if len(to) == 0 {
		return to
	}
	return append(to, ',')
}

// never is written for a time that isn't known.
const never = -1 << 31

// ago is how many seconds before the report something was; negative if it is later.
func (d *data) ago(t time.Time) int {
	if t.IsZero() {
		return never
	}
	return int(d.at.Unix() - t.Unix())
}

// namespaceOf is the namespace of a source if it isn't the Certificate's.
func namespaceOf(c Certificate) string {
	if c.Source.Namespace == c.Ownership.Namespace {
		return ""
	}
	return c.Source.Namespace
}
