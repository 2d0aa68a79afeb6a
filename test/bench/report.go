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
	certshimName = "certshim"
	shimName     = "cert-manager's ingress-shim"
)

// report is everything that was measured.
type report struct {
	size                 size
	cold                 []map[string]lap
	urgent               []time.Duration
	small, large         lap
	restart, shimRestart restart
}

// page is docs/benchmarks.md; what it explains, it explains beside the figures.
var page = template.Must(template.New("page").Parse(`# Benchmarks

What ` + "`make bench`" + ` printed on {{.Machine}}. Client, API server and etcd share these cores, and nothing is
signed meanwhile. Machines are noisy: compare ratios within one run, not figures of two runs.

## Cold start: {{.Cold}} Ingresses, no Certificate yet

The bare loop sends the very bodies that certshim sends, as many at once, {{.Workers}}, has them ready, and reads
nothing: no controller that applies can be faster. Beside each of the three a watch of all Certificates is open, as cert-manager's
own controllers have one. cert-manager's shim has {{.ShimWorkers}} workers instead of its default of 5, and
makes new Certificates by POST, which costs the server less than an apply. Controllers are timed from the start of their process, so their lists and caches are in. The ratio is that of the rates within a turn; median (least, most) of {{.Turns}} turns.

| | Certificates/s | of the bare loop | client CPU, ms a Certificate | server CPU, ms a Certificate | peak MB |
|---|---|---|---|---|---|
{{range .ColdRows}}| {{.Name}} | {{.Rate}} | {{.Ratio}} | {{.CPU}} | {{.Server}} | {{.Peak}} |
{{end}}
certshim is {{.OverShim}} times as fast as cert-manager's shim.

One Ingress made in the middle of such a start has its Certificate after {{.Urgent}} (median, least, most).

## One namespace with {{.Namespace}} Ingresses

| | client CPU, ms a Certificate | seconds |
|---|---|---|
| {{.Namespace}} in ten namespaces | {{.SmallCPU}} | {{.SmallTook}} |
| {{.Namespace}} in one namespace | {{.LargeCPU}} | {{.LargeTook}} |

An Ingress in the large namespace costs {{.LargeRatio}} times as much.

## Restart over {{.Pairs}} up-to-date Ingresses and Certificates

The Certificates carry a status and its manager, as live ones do. CPU and peak are those of the process from its start
until it rests; writes are those that the API server counted.

| | CPU s | peak MB | writes | s until all was looked at |
|---|---|---|---|---|
| certshim | {{.RestartCPU}} | {{.RestartPeak}} | {{.RestartWrites}} | {{.RestartTook}} |
| cert-manager's ingress-shim | {{.ShimCPU}} | {{.ShimPeak}} | {{.ShimWrites}} | – |
`))

// row is one contestant of the cold start.
type row struct{ Name, Rate, Ratio, CPU, Server, Peak string }

func (b *bench) write(out io.Writer) error {
	r := b.report
	pairs := r.size.cold + 2*r.size.namespace
	return page.Execute(out, map[string]any{
		"Machine": machine(), "Cold": r.size.cold, "Workers": r.size.workers, "ShimWorkers": r.size.shimWorkers, "Turns": r.size.turns,
		"ColdRows": r.rows(), "OverShim": spread(r.ratios(certshimName, shimName), "%.2f"),
		"Urgent":    spread(seconds(r.urgent), "%.2f s"),
		"Namespace": r.size.namespace, "SmallCPU": each(r.small.cpu, r.size.namespace), "LargeCPU": each(r.large.cpu, r.size.namespace),
		"SmallTook": fmt.Sprintf("%.1f", r.small.took.Seconds()), "LargeTook": fmt.Sprintf("%.1f", r.large.took.Seconds()),
		"LargeRatio": fmt.Sprintf("%.2f", r.large.cpu.Seconds()/r.small.cpu.Seconds()),
		"Pairs":      pairs, "RestartCPU": fmt.Sprintf("%.1f", r.restart.cpu.Seconds()), "RestartPeak": r.restart.peak >> 20,
		"RestartWrites": r.restart.writes, "RestartTook": fmt.Sprintf("%.1f", r.restart.took.Seconds()),
		"ShimCPU": fmt.Sprintf("%.1f", r.shimRestart.cpu.Seconds()), "ShimPeak": r.shimRestart.peak >> 20, "ShimWrites": r.shimRestart.writes,
	})
}

func (r report) rows() []row {
	var rows []row
	for _, name := range []string{limitName, certshimName, shimName} {
		var rates, cpu, server, peak []float64
		for _, turn := range r.cold {
			l := turn[name]
			rates = append(rates, float64(r.size.cold)/l.took.Seconds())
			cpu = append(cpu, milliseconds(l.cpu)/float64(r.size.cold))
			server = append(server, milliseconds(l.server)/float64(r.size.cold))
			peak = append(peak, float64(l.peak>>20))
		}
		next := row{Name: name, Rate: spread(rates, "%.0f"), Ratio: spread(r.ratios(name, limitName), "%.2f"),
			CPU: spread(cpu, "%.2f"), Server: spread(server, "%.2f"), Peak: spread(peak, "%.0f")}
		if name == limitName {
			next.Ratio, next.Peak = "1", "–"
		}
		rows = append(rows, next)
	}
	return rows
}

// ratios are the rates of one in terms of another's, turn by turn.
func (r report) ratios(of, to string) []float64 {
	var all []float64
	for _, turn := range r.cold {
		all = append(all, turn[to].took.Seconds()/turn[of].took.Seconds())
	}
	return all
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
	sorted := slices.Sorted(slices.Values(values))
	return fmt.Sprintf(format+" ("+format+", "+format+")", sorted[len(sorted)/2], sorted[0], sorted[len(sorted)-1])
}

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
