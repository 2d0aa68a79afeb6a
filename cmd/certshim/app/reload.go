package app

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/resolver"
)

// reloadPeriod is how often the files of issuer and source types are looked at. They are few and small,
// and a mounted ConfigMap, which is a tree of links that are swapped, is best read as a whole.
const reloadPeriod = 5 * time.Second

// reloader follows the files of issuer and source types while the controller runs. What can't be used
// changes nothing.
type reloader struct {
	configuration configuration.Configuration
	build         build
	log           *slog.Logger
	good          prometheus.Gauge
	// seen is the fingerprint of what was read last.
	seen [sha256.Size]byte
	// compiled are the kinds for which the resolvers of this program speak.
	compiled []resolver.GroupKind
}

// newReloader is to be called before the files are read for the first policy, so that no change
// after that is missed.
func newReloader(c configuration.Configuration, b build, log *slog.Logger) *reloader {
	good := newReloadMetric()
	good.Set(1)
	return &reloader{configuration: c, build: b, log: log, good: good, seen: fingerprint(typePaths(c))}
}

func newReloadMetric() prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "certshim_issuer_types_last_reload_successful",
		Help: "Whether the files of issuer and source types, as they are now, are what counts.",
	})
}

// run hands out a policy after each change of the files, until the context ends. It takes the
// first one, which was made of the files at the start.
func (r *reloader) run(ctx context.Context, first *certshim.Policy, policies chan<- *certshim.Policy) {
	r.compiled = r.build.spokenFor(r.configuration, first.Registry)
	tick := time.NewTicker(reloadPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		policy := r.look()
		if policy == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case policies <- policy:
		}
	}
}

// look gives what follows from the files, if they changed and can be used; else nil.
func (r *reloader) look() *certshim.Policy {
	now := fingerprint(typePaths(r.configuration))
	if now == r.seen {
		return nil
	}
	r.seen = now
	policy, err := newPolicy(r.configuration, r.build)
	if err == nil && !slices.Equal(r.compiled, r.build.spokenFor(r.configuration, policy.Registry)) {
		err = errors.New("they declare, or declare no longer, a kind that a resolver of this program speaks for: restart certshim for that")
	}
	if err != nil {
		r.good.Set(0)
		r.log.Error("the files of issuer and source types can't be used as they are now; what they said before counts", "error", err)
		return nil
	}
	r.good.Set(1)
	r.log.Info("the files of issuer and source types changed and are read again")
	return policy
}

// spokenFor are the kinds for which the resolvers of this program speak.
func (b build) spokenFor(c configuration.Configuration, registry *resolver.Registry) []resolver.GroupKind {
	var kinds []resolver.GroupKind
	for _, r := range c.SwitchedOn(b.compiled) {
		plugin, _ := compiledPlugin(r.Resolver, registry) // the error was reported at the start
		for _, kind := range plugin.Kinds {
			kinds = append(kinds, kind.GroupKind)
		}
	}
	return kinds
}

// typePaths are the files, and folders of them, that declare types.
func typePaths(c configuration.Configuration) []string {
	return slices.Concat(c.Resolvers.Types, c.Sources.Types)
}

// fingerprint is of the files' names and content; what can't be read has one, too.
func fingerprint(paths []string) [sha256.Size]byte {
	sum := sha256.New()
	for _, path := range paths {
		files, err := typeFiles(path)
		_, _ = fmt.Fprintf(sum, "%q %v\n", path, err)
		for _, file := range files {
			content, err := readRegular(file)
			_, _ = fmt.Fprintf(sum, "%q %q %v\n", file, content, err)
		}
	}
	return [sha256.Size]byte(sum.Sum(nil))
}
