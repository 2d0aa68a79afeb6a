package faults

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/certshim/certshim/test/cluster"
)

var (
	seed = flag.Uint64("seed", 1, "plays another history")
	full = flag.Bool("full", false, "plays longer histories, and each crash in each way")
	bugs = flag.Bool("bugs", false, "puts old bugs back into certshim, one at a time, and holds the scenes to seeing them")
	// program is what [TestOldBugs] runs the scenes with.
	program = flag.String("certshim", "", "plays with this program instead of bin/certshim, which still says what is right")
)

// shared is the cluster of all scenes, and kubeconfig that of certshim's ServiceAccount in it.
var (
	shared     *cluster.Cluster
	kubeconfig string
)

// figures are printed at the end.
var figures tally

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctx := context.Background()
	if *bugs {
		// Each bug gets a cluster of its own.
		return m.Run(), nil
	}
	if shared, err = cluster.StartMain(ctx); err != nil {
		return 1, fmt.Errorf("start the cluster: %w", err)
	}
	defer func() {
		if stopErr := shared.Stop(); err == nil {
			err = stopErr
		}
	}()
	shared.Certshim = *program
	if kubeconfig, err = shared.Deploy(ctx); err != nil {
		return 1, err
	}
	code = m.Run()
	figures.print()
	return code, nil
}

// edits is how many edits a history has while a fault lasts.
func edits() int {
	if *full {
		return 60
	}
	return 12
}

// plays says whether the nth of some scenes of one kind is played: each in the long form, and every second one in the short form. Which
// ones those are the seed says, so that two seeds that follow each other play all.
func plays(n int) bool { return *full || n%2 == int(*seed%2) }

// played are those of some scenes that are played, in the order of their names.
func played[S any](scenes map[string]S) iter.Seq2[string, S] {
	return func(yield func(string, S) bool) {
		for n, name := range slices.Sorted(maps.Keys(scenes)) {
			if plays(n) && !yield(name, scenes[name]) {
				return
			}
		}
	}
}

// figure is what came of one fault.
type figure struct {
	fault          string
	edits, strikes int
	verdict        verdict
	// specs are those that were asked for, and requests the CertificateRequests that cert-manager made of them.
	specs, requests int
	quiet           time.Duration
}

type tally struct {
	lock sync.Mutex
	all  []figure
}

func (t *tally) add(f figure) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.all = append(t.all, f)
}

func (t *tally) print() {
	slices.SortFunc(t.all, func(a, b figure) int { return cmp.Compare(a.fault, b.fault) })
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "seed %d\nfault\tedits\tstruck\tlost\tdoubled\tre-issued\tleft\ttaken\tnot asked for\ttolerated\tspecs\trequests\tquiet after\n", *seed)
	for _, f := range t.all {
		v := f.verdict
		fmt.Fprintf(out, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", f.fault, f.edits, f.strikes,
			len(v.lost), len(v.doubled), len(v.reissued), len(v.left), len(v.taken), len(v.unasked), len(v.tolerated), f.specs, f.requests, f.quiet.Round(10*time.Millisecond))
	}
	_ = out.Flush()
}
