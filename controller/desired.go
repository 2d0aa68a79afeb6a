package controller

import (
	"context"
	"time"

	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// maxUndeclared bounds the issuer kinds that are watched though nobody declares them: it is
// the authors of sources who name them.
const maxUndeclared = 32

// follow watches what is to be watched, and nothing else.
func (c *Controller) follow(ctx context.Context) {
	served := c.discoverer.facts.Load().served
	c.watcher.update(ctx, c.desired(served, time.Now()), served.unknown)
}

// desired are the resources to watch, of those that the cluster serves.
func (c *Controller) desired(s served, now time.Time) []watched {
	var all []watched
	if s.resources[certificates] {
		all = append(all, c.watchedCertificates())
	}
	for _, kind := range source.Kinds() {
		if c.config.enables(kind) && s.resources[kind.Resource()] {
			all = append(all, c.watchedSource(kind))
		}
	}
	for _, known := range c.policy.Load().Registry.Kinds() {
		if resource, note, served := s.issuersOf(known); served {
			w := c.watchedIssuers(known.GroupKind, &known, resource, known.Scope)
			w.note = note
			all = append(all, w)
		}
	}
	return append(all, c.undeclared(s, now)...)
}

// undeclared are the issuers of kinds that sources name and nobody declares.
func (c *Controller) undeclared(s served, now time.Time) []watched {
	var all []watched
	for _, kind := range c.usage.current(now) {
		// It may have been declared since.
		declared := c.policy.Load().Registry.Knows(kind)
		if resource, custom := s.customKind(kind); custom && !declared && len(all) < maxUndeclared {
			all = append(all, c.watchedIssuers(kind, resolver.Undeclared(), resource, s.scopes[kind]))
		}
	}
	return all
}
