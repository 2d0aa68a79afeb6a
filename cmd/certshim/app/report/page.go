package report

import (
	"bufio"
	"crypto/sha256"
	_ "embed" // for the parts of the page
	"encoding/base64"
	"fmt"
	"html"
	"strconv"

	"github.com/certshim/certshim/ownership"
	"github.com/certshim/certshim/problem"
)

var (
	//go:embed page.css
	style string
	//go:embed page.js
	script string
	// tools are the parts of the page that need the script, hidden until it runs.
	//go:embed tools.html
	tools string
)

// begin writes what stands before the data. A policy that allows this style and this script, and
// nothing else, comes first: no text can become either.
func (w *Writer) begin() {
	if w.begun {
		return
	}
	w.begun = true
	p := printer{w.out}
	p.print(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src '%s'; style-src '%s'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Who owns which field: %s</title>
<style>%s</style>
</head>
<body>
`, hashOf(script), hashOf(style), w.head.Subject, markup(style))
	w.data.begin()
}

// failed is the first error of writing.
func (w *Writer) failed() error {
	if _, err := w.out.Write(nil); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// hashOf is how a policy names a script or style.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// markup is text that is written as it is.
type markup string

// printer writes HTML.
type printer struct{ out *bufio.Writer }

// print writes a format in which every string is text: it is made visible and escaped. The Writer
// keeps the first error.
func (p printer) print(format string, args ...any) {
	for i, arg := range args {
		if text, isText := arg.(string); isText {
			args[i] = html.EscapeString(visible(text))
		}
	}
	_, _ = fmt.Fprintf(p.out, format, args...)
}

// page is what stands behind the data: all that can be read without the script.
type page struct {
	out   *bufio.Writer
	head  Head
	tally *tally
	end   End
}

func (p page) write() {
	w := printer{p.out}
	w.print("%s", markup(shapes()))
	w.print("<header>\n<h1>Who owns which field</h1>\n<p>%s</p>\n</header>\n<main>\n", p.about())
	p.summary(w)
	p.lines(w, "unread", "Could not be read", p.end.Unread)
	p.lines(w, "notes", "Notes", p.end.Notes)
	p.charts(w)
	p.findings(w)
	p.worst(w)
	w.print("%s</main>\n<footer>\n<p>%s</p>\n</footer>\n<script>%s</script>\n</body>\n</html>\n", markup(tools), noHistory, markup(script))
}

const noHistory = "managedFields keep no history. Each entry has one time, of its last change of a value: for one of its fields it means " +
	"“not after”, never “since”. Who held a field before, and lost it, is recorded nowhere."

// about is what was looked at, when, and by what.
func (p page) about() string {
	out := p.head.Subject
	if p.head.Scope != "" {
		out += " · " + p.head.Scope
	}
	if !p.head.At.IsZero() {
		out += " · " + p.head.At.UTC().Format("2006-01-02 15:04 MST")
	}
	if p.head.Program != "" {
		out += " · " + p.head.Program
	}
	return out
}

// summary is the whole in two sentences.
func (p page) summary(w printer) {
	severities := map[problem.Severity]int{}
	for _, f := range p.end.Findings {
		severities[f.Severity]++
	}
	w.print(`<section id="summary" aria-label="Summary">`+"\n<p><strong>%s</strong> with <strong>%s</strong>. ",
		counted(p.tally.certificates, "Certificate"), counted(p.tally.fields, "field"))
	if p.tally.needing == 0 {
		w.print("No field needs attention")
	} else {
		w.print("<strong>%s</strong> attention", needing(p.tally.needing))
	}
	if len(p.end.Findings) > 0 {
		w.print("; %s", counted(len(p.end.Findings), "finding"))
		for i, s := range problem.Severities() {
			if severities[s] > 0 {
				w.print("%s%s %s", [...]string{": ", ", ", ", "}[i], number(severities[s]), string(s))
			}
		}
	}
	w.print(".</p>\n</section>\n")
}

// lines are sentences under a heading, if there are any.
func (p page) lines(w printer, id, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	w.print("<section id=\"%s\">\n<h2>%s</h2>\n<ul>\n", id, title)
	for _, line := range lines {
		w.print("<li>%s</li>\n", shown(line))
	}
	w.print("</ul>\n</section>\n")
}

// findings are what is to be said of whole objects.
func (p page) findings(w printer) {
	if len(p.end.Findings) == 0 {
		return
	}
	const most, few = 200, 12
	open := markup("")
	if len(p.end.Findings) <= few {
		open = " open"
	}
	w.print("<details id=\"findings\"%s>\n<summary><h2>Findings</h2> <span>%s</span></summary>\n", open, number(len(p.end.Findings)))
	w.print("<div class=\"wide\" role=\"region\" aria-label=\"Findings\" tabindex=\"0\"><table>\n<thead><tr><th scope=\"col\">Severity</th>" +
		"<th scope=\"col\">About</th><th scope=\"col\">What</th></tr></thead>\n<tbody>\n")
	for i, f := range p.end.Findings {
		if i == most {
			w.print("<tr><td colspan=\"3\">and %s more</td></tr>\n", number(len(p.end.Findings)-most))
			break
		}
		w.print("<tr><td>%s</td><th scope=\"row\">%s</th><td>%s%s</td></tr>\n",
			mark(toneOfSeverity(f.Severity), string(f.Severity)), shown(f.Object.String()), shown(f.Message), others(f.Others))
	}
	w.print("</tbody>\n</table></div>\n</details>\n")
}

// others names further objects.
func others(objects []problem.Object) string {
	const most = 5
	out := ""
	for i, o := range objects {
		if i == most {
			return out + ", and " + number(len(objects)-most) + " more"
		}
		out += [...]string{": ", ", "}[min(i, 1)] + shown(o.String())
	}
	return out
}

// worst is the table of the worst Certificates, which page.js replaces by all of them.
func (p page) worst(w printer) {
	all := p.tally.worst()
	if len(all) == 0 {
		return
	}
	w.print("<section id=\"worst\">\n<h2>The worst</h2>\n")
	if p.tally.needing > len(all) {
		w.print("<p>These are the worst %s of %s that need attention.</p>\n", number(len(all)), number(p.tally.needing))
	}
	w.print("<p>Where scripts may run, a tree of all Certificates and fields stands here, with a search. Open the file itself in a browser for it.</p>\n" +
		"<div class=\"wide\" role=\"region\" aria-label=\"The worst Certificates\" tabindex=\"0\"><table>\n<thead><tr><th scope=\"col\">Certificate</th>" +
		"<th scope=\"col\">Verdicts</th><th scope=\"col\">Fields</th><th scope=\"col\">Source</th></tr></thead>\n<tbody>\n")
	for _, c := range all {
		w.print("<tr><th scope=\"row\">%s</th><td>%s</td><td><ul>", nameOf(c.name), c.counts)
		for _, f := range c.fields {
			w.print("<li>%s <code>%s</code> <span>%s</span></li>", mark(toneOf(f.verdict), string(f.verdict)), f.path, f.words)
		}
		if c.more > 0 {
			w.print("<li>and %s</li>", counted(c.more, "more field"))
		}
		w.print("</ul></td><td>%s</td></tr>\n", shown(c.source))
	}
	w.print("</tbody>\n</table></div>\n</section>\n")
}

func nameOf(n Name) string {
	if n.Namespace == "" {
		return shown(n.Name)
	}
	return shown(n.Namespace) + "/" + shown(n.Name)
}

// tone is how grave something is. It has a colour and a shape.
type tone string

const (
	bad  tone = "bad"
	warn tone = "warn"
	note tone = "note"
	good tone = "good"
)

func toneOf(v ownership.Verdict) tone {
	switch v {
	case ownership.Unserved, ownership.Contested:
		return bad
	case ownership.Drifted, ownership.Yielded, ownership.Unowned:
		return warn
	case ownership.Ours:
		return good
	default:
		return note
	}
}

func toneOfSeverity(s problem.Severity) tone {
	switch s {
	case problem.Error:
		return bad
	case problem.Warning:
		return warn
	default:
		return note
	}
}

// mark is a word with the shape and colour of its tone.
func mark(t tone, word string) markup {
	return markup(fmt.Sprintf(`<span class="mark %s"><svg class="shape" aria-hidden="true"><use href="#s-%s"/></svg>%s</span>`,
		t, t, html.EscapeString(visible(word))))
}

// number is a number with commas between thousands.
func number(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return number(n) + " " + thing + "s"
}

func needing(n int) string {
	if n == 1 {
		return "1 needs"
	}
	return number(n) + " need"
}
