package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// What is recorded: the start over so many Ingresses, and then an edit each tick of one of them after another.
	shownIngresses = 200
	shownEdits     = 60
	editTick       = 300 * time.Millisecond
	scrapeInterval = time.Second

	shownNamespace, leaseNamespace = "shown", "certshim"
	// scraped are the labels that Prometheus gives to what it scrapes of a Pod.
	scraped = `instance="certshim",job="certshim",namespace="certshim",pod="certshim-0"`
)

// shown lets certshim run as it is deployed, with a plugin and with a limit on requests, over Ingresses that are edited, one of which has a
// mistake, and records its metrics for the dashboard.
func (b *bench) shown(ctx context.Context, out io.Writer) error {
	if b.record == "" {
		return errors.New("-record says into which file")
	}
	if err := errors.Join(b.makeNamespace(ctx, leaseNamespace, 0), b.makeNamespace(ctx, shownNamespace, shownIngresses)); err != nil {
		return err
	}
	p, err := b.plug(ctx)
	if err != nil {
		return err
	}
	defer p.unplug()
	running, err := b.certshim(ctx, "--leader-elect=true", "--leader-election-namespace="+leaseNamespace, "--config="+p.configuration)
	if err != nil {
		return err
	}
	defer func() { _ = running.Stop() }()
	if err := running.untilDone(ctx); err != nil {
		return err
	}
	r := recording{}
	edited := make(chan error, 1)
	go func() { edited <- b.editSlowly(ctx) }()
	for tick := time.NewTicker(scrapeInterval); ; {
		if err := r.scrape(ctx, running); err != nil {
			return err
		}
		select {
		case err := <-edited:
			if err = errors.Join(err, r.scrape(ctx, running)); err != nil {
				return err
			}
			note("dashboard: %d series in %s", len(r), b.record)
			return errors.Join(r.save(b.record), pages.ExecuteTemplate(out, "dashboard", map[string]any{"Series": len(r), "File": b.record}))
		case <-tick.C:
		}
	}
}

// editSlowly makes an Ingress with a mistake, and edits the others for a while.
func (b *bench) editSlowly(ctx context.Context) error {
	wrong := ingress(shownNamespace, "wrong")
	keys := wrong.GetAnnotations()
	keys["cert-manager.io/duration"] = "ninety days"
	wrong.SetAnnotations(keys)
	if _, err := b.Dynamic.Resource(ingresses).Namespace(shownNamespace).Create(ctx, wrong, metav1.CreateOptions{}); err != nil {
		return err
	}
	tick := time.NewTicker(editTick)
	defer tick.Stop()
	for i := range shownEdits {
		if err := b.annotate(ctx, shownNamespace, fmt.Sprintf("web-%d", i), commonName, fmt.Sprintf("d%d.example.com", i)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// recording has the samples of each series, as lines of OpenMetrics.
type recording map[string][]string

// scrape adds what certshim's metrics are now.
func (r recording) scrape(ctx context.Context, c *controller) error {
	body, err := get(ctx, "http://"+c.address+"/metrics")
	if err != nil {
		return err
	}
	now := float64(time.Now().UnixMilli()) / 1000
	for line := range strings.Lines(body) {
		series, value, found := cutLast(strings.TrimSuffix(line, "\n"), " ")
		if !found || strings.HasPrefix(line, "#") {
			continue
		}
		series = labelled(series)
		r[series] = append(r[series], fmt.Sprintf("%s %s %.3f\n", series, value, now))
	}
	return nil
}

// labelled is a series with the labels of its Pod.
func labelled(series string) string {
	if name, labels, found := strings.Cut(series, "{"); found {
		return name + "{" + scraped + "," + labels
	}
	return series + "{" + scraped + "}"
}

func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

// save writes OpenMetrics, series by series, as `promtool tsdb create-blocks-from openmetrics` reads it.
func (r recording) save(path string) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	zipped, _ := gzip.NewWriterLevel(file, gzip.BestCompression)
	defer func() { err = errors.Join(err, zipped.Close(), file.Close()) }()
	for _, series := range slices.Sorted(maps.Keys(r)) {
		for _, line := range r[series] {
			if _, err := io.WriteString(zipped, line); err != nil {
				return err
			}
		}
	}
	_, err = io.WriteString(zipped, "# EOF\n")
	return err
}
