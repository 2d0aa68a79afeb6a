package controller

import (
	"context"
	"time"

	"github.com/certshim/certshim/resolver"
)

// Plugins are the resolvers that need code. They are asked beside the decisions, which read
// what they said.
type Plugins interface {
	resolver.Findings
	// Run asks until the context ends.
	Run(context.Context, resolver.Callbacks)
	// Observes says how much of the objects of a kind is to be seen.
	Observes(resolver.GroupKind) resolver.Observe
	// ObjectChanged is told of an issuer whose object, as far as it is seen, is another one.
	ObjectChanged(resolver.IssuerKey)
}

// noPlugins speak for no kind.
type noPlugins struct{}

func (noPlugins) Find(resolver.IssuerKey) (resolver.Finding, bool) { return resolver.Finding{}, false }
func (noPlugins) Observes(resolver.GroupKind) resolver.Observe     { return resolver.ObserveNone }
func (noPlugins) ObjectChanged(resolver.IssuerKey)                 {}
func (noPlugins) Run(ctx context.Context, _ resolver.Callbacks)    { <-ctx.Done() }

// askPlugins runs the plugins; what is news of an issuer is looked at by those who wait for it.
func (c *Controller) askPlugins(ctx context.Context) {
	c.config.Plugins.Run(ctx, resolver.Callbacks{
		Observed: c.inventory.Observed,
		Exists:   c.inventory.Exists,
		Changed:  func(keys []resolver.IssuerKey) { c.wake(c.inventory.PluginSays(keys)) },
		Trouble:  c.tellTrouble,
	})
}

// The reasons of Events about a resolver that is itself wrong.
const (
	resolverRejected = "ResolverRejected"
	resolverVersion  = "ResolverVersion"
	resolverBroken   = "ResolverBroken"
)

// tellTrouble tells of a resolver on this program's own Pod: it is the operator's to mend, and
// no source's.
func (c *Controller) tellTrouble(name string, fault resolver.Fault, text string) {
	reason, what := resolverBroken, "fails"
	switch fault {
	case resolver.Rejected:
		reason, what = resolverRejected, "said what it may not, or what makes no sense, so that all of it was refused"
	case resolver.WrongVersion:
		reason, what = resolverVersion, "speaks no version of the protocol that this certshim does"
	default:
	}
	if c.config.Pod.Name != "" {
		c.recorder.warnOf(c.config.Pod, reason, "the resolver "+name+" "+what+": "+text+". What it said before stays in use.", time.Now())
	}
}
