package reports

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/ownership"
)

const (
	// every is how long after a look at the counts the next one is, and soon if it has to wait for something.
	every = time.Minute
	soon  = 5 * time.Second
	// apart is how long after a report was written it isn't written again.
	apart = 10 * time.Minute
	// patience is for how many looks a report waits for Certificates that are being read.
	patience = 12
	// maxWanted bounds how many Certificates are read between two looks.
	maxWanted = 50
	// writesPerSecond bounds the requests about reports.
	writesPerSecond, writesBurst = 5, 10
)

// Cluster is where reports are.
type Cluster interface {
	// NamespacesWith gives those of some namespaces, or of all, in which there is an object of that name.
	NamespacesWith(ctx context.Context, resource schema.GroupVersionResource, name string, namespaces []string) ([]string, error)
	// WriterOf gives what reads and writes objects of a resource.
	WriterOf(resource schema.GroupVersionResource) (cluster.Writer, error)
}

// Options are what a Keeper is made of.
type Options struct {
	Setting configuration.Reports
	// Namespaces are those that the program is limited to; none means all.
	Namespaces []string
	// Serves reports whether the reports of a namespace are kept by this instance.
	Serves  func(namespace string) bool
	Cluster Cluster
	// Served says what the cluster serves now.
	Served func() inventory.Served
	// Fields counts the fields of Certificates by namespace.
	Fields func() map[string]*inventory.NamespaceFields
	// Idle reports whether every source was decided, so that the counts are whole.
	Idle func() bool
	// Read asks for a look at a source. Whoever looks asks [Keeper.Wanted] which Certificates to read.
	Read func(sources ...inventory.Key)
	Log  *slog.Logger
}

// Keeper keeps the reports. A nil Keeper wants nothing and writes nothing.
type Keeper struct {
	Options
	kinds []kind
	limit *rate.Limiter
	// kind is what reports are objects of now, and writer writes them; it is nil while no kind is served.
	kind   kind
	writer cluster.Writer
	// told is set once it was said that no kind is served, and failed has the answers that were logged
	// since all went well.
	told   bool
	failed map[cluster.Answer]bool
	// reports are by namespace; nil before it is known which there are.
	reports map[string]*report

	// lock is for what workers read and write, which is what follows.
	lock sync.Mutex
	// wanted has the counts by which Certificates are to be read.
	wanted map[inventory.Key]map[types.NamespacedName]inventory.FieldCounts
	found  map[types.NamespacedName]found
}

// report is what is known of the report in a namespace.
type report struct {
	// written is the digest of what it is known to hold, and at when it was written last.
	written digest
	at      time.Time
	// waited counts the looks for which it has waited.
	waited int
	// failing is set if it couldn't be kept at last.
	failing bool
}

// found is a Certificate that was read.
type found struct {
	version string
	// wanted are the counts by which it was read, and counts those that came out.
	wanted, counts inventory.FieldCounts
	certificateResults
}

// is reports whether a Certificate is still as it was read.
func (f found) is(c inventory.CountedCertificate) bool {
	return f.version == c.Version && (f.counts == c.Counts || f.wanted == c.Counts)
}

// New gives nil where reports are off.
func New(o Options) *Keeper {
	kinds := kindsOf(o.Setting)
	if len(kinds) == 0 {
		return nil
	}
	return &Keeper{
		Options: o, kinds: kinds, limit: rate.NewLimiter(writesPerSecond, writesBurst),
		failed: map[cluster.Answer]bool{}, found: map[types.NamespacedName]found{},
	}
}

// Run keeps the reports until the context ends.
func (k *Keeper) Run(ctx context.Context) {
	if k == nil {
		return
	}
	for {
		next := k.look(ctx, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-time.After(next):
		}
	}
}

// Wanted are the Certificates of a source that are to be read.
func (k *Keeper) Wanted(by inventory.Key) []types.NamespacedName {
	if k == nil {
		return nil
	}
	k.lock.Lock()
	defer k.lock.Unlock()
	return slices.Collect(maps.Keys(k.wanted[by]))
}

// Found notes what was found out about a Certificate of a source, if it was wanted.
func (k *Keeper) Found(by inventory.Key, at types.NamespacedName, version string, counts inventory.FieldCounts, r ownership.Report) {
	if k == nil {
		return
	}
	k.lock.Lock()
	defer k.lock.Unlock()
	wanted, isWanted := k.wanted[by][at]
	if !isWanted {
		return
	}
	delete(k.wanted[by], at)
	k.found[at] = found{
		version: version, wanted: wanted, counts: counts,
		certificateResults: certificateResults{name: at.Name, uid: r.UID, results: resultsOf(r)},
	}
}

// look compares the reports with what is known now. It gives the time until the next look.
func (k *Keeper) look(ctx context.Context, now time.Time) (next time.Duration) {
	if !k.chooseKind() {
		return every
	}
	if !k.Idle() {
		return soon
	}
	if !k.list(ctx) {
		return every
	}
	fields := k.Fields()
	maps.DeleteFunc(fields, func(namespace string, _ *inventory.NamespaceFields) bool { return !k.Serves(namespace) })
	for namespace := range fields {
		if k.reports[namespace] == nil {
			k.reports[namespace] = &report{}
		}
	}
	reading := k.want(fields)
	k.keepAll(ctx, fields, reading, now)
	if len(reading) > 0 {
		return soon
	}
	return every
}

// keepAll keeps the reports one after another, until something fails that would fail for all.
func (k *Keeper) keepAll(ctx context.Context, fields map[string]*inventory.NamespaceFields, reading map[string]progress, now time.Time) {
	failing := false
	for _, namespace := range slices.Sorted(maps.Keys(k.reports)) {
		var err error
		r := k.reports[namespace]
		if in := fields[namespace]; in == nil {
			err = k.remove(ctx, namespace)
		} else {
			err = k.keep(ctx, namespace, in, reading[namespace], now)
		}
		if ctx.Err() != nil || k.endsLook(namespace, err) {
			return
		}
		failing = failing || r.failing || err != nil
	}
	if !failing {
		clear(k.failed)
	}
}

// chooseKind follows what is served.
func (k *Keeper) chooseKind() (found bool) {
	chosen, found, known := choose(k.kinds, k.Served())
	if !known {
		return false
	}
	if !found {
		if !k.told {
			k.told = true
			k.Log.Warn("no reports of fields are written: the cluster serves no kind for them", "setting", k.Setting, "kinds", k.kinds)
		}
		k.writer, k.reports = nil, nil
		return false
	}
	if k.writer != nil && chosen == k.kind {
		return true
	}
	writer, err := k.Cluster.WriterOf(chosen.resource)
	if err != nil {
		k.Log.Error("no reports of fields are written", "kind", chosen, "error", err)
		return false
	}
	k.kind, k.writer, k.reports, k.told = chosen, writer, nil, false
	k.Log.Info("reports of fields are kept", "kind", chosen)
	return true
}

// list finds out once in which namespaces there are reports.
func (k *Keeper) list(ctx context.Context) bool {
	if k.reports != nil {
		return true
	}
	namespaces, err := k.Cluster.NamespacesWith(ctx, k.kind.resource, reportName, k.Namespaces)
	if err != nil {
		k.tell("", err)
		return false
	}
	k.reports = map[string]*report{}
	for _, namespace := range namespaces {
		if k.Serves(namespace) {
			k.reports[namespace] = &report{}
		}
	}
	return true
}

// progress is how far the Certificates of a namespace are read.
type progress int

const (
	complete progress = iota
	// underway means that those which are missing are wanted now.
	underway
	// inLine means that some are to be wanted later.
	inLine
)

// want asks for the Certificates that reports list and that aren't known as they are now. It gives how
// far those of each namespace are that isn't complete.
func (k *Keeper) want(fields map[string]*inventory.NamespaceFields) map[string]progress {
	k.lock.Lock()
	defer k.lock.Unlock()
	reading, n := map[string]progress{}, 0
	known := map[types.NamespacedName]found{}
	k.wanted = map[inventory.Key]map[types.NamespacedName]inventory.FieldCounts{}
	for _, namespace := range slices.Sorted(maps.Keys(fields)) {
		in := fields[namespace]
		in.Failing = listed(in.Failing)
		for _, c := range in.Failing {
			at := types.NamespacedName{Namespace: namespace, Name: c.Name}
			before, isKnown := k.found[at]
			if isKnown {
				known[at] = before
			}
			if isKnown && before.is(c) {
				continue
			}
			if n++; n > maxWanted {
				reading[namespace] = inLine
				continue
			}
			reading[namespace] = underway
			if k.wanted[c.Source] == nil {
				k.wanted[c.Source] = map[types.NamespacedName]inventory.FieldCounts{}
			}
			k.wanted[c.Source][at] = c.Counts
		}
	}
	k.found = known
	k.Read(slices.Collect(maps.Keys(k.wanted))...)
	return reading
}

// keep writes the report of a namespace if it isn't what it should be. It waits a while for
// Certificates that are being read, and writes without them then.
func (k *Keeper) keep(ctx context.Context, namespace string, in *inventory.NamespaceFields, reading progress, now time.Time) error {
	r := k.reports[namespace]
	switch {
	case reading == complete:
		r.waited = 0
	case reading == inLine:
		return nil
	case r.waited < patience:
		r.waited++
		return nil
	}
	object := build(k.kind, namespace, in.Totals, k.results(namespace, in.Failing))
	digest := digestOf(object)
	if digest == r.written || now.Sub(r.at) < apart {
		return nil
	}
	written, err := k.write(ctx, namespace, object)
	if r.failing = err != nil; err == nil {
		r.written, r.waited = digest, 0
	}
	if written || answerOf(err) == cluster.Refused {
		r.at = now
	}
	return err
}

// results are those of some Certificates, as far as they are known.
func (k *Keeper) results(namespace string, certificates []inventory.CountedCertificate) []certificateResults {
	k.lock.Lock()
	defer k.lock.Unlock()
	var all []certificateResults
	for _, c := range certificates {
		if f, isKnown := k.found[types.NamespacedName{Namespace: namespace, Name: c.Name}]; isKnown {
			all = append(all, f.certificateResults)
		}
	}
	return all
}
