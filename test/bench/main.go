package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/process"
)

// size is how much is measured.
type size struct {
	cold, namespace, pairs, turns, workers, shimWorkers, plan, scale int
}

// A scene measures one thing, on a control plane of its own if it needs one, and writes its section
// of the page.
type scene struct {
	name string
	run  func(*bench, context.Context, io.Writer) error
	// alone is set for one that needs no control plane, and named for one that runs only if it is named.
	alone, named bool
}

var scenes = []scene{
	{name: "cold", run: (*bench).cold}, {name: "kinds", run: (*bench).kinds}, {name: "namespaces", run: (*bench).namespaces}, {name: "restart", run: (*bench).restarts},
	{name: "shared", run: (*bench).shared}, {name: "audit", run: (*bench).audits},
	{name: "plan", run: (*bench).plans, alone: true}, {name: "attacks", run: (*bench).attacked},
	{name: "scale", run: (*bench).scales, alone: true}, {name: "dashboard", run: (*bench).shown, named: true},
}

func main() {
	ctx, stop := process.Context()
	err := command(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string, out io.Writer) error {
	var s size
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&s.cold, "cold", 3000, "Ingresses of a cold start")
	flags.IntVar(&s.namespace, "namespace", 10_000, "Ingresses of the large namespace; as many again lie in ten smaller ones")
	flags.IntVar(&s.pairs, "pairs", 20_000, "Ingresses of the restart, each with its Certificate, in twenty namespaces")
	flags.IntVar(&s.turns, "turns", 3, "turns of the cold start and of the restart")
	flags.IntVar(&s.workers, "workers", 64, "writes in flight, of certshim and of the bare loop")
	flags.IntVar(&s.shimWorkers, "shim-workers", 32, "workers of cert-manager's shim, which has 5 by itself")
	flags.IntVar(&s.plan, "plan", 400_000, "Ingresses of the stream that is planned")
	flags.IntVar(&s.scale, "scale", 200_000, "Ingresses of the largest start over a simulated API server, each with its Certificate")
	only := flags.String("only", "", "measure these scenes alone, of "+strings.Join(names(scenes), ",")+"; by default all but the dashboard")
	record := flags.String("record", "", "the file into which the scene dashboard writes certshim's metrics, as OpenMetrics and gzipped")
	seed := flags.Uint64("seed", 1, "what the attacks make their objects of")
	attack := flags.String("attack", "", "run those attacks alone whose names have this")
	before := flags.String("before", "", "an older build of certshim, restarted beside this one")
	read := flags.String("read", "", "be a bare reader instead, for the restart: "+strings.Join(names(readers), " or "))
	kubeconfig := flags.String("kubeconfig", "", "what -read connects with")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *read != "" {
		return runReader(ctx, *read, *kubeconfig)
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	return measure(ctx, chosen, bench{size: s, before: *before, seed: *seed, attack: *attack, record: *record}, out)
}

func (s scene) String() string { return s.name }

func names[T fmt.Stringer](all []T) []string {
	var list []string
	for _, one := range all {
		list = append(list, one.String())
	}
	return list
}

// choose gives the scenes of a comma-separated list, in their usual order; all that needn't be named for an empty one.
func choose(list string) ([]scene, error) {
	if list == "" {
		return slices.DeleteFunc(slices.Clone(scenes), func(s scene) bool { return s.named }), nil
	}
	wanted := strings.Split(list, ",")
	for _, name := range wanted {
		if !slices.Contains(names(scenes), name) {
			return nil, fmt.Errorf("-only: there is no scene %q: use %s", name, strings.Join(names(scenes), ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(scenes), func(s scene) bool { return !slices.Contains(wanted, s.name) }), nil
}

func measure(ctx context.Context, chosen []scene, b bench, out io.Writer) error {
	if err := pages.ExecuteTemplate(out, "intro", machine()); err != nil {
		return err
	}
	for _, s := range chosen {
		if err := b.stage(ctx, s, out); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// stage runs one scene, on a new control plane if it needs one.
func (b bench) stage(ctx context.Context, s scene, out io.Writer) (err error) {
	if s.alone {
		return s.run(&b, ctx, out)
	}
	b.Cluster, err = cluster.StartMain(ctx, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Stop()) }()
	if b.client, err = discovery.NewDiscoveryClientForConfig(b.Config); err != nil {
		return err
	}
	if err := b.makeIssuer(ctx); err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	return s.run(&b, ctx, out)
}

// runReader connects and reads until it is stopped.
func runReader(ctx context.Context, name, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	i := slices.Index(names(readers), name)
	if i < 0 {
		return fmt.Errorf("-read: there is no reader %q: use %s", name, strings.Join(names(readers), " or "))
	}
	return readers[i].run(ctx, config)
}

// note tells on standard error how far it is.
func note(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", arguments...)
}
