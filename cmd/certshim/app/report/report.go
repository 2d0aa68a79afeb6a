package report

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"github.com/certshim/certshim/ownership"
	"github.com/certshim/certshim/problem"
)

// Head is what stands above a report.
type Head struct {
	// Subject is what was looked at: a cluster, by its context, or files. Scope is what part of it:
	// namespaces, labels, a selection. It may be empty.
	Subject, Scope string
	// Program made the report: its name and version.
	Program string
	// At is when. It must be set: all other times are told by how long before it they were.
	At time.Time
	// Attention are the verdicts that need it: the report opens with the Certificates that have
	// one of them, or a finding that is more than an info.
	Attention []ownership.Verdict
}

// Certificate is one Certificate of a report.
type Certificate struct {
	// Ownership is whose its fields are.
	Ownership ownership.Report
	// Settled is how many fields it has if Ownership lists none because all are certshim's alone,
	// as [ownership.Settled] says.
	Settled int
	// Secret is the name of its Secret, Source the object that it is made for, if known.
	Secret string
	Source problem.Object
}

// Name is that of a Certificate.
type Name struct{ Namespace, Name string }

// Event is one Event of a Certificate.
type Event struct {
	// At is when it last happened, Count how often it did, if more than once.
	At    time.Time
	Count int
	// Type is Normal or Warning. Reporter is the controller that tells it.
	Type, Reason, Message, Reporter string
}

// End is what is known once all Certificates were added.
type End struct {
	// Findings are about Certificates and sources, the gravest first.
	Findings []ownership.Finding
	// Events are those of some Certificates, in any order. [Writer.Worst] says for which they are
	// of most use.
	Events map[Name][]Event
	// Unread says what could not be read, a line each. Notes are what else there is to say, such
	// as rules that match nothing.
	Unread, Notes []string
}

// Writer writes a report.
type Writer struct {
	out   *bufio.Writer
	head  Head
	data  *data
	tally *tally
	begun bool
}

// New returns a Writer of a report to w. Nothing is written before the first Certificate.
func New(w io.Writer, head Head) *Writer {
	const buffer = 1 << 16
	out := bufio.NewWriterSize(w, buffer)
	return &Writer{out: out, head: head, data: newData(out, head.At), tally: newTally(head.Attention)}
}

// Add writes a Certificate. Once writing has failed it returns that error for good.
func (w *Writer) Add(c Certificate) error {
	w.begin()
	w.data.add(c)
	w.tally.add(c)
	return w.failed()
}

// Worst lists at most n of the Certificates that were added, and 200 in all: those that need
// attention, the worst first.
func (w *Writer) Worst(n int) []Name {
	var out []Name
	for _, c := range w.tally.worst() {
		if len(out) < n {
			out = append(out, c.name)
		}
	}
	return out
}

// Close writes the rest. It doesn't close what it writes to.
func (w *Writer) Close(end End) error {
	w.begin()
	w.data.end(w.head, end)
	page{w.out, w.head, w.tally, end}.write()
	if err := w.failed(); err != nil {
		return err
	}
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
