package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
		Observed: c.memory.observedIssuer,
		Changed: func(keys []resolver.IssuerKey) {
			c.memory.decided()
			for _, key := range keys {
				c.queue.inLine(c.waiting.forIssuer(key)...)
			}
		},
		Trouble: c.tellTrouble,
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

// observe reduces an issuer's object to what a resolver may see of it; "" is nothing.
func observe(object map[string]any, how resolver.Observe) string {
	seen := object
	switch how {
	case resolver.ObserveFull:
	case resolver.ObserveStatus:
		seen = map[string]any{"metadata": object["metadata"]}
		if status, has := object["status"]; has {
			seen["status"] = status
		}
	case resolver.ObserveNone:
		return ""
	}
	if metadata, has := seen["metadata"].(map[string]any); has {
		// Who wrote which field is large, and of no use.
		delete(metadata, "managedFields")
	}
	text, err := json.Marshal(seen)
	if err != nil || len(text) > resolver.MaxObserved {
		return ""
	}
	return string(text)
}

// observedIssuer is what is to be seen of an issuer, or nil.
func (m *memory) observedIssuer(key resolver.IssuerKey) []byte {
	m.lock.RLock()
	defer m.lock.RUnlock()
	if seen := m.observed[key]; seen != "" {
		return []byte(seen)
	}
	return nil
}

// putObserved remembers what is to be seen of an issuer, and says whether it is something else
// than before.
func (m *memory) putObserved(key resolver.IssuerKey, seen string) bool {
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.observed[key] == seen {
		return false
	}
	if seen == "" {
		delete(m.observed, key)
	} else {
		m.observed[key] = seen
	}
	return true
}

// PluginSettings is a resolver plugin: a program beside this one, on a socket.
type PluginSettings struct {
	// Name is a DNS label: it stands in metrics, logs and in what is told of an issuer.
	Name string `yaml:"name"`
	// Socket is the path of the Unix domain socket on which the plugin listens.
	Socket string `yaml:"socket"`
	// UID is the user that the plugin must run as; any, if it is left out.
	UID *int `yaml:"uid,omitempty"`
	// Timeout is the deadline of a question, 100ms to 10s; 0 is 2s.
	Timeout Duration `yaml:"timeout,omitempty"`
	// OnUnavailable is what becomes of new Certificates while the plugin has said nothing yet of
	// their issuer: Hold or Proceed. By default they are held if the grant has defaults or
	// mayRefuse.
	OnUnavailable Unavailable   `yaml:"onUnavailable,omitempty"`
	Grant         GrantSettings `yaml:"grant"`
}

// Unavailable says what becomes of new Certificates while a plugin has said nothing yet.
type Unavailable string

// The choices. An existing Certificate is never touched by it.
const (
	UnavailableByGrant Unavailable = ""
	UnavailableHold    Unavailable = "Hold"
	UnavailableProceed Unavailable = "Proceed"
)

// GrantSettings is all that a plugin may do. An answer beyond it is refused whole.
type GrantSettings struct {
	// Kinds are those that it speaks for, and nobody else does.
	Kinds []GrantedKind `yaml:"kinds"`
	// Observe is how much of an issuer's object it sees: None, Status (the default) or Full.
	Observe resolver.Observe `yaml:"observe,omitempty"`
	// Defaults are the fields for which it may say what new Certificates get.
	Defaults []resolver.ValueField `yaml:"defaults,omitempty"`
	// MayRefuse lets it rule out Certificates that its issuers can't sign.
	MayRefuse bool `yaml:"mayRefuse,omitempty"`
	// Annotations are keys, or prefixes that end in "/" or ".", of annotations that its issuers
	// read from a Certificate.
	Annotations []string `yaml:"annotations,omitempty"`
}

// GrantedKind is an issuer kind, as the cluster serves it.
type GrantedKind struct {
	Group    string         `yaml:"group"`
	Kind     string         `yaml:"kind"`
	Resource string         `yaml:"resource"`
	Versions []string       `yaml:"versions"`
	Scope    resolver.Scope `yaml:"scope"`
}

const (
	minPluginTimeout = 100 * time.Millisecond
	maxPluginTimeout = 10 * time.Second
	// maxSocketPath is what the kernel takes.
	maxSocketPath = 107
)

func (r ResolverSettings) validate() error {
	var errs []error
	names := map[string]bool{}
	for i, plugin := range r.Plugins {
		at := fmt.Sprintf("resolvers.plugins[%d]", i)
		if names[plugin.Name] {
			errs = append(errs, fmt.Errorf("%s.name is %q, as another's; must be its own", at, plugin.Name))
		}
		names[plugin.Name] = true
		errs = append(errs, plugin.validate(at))
	}
	return errors.Join(errs...)
}

func (p PluginSettings) validate(at string) error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(at+"."+format, args...))
		}
	}
	wrong(!isLabel(p.Name), "name is %q, must be a DNS label such as corp-ca", p.Name)
	wrong(p.Socket == "" || p.Socket[0] != '/', "socket is %q, must be an absolute path", p.Socket)
	wrong(len(p.Socket) > maxSocketPath, "socket has %d bytes, must have at most %d", len(p.Socket), maxSocketPath)
	timeout := time.Duration(p.Timeout)
	wrong(timeout != 0 && (timeout < minPluginTimeout || timeout > maxPluginTimeout),
		"timeout is %s, must be %s to %s", timeout, minPluginTimeout, maxPluginTimeout)
	wrong(!slices.Contains([]Unavailable{UnavailableByGrant, UnavailableHold, UnavailableProceed}, p.OnUnavailable),
		"onUnavailable is %q, must be Hold or Proceed", p.OnUnavailable)
	g := p.Grant
	wrong(len(g.Kinds) == 0, "grant.kinds is empty, must have the kinds that the plugin speaks for")
	wrong(!slices.Contains([]resolver.Observe{"", resolver.ObserveNone, resolver.ObserveStatus, resolver.ObserveFull}, g.Observe),
		"grant.observe is %q, must be None, Status or Full", g.Observe)
	for i, kind := range g.Kinds {
		errs = append(errs, g.checkKind(fmt.Sprintf("%s.grant.kinds[%d]", at, i), i, kind))
	}
	for _, field := range g.Defaults {
		wrong(!slices.Contains(resolver.ValueFields(), field), "grant.defaults has %q, must be of %v", field, resolver.ValueFields())
	}
	for _, key := range g.Annotations {
		err := resolver.CheckCopiedKey(key)
		wrong(err != nil, "grant.annotations: %w", err)
	}
	return errors.Join(errs...)
}

func isLabel(name string) bool {
	const most = 63
	if name == "" || len(name) > most || name[0] == '-' || name[len(name)-1] == '-' {
		return false
	}
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

func (g GrantSettings) checkKind(at string, i int, kind GrantedKind) error {
	errs := []error{resolver.CheckKind(at, kind.Group, kind.Versions, resolver.KindEntry{Kind: kind.Kind, Resource: kind.Resource, Scope: kind.Scope})}
	for _, before := range g.Kinds[:i] {
		if before.Group == kind.Group && before.Kind == kind.Kind {
			errs = append(errs, fmt.Errorf("%s is %s of group %s, as another", at, kind.Kind, kind.Group))
		}
	}
	return errors.Join(errs...)
}
