package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/certshim/certshim/test/cluster"
)

// listedName is the limit of an audit.
const listedName = "a bare list of the same objects"

// ran is what one run of a command used, and how much it printed.
type ran struct {
	usage
	took  time.Duration
	bytes int64
}

// commandRuns are all runs of one command.
type commandRuns struct {
	name string
	all  []ran
}

// audits measures the audit of pairs that are up to date, in several formats, in turns with a bare
// list of both.
func (b *bench) audits(ctx context.Context, out io.Writer) error {
	if err := b.makePairs(ctx); err != nil {
		return err
	}
	certshim, err := cluster.Binary("certshim")
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	commands := [][]string{{self, "-read", "list", "-kubeconfig", b.Kubeconfig}}
	runs := []commandRuns{{name: listedName}}
	for _, format := range []string{"table", "json", "csv", "html"} {
		runs = append(runs, commandRuns{name: "certshim audit -A -o " + format})
		commands = append(commands, []string{certshim, "audit", "-A", "-o", format})
	}
	for turn := range b.size.turns {
		for i := range commands {
			i = (i + turn) % len(commands)
			one, err := b.runOnce(ctx, commands[i])
			if err != nil {
				return fmt.Errorf("%s: %w", runs[i].name, err)
			}
			note("audit: %s: %s of CPU, %d MB, %s", runs[i].name, one.cpu, one.peak>>20, one.took)
			runs[i].all = append(runs[i].all, one)
		}
	}
	return auditReport{size: b.size, runs: runs}.write(out)
}

// runOnce runs a command to its end, with what it prints going to a file.
func (b *bench) runOnce(ctx context.Context, words []string) (one ran, err error) {
	if err := b.rest(ctx); err != nil {
		return ran{}, err
	}
	folder, err := os.MkdirTemp("", "certshim-bench-")
	if err != nil {
		return ran{}, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	printed, err := os.Create(filepath.Join(folder, "printed"))
	if err != nil {
		return ran{}, err
	}
	command := exec.CommandContext(ctx, words[0], words[1:]...)
	command.Env = append(os.Environ(), "KUBECONFIG="+b.Kubeconfig)
	command.Stdout, command.Stderr = printed, os.Stderr
	began := time.Now()
	if err := command.Start(); err != nil {
		return ran{}, err
	}
	peak := watchPeak(command.Process.Pid)
	err = command.Wait()
	one.took = time.Since(began)
	one.usage = usage{cpu: command.ProcessState.UserTime() + command.ProcessState.SystemTime(), peak: peak()}
	if err != nil {
		return ran{}, err
	}
	info, err := printed.Stat()
	if err != nil {
		return ran{}, err
	}
	one.bytes = info.Size()
	return one, printed.Close()
}

// listBytes lists what an audit reads, page by page, and decodes nothing but where the next page is.
func listBytes(ctx context.Context, config *rest.Config) error {
	config.GroupVersion, config.NegotiatedSerializer = &metav1.Unversioned, scheme.Codecs.WithoutConversion()
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return err
	}
	for _, r := range read() {
		stream, err := client.Get().AbsPath("/apis", r.Group, r.Version, r.Resource).Stream(ctx)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, stream); err != nil {
			return err
		}
		if err := stream.Close(); err != nil {
			return err
		}
	}
	return nil
}

// auditReport is what the audits gave.
type auditReport struct {
	size size
	runs []commandRuns
}

// auditRow is one command of it.
type auditRow struct{ Name, CPU, Peak, Took, Printed string }

func (r auditReport) write(out io.Writer) error {
	var rows []auditRow
	for _, runs := range r.runs {
		each := func(value func(ran) float64) []float64 {
			var values []float64
			for _, one := range runs.all {
				values = append(values, value(one))
			}
			return values
		}
		rows = append(rows, auditRow{
			Name:    runs.name,
			CPU:     spread(each(func(o ran) float64 { return o.cpu.Seconds() }), "%.2f"),
			Peak:    spread(each(func(o ran) float64 { return float64(o.peak) / (1 << 20) }), "%.0f"),
			Took:    spread(each(func(o ran) float64 { return o.took.Seconds() }), "%.1f"),
			Printed: spread(each(func(o ran) float64 { return float64(o.bytes) / (1 << 20) }), "%.1f"),
		})
	}
	return pages.ExecuteTemplate(out, "audit", map[string]any{
		"Pairs": r.size.pairs, "Namespaces": restartNamespaces, "Turns": r.size.turns, "Rows": rows,
	})
}
