package app

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/certshim/certshim/issuance"
	"github.com/certshim/certshim/problem"
)

// story writes an explanation as lines that are safe on a terminal.
type story struct {
	bytes.Buffer
	coloured bool
}

// writeText writes the explanation: where it hangs, then the steps.
func (e *explanation) writeText(w io.Writer, coloured bool) error {
	s := &story{coloured: coloured}
	s.line("", outcomeColour(e.Outcome), e.Object.String()+": "+e.summary())
	for _, h := range e.Hangs {
		s.hang(h, outcomeColour(issuance.Broken))
	}
	for _, h := range e.Notes {
		s.hang(h, dim)
	}
	s.steps(e.Steps)
	s.certificates(e.Certificates)
	if len(e.Unread) > 0 {
		s.blank("Not seen:")
		for _, line := range e.Unread {
			s.line("  ", plain, line)
		}
	}
	_, err := w.Write(s.Bytes())
	return err
}

// summary says in a few words how it stands.
func (e *explanation) summary() string {
	issued := 0
	for _, c := range e.Certificates {
		if c.Issued {
			issued++
		}
	}
	of := len(e.Certificates)
	switch {
	case e.absent:
		return "it isn't there"
	case of == 0 && len(e.Hangs) == 0:
		return "it has no certificate"
	case len(e.Hangs) > 0:
		return fmt.Sprintf("it hangs; %d of %s issued", issued, count(of, "certificate"))
	case e.Outcome == issuance.OK:
		return fmt.Sprintf("%s issued", count(of, "certificate"))
	default:
		return fmt.Sprintf("it is under way; %d of %s issued", issued, count(of, "certificate"))
	}
}

func (s *story) hang(h explainedHang, c colour) {
	s.blank("")
	s.line("", c, string(h.Code)+" at "+h.Object.String()+": "+h.Means)
	s.labelled("found", h.Why)
	for _, help := range h.Help {
		s.labelled("helps", help)
	}
	for _, command := range h.Commands {
		s.labelled("try", command)
	}
	s.labelled("more", h.Page)
}

// labelled writes a line under a hang.
func (s *story) labelled(label, text string) {
	s.line(fmt.Sprintf("  %-6s ", label), plain, text)
}

// steps writes them in columns.
func (s *story) steps(steps []explainedStep) {
	s.blank("Steps:")
	width := 0
	for _, step := range steps {
		width = max(width, utf8.RuneCountInString(printable(shortObject(step.Object))))
	}
	for _, step := range steps {
		name := printable(shortObject(step.Object))
		name += strings.Repeat(" ", width-utf8.RuneCountInString(name))
		outcome := outcomeColour(step.Outcome).paint(fmt.Sprintf("%-7s", step.Outcome))
		if !s.coloured {
			outcome = fmt.Sprintf("%-7s", step.Outcome)
		}
		text := step.Text
		if step.Since != nil {
			text += " (since " + step.Since.UTC().Format("2006-01-02T15:04:05Z") + ")"
		}
		s.WriteString("  " + outcome + "  " + name + "  " + printable(problem.OneLine(text)) + "\n")
		for _, detail := range step.Details {
			s.line(strings.Repeat(" ", 13), dim, detail)
		}
	}
}

// shortObject is an object without its namespace, which is that of all but a few.
func shortObject(o problem.Object) string {
	if o.Name == "" {
		return o.Kind
	}
	return o.InNamespace()
}

func (s *story) certificates(all []explainedCertificate) {
	for _, c := range all {
		if len(c.Differs) > 0 {
			s.blank("Certificate " + c.Name + " is otherwise than asked for:")
		}
		for _, d := range c.Differs {
			s.line("  ", plain, fmt.Sprintf("%s: it is %s, and is wanted to be %s", d.Field, orNothing(d.Live), orNothing(d.Wanted)))
			holders := "nobody is recorded for it"
			if len(d.Holders) > 0 {
				holders = "held by " + strings.Join(d.Holders, ", ")
			}
			s.line("    ", dim, holders+"; "+string(d.Verdict)+": "+d.Means)
		}
	}
}

func orNothing(value string) string {
	if value == "" {
		return "absent"
	}
	return value
}

// blank writes an empty line, and a heading if there is one.
func (s *story) blank(heading string) {
	s.WriteByte('\n')
	if heading != "" {
		s.line("", plain, heading)
	}
}

// line writes a text from an object as one line.
func (s *story) line(before string, c colour, text string) {
	text = printable(problem.OneLine(text))
	if s.coloured {
		text = c.paint(text)
	}
	s.WriteString(before + text + "\n")
}

func outcomeColour(outcome issuance.Outcome) colour {
	switch outcome {
	case issuance.OK:
		return green
	case issuance.Waiting:
		return yellow
	case issuance.Broken:
		return red
	default:
		return dim
	}
}
