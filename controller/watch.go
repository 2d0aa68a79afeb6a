package controller

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// poke leaves a signal in a channel of length one.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// watch keeps the informers in step with what the cluster serves, until the context ends.
// It closes firstReady when there is something to work with for the first time.
func (c *Controller) watch(ctx context.Context, firstReady chan struct{}) {
	defer c.feeds.Stop()
	go c.discovery.Run(ctx)
	c.ask(ctx)
	c.tellMissing()
	timer := time.NewTimer(c.discovery.NextDelay())
	for {
		c.attachFeeds(ctx, firstReady)
		select {
		case <-ctx.Done():
			return
		case <-c.look:
			continue
		case <-c.discovery.Changed():
			c.discovery.FollowChange()
		case policy := <-c.config.Policies:
			c.usePolicy(policy)
			continue
		case <-timer.C:
			c.ask(ctx)
		}
		timer.Reset(c.discovery.NextDelay())
	}
}

// ask asks what is served. Where there is no answer, the last one stands.
func (c *Controller) ask(ctx context.Context) {
	if facts, answered := c.discovery.Ask(ctx, c.groups()); answered {
		c.facts.Store(&facts)
		c.wake(c.inventory.Serve(facts.Served, facts.Fields))
		c.discovery.Lint(ctx, c.policy().Kinds.Types())
	}
}

// usePolicy lets decisions follow another policy. Nothing is decided until what has to be read again
// for it is in memory; then every source is looked at.
func (c *Controller) usePolicy(policy *certshim.Policy) {
	c.informed.Store(false)
	c.inventory.SetPolicy(policy)
}

// tellMissing says once at the start what everything waits for.
func (c *Controller) tellMissing() {
	if !c.facts.Load().Served.Has(certificate.Resource()) {
		c.log.Warn("nothing is done until the cluster serves Certificates: install cert-manager's CRDs", "resource", label(certificate.Resource()))
	}
}

// attachFeeds attaches what has synced. Once Certificates are known, for the first time or
// again, every source is looked at.
func (c *Controller) attachFeeds(ctx context.Context, firstReady chan struct{}) {
	c.follow(ctx)
	c.feeds.Attach(ctx)
	c.know()
	rereads := c.feeds.Rereads()
	known := c.feeds.Attached(certificate.Resource())
	c.ready.Store(known && c.feeds.Ready())
	informed := known && !rereads
	if was := c.informed.Swap(informed); was || !informed {
		return
	}
	c.queue.inLine(c.inventory.Keys()...)
	// Of sources that went away meanwhile, nothing is to remain.
	c.queue.inLine(slices.Concat(c.reporter.keys(), c.waiting.keys())...)
	select {
	case <-firstReady:
	default:
		c.config.AfterPeak()
		close(firstReady)
	}
}

// feedChanged passes the status of a feed to the metrics and to the creates that wait for it. If the
// feed has ended, the inventory is told first that its objects can't be known any more.
func (c *Controller) feedChanged(status cluster.Status) {
	c.metrics.report(status)
	for _, k := range c.creates.feedChanged(status) {
		c.queue.after(k, listPause)
	}
	if status.Ended {
		c.tellKindGone(status)
		c.wake(c.inventory.Know(status.Kind, inventory.Unread))
	}
}

const kindRemoved = "KindRemoved"

// tellKindGone tells, on its definition, of a kind of source that is no longer served. What becomes of
// Certificates then isn't certshim's doing.
func (c *Controller) tellKindGone(status cluster.Status) {
	kind, isSource := c.policy().Kinds.Lookup(status.Kind.Group, status.Kind.Kind)
	if !isSource || !c.facts.Load().Served.Lacks(status.Kind) || !c.tenure.active() {
		return
	}
	definition := source.Ref{
		Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition", Name: status.Resource.GroupResource().String(),
	}
	follows := "If the objects were deleted with their CustomResourceDefinition, the garbage collector deletes the Certificates that they own, and leaves the Secrets: onKindRemoved: retain would keep them."
	if kind.Outlived() {
		follows = "The Certificates stay, but those with an owner reference."
	}
	c.recorder.warnOf(definition, kindRemoved, status.Kind.Kind+" of group "+status.Kind.Group+" is no longer served. certshim deletes nothing. "+follows, time.Now())
}

// know tells the inventory how much is known of the objects of each kind. Of one that isn't
// served there are none; but without Certificates nothing is to be decided at all, and neither what
// ReferenceGrants allowed nor the names of routes are taken back because their CRD is gone.
func (c *Controller) know() {
	whole, reading, served := c.feeds.Whole(), c.feeds.Reading(), c.facts.Load().Served
	for kind := range c.kinds() {
		known := inventory.Unreadable
		switch {
		case whole[kind]:
			known = inventory.Whole
		case reading[kind], kind == inventory.CertificateKind() && served.Lacks(kind):
			known = inventory.Unread
		case c.lacks(served, kind) && kind != inventory.GrantKind() && !inventory.IsRouteKind(kind):
			known = inventory.Whole
		}
		c.wake(c.inventory.Know(kind, known))
	}
}

// lacks reports whether it is known that there are no objects of a kind, or none that are to be read.
func (c *Controller) lacks(served inventory.Served, kind resolver.GroupKind) bool {
	if of, isSource := c.policy().Kinds.Lookup(kind.Group, kind.Kind); isSource {
		return served.LacksSourcesOf(of)
	}
	return served.Lacks(kind)
}

// kinds are those that decisions may ask for.
func (c *Controller) kinds() map[resolver.GroupKind]bool {
	needs := c.inventory.Needs()
	kinds := needs.IssuerKinds
	kinds[inventory.CertificateKind()] = true
	kinds[inventory.GrantKind()] = c.readsGrants(needs)
	for _, kind := range c.policy().Routes.Reads() {
		kinds[inventory.RouteKind(kind)] = needs.Routes
	}
	kinds[inventory.NamespaceKind()] = needs.Namespaces || c.policy().ReadsNamespaces()
	for _, kind := range c.policy().Kinds.All() {
		kinds[resolver.GroupKind(source.GroupKindOf(kind))] = true
	}
	for _, known := range c.policy().Registry.Kinds() {
		kinds[known.GroupKind] = true
	}
	maps.DeleteFunc(kinds, func(_ resolver.GroupKind, asked bool) bool { return !asked })
	return kinds
}

// groups are those of the kinds that decisions may ask for, but the core one, which the API server always serves itself.
func (c *Controller) groups() map[string]bool {
	groups := map[string]bool{}
	for kind := range c.kinds() {
		groups[kind.Group] = true
	}
	delete(groups, "")
	return groups
}

// groupsMetric tells, when it is read, of which API groups it isn't known what they serve.
type groupsMetric struct {
	controller  *Controller
	description *prometheus.Desc
}

func newGroupsMetric(c *Controller) groupsMetric {
	return groupsMetric{c, prometheus.NewDesc("certshim_api_group_unknown",
		"Whether the API server can't tell what a group serves of whose kinds objects are read.", []string{"group"}, nil)}
}

// Describe implements [prometheus.Collector].
func (m groupsMetric) Describe(to chan<- *prometheus.Desc) { to <- m.description }

// Collect implements [prometheus.Collector].
func (m groupsMetric) Collect(to chan<- prometheus.Metric) {
	served := m.controller.facts.Load().Served
	for group := range m.controller.groups() {
		to <- prometheus.MustNewConstMetric(m.description, prometheus.GaugeValue, truth(served.Unknown(group)), group)
	}
}
