package differential

import (
	"slices"
	"strings"
)

// objectRows are about whether an object counts at all.
func objectRows() []Row { return slices.Concat(countRows(), ignoreRows()) }

// countRows are about objects that one side alone leaves aside.
func countRows() []Row {
	return []Row{
		{
			Name: "foreground-finalizer",
			Says: "An object with the finalizer foregroundDeletion and no deletionTimestamp isn't being deleted, and counts.",
			Hits: func(s *situation) bool {
				return !s.in.Object.Deleting && slices.Contains(s.in.Object.Finalizers, "foregroundDeletion")
			},
			AsIf: func(s *situation) { s.in.Object.Finalizers = nil },
		},
		{
			Name: "parent-not-gateway",
			Says: "A ListenerSet whose parentRef names another group or kind than Gateway's has no parent.",
			Hits: func(s *situation) bool {
				parent := s.in.Object.Parent
				return s.in.Gateway != nil && parent != nil &&
					(parent.Kind != nil && *parent.Kind != gatewayKind || parent.Group != nil && *parent.Group != gatewayGroup)
			},
			AsIf: withoutGateway,
		},
		{
			Name: "gateway-admits-not",
			Says: "A ListenerSet that its Gateway's allowedListeners doesn't admit gets nothing.",
			Hits: func(s *situation) bool {
				return s.in.Object.Kind == listenerSetKind && s.in.Gateway != nil && !s.in.Gateway.Deleting && !admits(s.in.Gateway, s.in.Object)
			},
			AsIf: withoutGateway,
		},
		{
			Name: "auto-trimmed",
			Says: "White space around the value of an auto annotation (kubernetes.io/tls-acme) doesn't count.",
			Hits: func(s *situation) bool {
				value, found := s.in.Object.Annotations[autoKey]
				return found && s.in.Object.Kind == ingressKind && strings.TrimSpace(value) != value
			},
			AsIf: func(s *situation) { s.in.Object.Annotations[autoKey] = trimmed(s.in.Object, autoKey) },
		},
	}
}

// ignoreRows are about certshim's own annotation.
func ignoreRows() []Row {
	return []Row{
		{
			Name: "own-ignore-all",
			Says: `certshim.io/ignore: "true" leaves the whole object out; its Certificates stay.`,
			Hits: func(s *situation) bool { return trimmed(s.in.Object, ownIgnoreKey) == "true" },
			AsIf: func(s *situation) {
				for _, object := range []*Object{s.in.Object, s.in.Gateway} {
					drop(object, issuerKey, clusterIssuerKey, autoKey)
				}
			},
		},
		{
			Name: "own-ignore-listener",
			Says: "certshim.io/ignore leaves out listeners by name, as cert-manager.io/ignore-tls-listeners does.",
			Hits: func(s *situation) bool {
				named := func(entry Entry) bool {
					return entry.Name != "" && slices.Contains(items(s.in.Object.Annotations[ownIgnoreKey]), entry.Name)
				}
				return s.in.Object.Kind != ingressKind && slices.ContainsFunc(s.in.Object.Entries, named)
			},
			AsIf: func(s *situation) {
				both := s.in.Object.Annotations[ignoreKey] + "," + s.in.Object.Annotations[ownIgnoreKey]
				s.in.Object.Annotations[ignoreKey] = strings.Trim(both, ",")
			},
		},
		{
			Name: "own-ignore-secret",
			Says: "certshim.io/ignore leaves out Secrets by name; a Certificate that exists stays as it is.",
			Hits: func(s *situation) bool { return len(s.ignoredSecrets()) > 0 },
			Then: func(s *situation) {
				for _, name := range s.ignoredSecrets() {
					s.leave(name)
				}
			},
		},
	}
}

const gatewayGroup = "gateway.networking.k8s.io"

func withoutGateway(s *situation) { s.in.Gateway = nil }

// admits is Gateway API's rule for ListenerSets; selectors aren't generated.
func admits(gateway, listenerSet *Object) bool {
	switch gateway.Allowed {
	case "All":
		return true
	case "Same":
		return gateway.Namespace == listenerSet.Namespace
	}
	return false
}

func (s *situation) ignoredSecrets() []string {
	var out []string
	for _, name := range items(s.in.Object.Annotations[ownIgnoreKey]) {
		if slices.Contains(s.in.Object.names(), name) {
			out = append(out, name)
		}
	}
	return out
}

// leave makes the Certificate one that nobody touches.
func (s *situation) leave(name string) {
	if before, found := s.before[name]; found {
		s.after[name] = before
		return
	}
	delete(s.after, name)
}

func trimmed(o *Object, key string) string { return strings.TrimSpace(o.Annotations[key]) }

func drop(o *Object, keys ...string) {
	if o == nil {
		return
	}
	for _, key := range keys {
		delete(o.Annotations, key)
	}
}

// items are the items of a list separated by commas: trimmed, none empty, each once.
func items(value string) []string {
	var out []string
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" && !slices.Contains(out, item) {
			out = append(out, item)
		}
	}
	return out
}
