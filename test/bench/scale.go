package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/certshim/certshim/test/cluster"
)

// onPaper is a number of sources that nobody has measured.
const onPaper = 1_000_000

// scaled is one start of certshim over so many pairs that are up to date.
type scaled struct {
	pairs int
	restart
	// settled is the resident set once certshim rests, in bytes.
	settled int64
	// sent are the bytes of the objects, before compression.
	sent int64
	// edit is the CPU for a name more in an Ingress, of [editsAtRest] at once.
	edit time.Duration
}

// scales starts certshim over more and more pairs: a pair is to cost as much among many as among few. A small
// start, measured first, is what any start costs.
func (b *bench) scales(ctx context.Context, out io.Writer) error {
	var all []scaled
	for _, pairs := range []int{0, b.size.scale / 4, b.size.scale / 2, b.size.scale} {
		s, err := b.scale(ctx, pairs)
		if err != nil {
			return fmt.Errorf("%d pairs: %w", pairs, err)
		}
		note("scale: %d pairs: %s of CPU, %d MB at most, %d MB then, %s; %s for an edit", pairs, s.cpu, s.peak>>20, s.settled>>20, s.took, s.edit)
		all = append(all, s)
	}
	return scaleReport(all).write(out)
}

func (b *bench) scale(ctx context.Context, pairs int) (s scaled, err error) {
	folder, err := os.MkdirTemp("", "certshim-scale-")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	server, err := pairStreams(ctx, pairs)
	if err != nil {
		return s, err
	}
	// Watches never end, so that closing alone would wait.
	defer server.Close()
	defer server.CloseClientConnections()
	kubeconfig := filepath.Join(folder, "kubeconfig")
	if err := server.kubeconfig(kubeconfig); err != nil {
		return s, err
	}
	here := &bench{Cluster: &cluster.Cluster{Kubeconfig: kubeconfig, Logs: folder}, size: b.size}
	err = here.startOver(ctx, &s, server)
	s.pairs, s.sent = pairs, server.bytes.Load()
	if wrote := server.wrote.Load(); wrote != nil {
		err = errors.Join(err, fmt.Errorf("certshim sent what nothing asked for: %s", *wrote))
	}
	return s, err
}

// startOver starts certshim and waits until it rests, then until some edits are done.
func (b *bench) startOver(ctx context.Context, s *scaled, server *streams) error {
	began := time.Now()
	c, err := b.certshim(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Stop() }()
	if err := c.untilDone(ctx); err != nil {
		return err
	}
	s.took = time.Since(began)
	if err := untilIdle(ctx, 3, c.Pid()); err != nil {
		return err
	}
	if s.usage, err = usageOf(c.Pid()); err != nil {
		return err
	}
	if s.settled, err = memoryOf(c.Pid(), "VmRSS"); err != nil || server.resource[ingressWatch].count == 0 {
		return err
	}
	s.edit, err = server.editing(ctx, c.Pid(), editsAtRest)
	return err
}

// scaleReport are starts over more and more pairs, the first over none.
type scaleReport []scaled

// scaleRow is one start; the values for each are those beyond a start over nothing.
type scaleRow struct{ Pairs, Took, CPU, Peak, Settled, EachCPU, EachPeak, EachSettled, Edit string }

func (r scaleReport) write(out io.Writer) error {
	var rows []scaleRow
	for _, s := range r {
		rows = append(rows, r.row(s))
	}
	last := r[len(r)-1]
	return pages.ExecuteTemplate(out, "scale", map[string]any{
		"Rows": rows, "Most": last.pairs, "Edits": editsAtRest, "PerNamespace": perNamespace, "Bytes": last.sent / int64(last.pairs),
		"OnPaper": onPaper, "PaperCPU": fmt.Sprintf("%.0f", r.paper(func(s scaled) float64 { return s.cpu.Seconds() })),
		"PaperPeak":    fmt.Sprintf("%.1f", r.paper(func(s scaled) float64 { return float64(s.peak) / 1e9 })),
		"PaperSettled": fmt.Sprintf("%.1f", r.paper(func(s scaled) float64 { return float64(s.settled) / 1e9 })),
		"PaperSent":    fmt.Sprintf("%.1f", r.paper(func(s scaled) float64 { return float64(s.sent) / 1e9 })),
	})
}

func (r scaleReport) row(s scaled) scaleRow {
	row := scaleRow{
		Pairs: fmt.Sprint(s.pairs), Took: fmt.Sprintf("%.1f", s.took.Seconds()), CPU: fmt.Sprintf("%.2f", s.cpu.Seconds()),
		Peak: fmt.Sprint(s.peak >> 20), Settled: fmt.Sprint(s.settled >> 20), EachCPU: "–", EachPeak: "–", EachSettled: "–", Edit: "–",
	}
	if s.pairs > 0 {
		row.Edit = fmt.Sprintf("%.2f", milliseconds(s.edit))
		row.EachCPU = fmt.Sprintf("%.3f", r.beyond(s, func(s scaled) float64 { return milliseconds(s.cpu) }))
		row.EachPeak = fmt.Sprintf("%.0f", r.beyond(s, func(s scaled) float64 { return float64(s.peak) }))
		row.EachSettled = fmt.Sprintf("%.0f", r.beyond(s, func(s scaled) float64 { return float64(s.settled) }))
	}
	return row
}

// beyond is what each pair takes beyond a start over none.
func (r scaleReport) beyond(s scaled, value func(scaled) float64) float64 {
	return (value(s) - value(r[0])) / float64(s.pairs)
}

// paper is what onPaper pairs would take if each took as much as in the largest start.
func (r scaleReport) paper(value func(scaled) float64) float64 {
	return value(r[0]) + onPaper*r.beyond(r[len(r)-1], value)
}
