package differential

import (
	"flag"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/certshim/certshim/annotations"
)

var (
	firstSeed = flag.Uint64("seed", 1, "seed of the first case; each further case has the next")
	cases     = flag.Int("cases", 6000, "how many cases are generated")
)

// enoughCases are so many that every row should be hit.
const enoughCases = 5000

// mostHits is the part of the cases that one difference may have to do with.
const mostHits = 0.05

// TestGenerated holds the two sides against each other, thousands of times.
func TestGenerated(t *testing.T) {
	t.Logf("%d cases, seeds %d to %d; -args -seed N -cases 1 runs one again", *cases, *firstSeed, *firstSeed+uint64(*cases)-1)
	report := newReport()
	var working sync.WaitGroup
	for worker := range runtime.GOMAXPROCS(0) {
		working.Go(func() {
			for i := worker; i < *cases; i += runtime.GOMAXPROCS(0) {
				report.run(t, *firstSeed+uint64(i))
			}
		})
	}
	working.Wait()
	t.Log(report.String())
	if *cases >= enoughCases {
		report.check(t)
	}
}

// report counts what came of the cases.
type report struct {
	sync.Mutex
	cases, made, failed int
	hits, changes       map[string]int
	kinds               map[string]int
	// values counts, by annotation key, what stood there.
	values map[string]map[string]int
}

func newReport() *report {
	return &report{hits: map[string]int{}, changes: map[string]int{}, kinds: map[string]int{}, values: map[string]map[string]int{}}
}

func (r *report) run(t *testing.T, seed uint64) {
	generated := Generate(seed)
	finding, err := compareCase(generated)
	r.count(generated, finding)
	if err == nil && finding.Difference == "" {
		return
	}
	const mostPrinted = 5
	if r.fail() > mostPrinted {
		t.Errorf("seed %d fails too", seed)
		return
	}
	small := Shrink(generated, func(c *Case) bool {
		found, again := compareCase(c)
		return (again != nil) == (err != nil) && (found.Difference != "") == (finding.Difference != "")
	})
	t.Errorf("seed %d, made smaller:\n%s", seed, told(small))
}

func compareCase(c *Case) (Finding, error) {
	in, err := c.Input()
	if err != nil {
		return Finding{}, err
	}
	return Compare(in)
}

// told prints a failing case: the input, the rows that hit it, and what they don't explain.
func told(c *Case) string {
	in, err := c.Input()
	if err != nil {
		return fmt.Sprintf("%+v: %v", c, err)
	}
	finding, err := Compare(in)
	return fmt.Sprintf("%s\nrows: %s\nerror: %v\n(-upstream, rewritten +certshim):\n%s", in.YAML(), strings.Join(finding.Hit, ", "), err, finding.Difference)
}

func (r *report) fail() int {
	r.Lock()
	defer r.Unlock()
	r.failed++
	return r.failed
}

func (r *report) count(c *Case, finding Finding) {
	r.Lock()
	defer r.Unlock()
	r.cases++
	r.kinds[c.Object.Kind]++
	if finding.Made {
		r.made++
	}
	for _, name := range finding.Hit {
		r.hits[name]++
	}
	for _, name := range finding.Changed {
		r.changes[name]++
	}
	for _, p := range append(pools(), triggerPools()...) {
		if r.values[p.key] == nil {
			r.values[p.key] = map[string]int{}
		}
		r.values[p.key][p.judge(c.Object.Annotations)]++
	}
}

func (r *report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d cases %v, %d lead to a Certificate\n%-28s %6s %7s %8s\n", r.cases, r.kinds, r.made, "row", "hits", "", "changes")
	for _, row := range Rows() {
		fmt.Fprintf(&b, "%-28s %6d %6.2f%% %8d\n", row.Name, r.hits[row.Name], 100*r.part(row.Name), r.changes[row.Name])
	}
	fmt.Fprintf(&b, "%-56s %6s %6s %6s\n", "annotation", good, bad, absent)
	for _, key := range slices.Sorted(maps.Keys(r.values)) {
		fmt.Fprintf(&b, "%-56s %6d %6d %6d\n", key, r.values[key][good], r.values[key][bad], r.values[key][absent])
	}
	return b.String()
}

func (r *report) part(row string) float64 { return float64(r.hits[row]) / float64(r.cases) }

// check holds the cases to be worth something.
func (r *report) check(t *testing.T) {
	if 2*r.made < r.cases {
		t.Errorf("%d of %d cases lead to a Certificate; at least half should", r.made, r.cases)
	}
	for _, row := range Rows() {
		switch {
		case r.hits[row.Name] == 0:
			t.Errorf("row %s: no case hits", row.Name)
		case r.changes[row.Name] == 0:
			t.Errorf("row %s: without it no case would be judged otherwise", row.Name)
		case r.part(row.Name) > mostHits:
			t.Errorf("row %s: %.1f %% of the cases hit; a difference should be rare", row.Name, 100*r.part(row.Name))
		}
	}
	for _, row := range annotations.Table() {
		if row.On == "Certificate" {
			continue // does nothing on a source
		}
		for _, how := range []string{good, bad, absent} {
			if r.values[row.Key][how] == 0 {
				t.Errorf("annotation %s never occurs %s", row.Key, how)
			}
		}
	}
}
