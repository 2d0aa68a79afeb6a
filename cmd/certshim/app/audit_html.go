package app

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/certshim/certshim/cmd/certshim/app/report"
	"github.com/certshim/certshim/ownership"
)

// auditHTML writes the report for people.
type auditHTML struct {
	w *report.Writer
	a *auditing
	// ctx is that of the run: the Events of the worst Certificates are read at its end.
	ctx context.Context
}

// newHTML begins a report of what was asked for.
func (a *auditing) newHTML(ctx context.Context, w io.Writer) *auditHTML {
	head := report.Head{
		Subject: a.o.subject(), Scope: a.o.scope(), Program: "certshim " + readVersion().Version, At: time.Now(), Attention: attention(),
	}
	return &auditHTML{w: report.New(w, head), a: a, ctx: ctx}
}

func (h *auditHTML) write(one audited) error {
	c := report.Certificate{Ownership: one.Report, Settled: one.Settled, Secret: one.Secret}
	if one.Source != nil {
		c.Source = *one.Source
	}
	return h.w.Add(c)
}

func (h *auditHTML) close(_ auditSummary, findings []ownership.Finding) error {
	events, notes := h.a.events(h.ctx, h.w.Worst(mostWithEvents))
	return h.w.Close(report.End{Findings: findings, Events: events, Unread: h.a.unread(), Notes: append(h.a.tally.idle(), notes...)})
}

// subject is what was audited, in words.
func (o *auditOptions) subject() string {
	if o.plan.offline() {
		return "files: " + strings.Join(o.plan.input.paths, ", ")
	}
	return o.plan.connection.describe()
}

// scope is the part of it that was asked for.
func (o *auditOptions) scope() string {
	var parts []string
	if o.plan.within != "" {
		parts = append(parts, "namespace "+o.plan.within)
	}
	if o.plan.selector != "" {
		parts = append(parts, "labels "+o.plan.selector)
	}
	if !o.plan.selected.everything {
		parts = append(parts, strings.Join(o.arguments, " "))
	}
	return strings.Join(parts, ", ")
}
