package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/template"
	"time"
)

const (
	limitName    = "bare apply loop"
	bytesName    = "the bare bytes"
	certshimName = "certshim"
	shimName     = "cert-manager's ingress-shim"
)

// pages are the parts of the page. What they explain, they explain beside the figures.
var pages = template.Must(template.New("").Parse(`
{{- define "intro"}}# Benchmarks

What ` + "`make bench`" + ` printed on {{.}}. Client, API server and etcd share these cores, and nothing is
signed meanwhile. Machines are noisy: compare ratios within one run, not figures of two runs.
{{end}}

{{- define "cold"}}
## Cold start: {{.Cold}} Ingresses, no Certificate yet

The bare loop sends the very bodies that certshim sends, as many at once, {{.Workers}}, has them ready, and reads
nothing: no controller that applies can be faster. Beside each of the three a watch of all Certificates is open, as cert-manager's
own controllers have one. cert-manager's shim has {{.ShimWorkers}} workers instead of its default of 5, and
makes new Certificates by POST, which costs the server less than an apply. Controllers are timed from the start of their process, so their lists and caches are in. The ratio is that of the rates within a turn; median (least, most) of {{.Turns}} turns.

| | Certificates/s | of the bare loop | client CPU, ms a Certificate | server CPU, ms a Certificate | peak MB |
|---|---|---|---|---|---|
{{range .Rows}}| {{.Name}} | {{.Rate}} | {{.Ratio}} | {{.CPU}} | {{.Server}} | {{.Peak}} |
{{end}}
certshim is {{.OverShim}} times as fast as cert-manager's shim.

One Ingress made in the middle of such a start has its Certificate after {{.Urgent}} (median, least, most).
{{end}}

{{- define "kinds"}}
## Cold start by kind: {{.Cold}} objects of each, no Certificate yet

They have the same annotations, labels and names. RouteGroup, of Skipper, is declared: an expression is evaluated over each object as it comes in. The ratio is
that of the rates within a turn; median (least, most) of {{.Turns}} turns.

| | Certificates/s | of that of Ingresses | certshim CPU, ms a Certificate | peak MB |
|---|---|---|---|---|
{{range .Rows}}| {{.Name}} | {{.Rate}} | {{.Ratio}} | {{.CPU}} | {{.Peak}} |
{{end}}
{{end}}

{{- define "namespaces"}}
## One namespace with {{.Count}} Ingresses

| | client CPU, ms a Certificate | seconds |
|---|---|---|
| {{.Count}} in ten namespaces | {{.SmallCPU}} | {{.SmallTook}} |
| {{.Count}} in one namespace | {{.LargeCPU}} | {{.LargeTook}} |

An Ingress in the large namespace costs {{.Ratio}} times as much.

A restart over all of them, half in one namespace:
{{template "restarts" .Restarts}}{{end}}

{{- define "restart"}}
## Restart over {{.Pairs}} up-to-date Ingresses and Certificates

They lie in {{.Namespaces}} namespaces and carry the status that live ones have: the Ingresses an address, the Certificates
conditions, times and their manager. CPU and peak are those of the process from its start until it rests; writes are
those that the API server counted. The bare readers list and watch the same objects and do nothing with them: one
decodes nothing, the other is client-go's dynamic informers as they come. Median (least, most) of {{.Turns}} starts;
ratios are of medians.
{{template "restarts" .Restarts}}
Pages of the program itself count in the peak.
{{end}}

{{- define "shared"}}
## Many Ingresses that name one Secret

One of them has the Certificate. The common name of another one, which gets nothing by that, is changed {{.Touches}} times, each
time once certshim has looked at the change before. The CPU is that of certshim alone, the reading of its metrics included.

| Ingresses on the Secret | CPU of a change, ms | objects looked at for it | CPU of a look, ms |
|---|---|---|---|
{{range .Rows}}| {{.Count}} | {{.Change}} | {{.Looks}} | {{.Look}} |
{{end}}
One tenant makes {{.Edits}} edits to the common names of {{.Sources}} such Ingresses within {{.Took}} s. Meanwhile another one makes
{{.Rounds}} Ingresses, each once the Certificate of the one before is there.

| until another tenant's Ingress has its Certificate | median ms | longest ms |
|---|---|---|
| before the edits | {{.Quiet}} |
| during the edits | {{.During}} |

certshim used {{.CPU}} s of CPU for all of this, and rested {{.Calm}} s after the last edit.
{{end}}

{{- define "audit"}}
## Audit of {{.Pairs}} Ingresses and their Certificates

They lie in {{.Namespaces}} namespaces and are up to date, with the status that live ones have. The bare list reads the same
objects in two requests and decodes nothing. CPU and peak are those of the whole process. Median (least, most) of {{.Turns}} runs.

| | CPU s | peak MB | seconds | MB printed |
|---|---|---|---|---|
{{range .Rows}}| {{.Name}} | {{.CPU}} | {{.Peak}} | {{.Took}} | {{.Printed}} |
{{end}}
{{end}}
{{- define "plan"}}
## ` + "`certshim plan -f -`" + ` of {{.Count}} Ingresses

They come in one stream, as a chart writes them, and each asks for a Certificate. The last but one column compares an
Ingress of this stream with one of {{.Quarter}}: a plan that is linear has 1.

| output | namespaces | CPU s | s | CPU of an Ingress, ms | of that of a short stream | peak MB |
|---|---|---|---|---|---|---|
{{range .Rows}}| {{.Format}} | {{.Namespaces}} | {{.CPU}} | {{.Took}} | {{.Each}} | {{.Growth}} | {{.Peak}} |
{{end}}
{{end}}

{{- define "attacks"}}
## Attacks by one tenant

Seed {{.Seed}}; certshim with {{.Limit}}, as deploy/ has it. Meanwhile another tenant makes Ingresses, each once the Certificate of the one before
is there, and /healthz is asked all the time. The second peak is that of a start when all is there.

| attack | peak MB | peak MB of a start | /healthz, longest ms | another tenant waits, median ms | longest ms | longest log line, bytes |
|---|---|---|---|---|---|---|
{{range .Rows}}| {{.Name}} | {{.Peak}} | {{.Restarted}} | {{.Health}} | {{.Waits}} | {{.Line}} |
{{end}}
{{end}}

{{- define "scale"}}
## Start over up to {{.Most}} Ingresses and their Certificates

A simulated API server sends the watches of Ingresses and Certificates, as WatchList has them, over TLS and HTTP/2: a recorded pair with
another name, uid and host for each, {{.PerNamespace}} in a namespace, {{.Bytes}} bytes of JSON a pair, not compressed. All are up to date, and certshim wrote nothing: a
request that would write ends the run. Values for each pair are those beyond a start over none. CPU and peak are those of the process until it
rests, one start each. The server has the same cores and makes the objects as it goes, so that seconds say little. At rest, {{.Edits}} of the Ingresses gain a name
at once: each is read once more and written.

| pairs | s until all was looked at | CPU s | peak MB | MB at rest | CPU ms a pair | peak, bytes a pair | at rest, bytes a pair | CPU ms an edit |
|---|---|---|---|---|---|---|---|---|
{{range .Rows}}| {{.Pairs}} | {{.Took}} | {{.CPU}} | {{.Peak}} | {{.Settled}} | {{.EachCPU}} | {{.EachPeak}} | {{.EachSettled}} | {{.Edit}} |
{{end}}
On paper, by the figures of the largest start, {{.OnPaper}} pairs take {{.PaperCPU}} s of CPU for a start, {{.PaperPeak}} GB at the peak and {{.PaperSettled}} GB at rest, out of
{{.PaperSent}} GB of JSON. Nobody has measured that.
{{end}}

{{- define "dashboard"}}
{{.Series}} series of certshim's metrics are in {{.File}}.
{{end}}

{{- define "restarts"}}
| | CPU s | of the shim's CPU | of the bare bytes' CPU | peak MB | writes | s until all was looked at |
|---|---|---|---|---|---|---|
{{range .}}| {{.Name}} | {{.CPU}} | {{.OfShim}} | {{.OfBytes}} | {{.Peak}} | {{.Writes}} | {{.Took}} |
{{end}}{{end}}`))

// coldReport is what the cold starts gave: of each turn the laps by name.
type coldReport struct {
	size   size
	turns  []map[string]lap
	urgent []time.Duration
}

// kindsReport is what the cold starts over several kinds gave.
type kindsReport coldReport

func (r kindsReport) write(out io.Writer) error {
	var rows []coldRow
	for _, kind := range sourceKinds() {
		rows = append(rows, coldReport(r).row(kind.name, sourceKinds()[0].name))
	}
	return pages.ExecuteTemplate(out, "kinds", map[string]any{"Cold": r.size.cold, "Turns": r.size.turns, "Rows": rows})
}

// coldRow is one contestant of the cold start.
type coldRow struct{ Name, Rate, Ratio, CPU, Server, Peak string }

func (r coldReport) write(out io.Writer) error {
	return pages.ExecuteTemplate(out, "cold", map[string]any{
		"Cold": r.size.cold, "Workers": r.size.workers, "ShimWorkers": r.size.shimWorkers, "Turns": r.size.turns,
		"Rows": r.rows(), "OverShim": spread(r.ratios(certshimName, shimName), "%.2f"), "Urgent": spread(seconds(r.urgent), "%.2f s"),
	})
}

func (r coldReport) rows() []coldRow {
	var rows []coldRow
	for _, name := range []string{limitName, certshimName, shimName} {
		next := r.row(name, limitName)
		if name == limitName {
			next.Peak = "–"
		}
		rows = append(rows, next)
	}
	return rows
}

// row is one contestant, compared with another one.
func (r coldReport) row(name, to string) coldRow {
	var rates, cpu, server, peak []float64
	for _, turn := range r.turns {
		l := turn[name]
		rates = append(rates, float64(r.size.cold)/l.took.Seconds())
		cpu = append(cpu, milliseconds(l.cpu)/float64(r.size.cold))
		server = append(server, milliseconds(l.server)/float64(r.size.cold))
		peak = append(peak, float64(l.peak>>20))
	}
	row := coldRow{
		Name: name, Rate: spread(rates, "%.0f"), Ratio: spread(r.ratios(name, to), "%.2f"),
		CPU: spread(cpu, "%.2f"), Server: spread(server, "%.2f"), Peak: spread(peak, "%.0f"),
	}
	if name == to {
		row.Ratio = "1"
	}
	return row
}

// ratios are the rates of one in terms of another's, turn by turn.
func (r coldReport) ratios(of, to string) []float64 {
	var all []float64
	for _, turn := range r.turns {
		all = append(all, turn[to].took.Seconds()/turn[of].took.Seconds())
	}
	return all
}

// namespacesReport compares a large namespace with small ones.
type namespacesReport struct {
	size         size
	small, large lap
	restarts     []starts
}

func (r namespacesReport) write(out io.Writer) error {
	return pages.ExecuteTemplate(out, "namespaces", map[string]any{
		"Count": r.size.namespace, "SmallCPU": each(r.small.cpu, r.size.namespace), "LargeCPU": each(r.large.cpu, r.size.namespace),
		"SmallTook": fmt.Sprintf("%.1f", r.small.took.Seconds()), "LargeTook": fmt.Sprintf("%.1f", r.large.took.Seconds()),
		"Ratio":    fmt.Sprintf("%.2f", r.large.cpu.Seconds()/r.small.cpu.Seconds()),
		"Restarts": restartRows(r.restarts),
	})
}

// restartReport is what the restarts gave.
type restartReport struct {
	size     size
	restarts []starts
}

// restartRow is one program of a restart.
type restartRow struct{ Name, CPU, OfShim, OfBytes, Peak, Writes, Took string }

func (r restartReport) write(out io.Writer) error {
	return pages.ExecuteTemplate(out, "restart", map[string]any{
		"Pairs": r.size.pairs, "Namespaces": restartNamespaces, "Turns": r.size.turns, "Restarts": restartRows(r.restarts),
	})
}

func restartRows(programs []starts) []restartRow {
	median := map[string]float64{}
	for _, p := range programs {
		median[p.name] = middle(p.each(func(r restart) float64 { return r.cpu.Seconds() }))
	}
	ratio := func(of, to string) string {
		if median[to] == 0 {
			return "–"
		}
		return fmt.Sprintf("%.2f", median[of]/median[to])
	}
	var rows []restartRow
	for _, p := range programs {
		row := restartRow{
			Name: p.name, OfShim: ratio(p.name, shimName), OfBytes: ratio(p.name, bytesName),
			CPU:    spread(p.each(func(r restart) float64 { return r.cpu.Seconds() }), "%.2f"),
			Peak:   spread(p.each(func(r restart) float64 { return float64(r.peak) / (1 << 20) }), "%.0f"),
			Writes: fmt.Sprintf("%.0f", slices.Max(p.each(func(r restart) float64 { return r.writes }))), Took: "–",
		}
		if p.all[0].took > 0 {
			row.Took = spread(p.each(func(r restart) float64 { return r.took.Seconds() }), "%.1f")
		}
		rows = append(rows, row)
	}
	return rows
}

func (s starts) each(value func(restart) float64) []float64 {
	values := make([]float64, len(s.all))
	for i, r := range s.all {
		values[i] = value(r)
	}
	return values
}

func seconds(all []time.Duration) []float64 {
	out := make([]float64, len(all))
	for i, d := range all {
		out[i] = d.Seconds()
	}
	return out
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

func each(cpu time.Duration, count int) string {
	return fmt.Sprintf("%.2f", milliseconds(cpu)/float64(count))
}

// spread is the median, with least and most.
func spread(values []float64, format string) string {
	if len(values) == 0 {
		return "–"
	}
	return fmt.Sprintf(format+" ("+format+", "+format+")", middle(values), slices.Min(values), slices.Max(values))
}

// middle is the median of values, of which there is one at least.
func middle(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }

// machine is what kind of machine this is, without its name.
func machine() string {
	model := "an unknown processor"
	if content, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, found := bytes.Cut(content, []byte("model name")); found {
			line, _, _ := strings.Cut(string(rest), "\n")
			model = strings.TrimSpace(strings.TrimLeft(line, "\t :"))
		}
	}
	return fmt.Sprintf("%d cores of %s, %s, %s/%s", runtime.NumCPU(), cmp.Or(model, "an unknown processor"), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
