package differential

import (
	"net"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

// entryRows are about TLS entries, listeners and what they name.
func entryRows() []Row {
	return slices.Concat(manifestRows(), badEntryRows(), conflictRows(), contestedRows())
}

// manifestRows are about how a manifest is written.
func manifestRows() []Row {
	return []Row{
		{
			Name: "spec-trimmed",
			Says: "White space around hosts and names in a manifest doesn't count.",
			Hits: func(s *situation) bool { return s.anyText(isSpaced) },
			AsIf: func(s *situation) { s.eachText(func(text *string) { *text = strings.TrimSpace(*text) }) },
		},
		{
			Name: "reference-defaults",
			Says: "A listener or reference from a file that leaves out mode, group or kind has the API's defaults.",
			Hits: func(s *situation) bool {
				return s.anyTLSListener(func(entry *Entry) bool {
					return entry.Mode == nil || slices.ContainsFunc(entry.Refs, func(ref Ref) bool { return ref.Group == nil || ref.Kind == nil })
				})
			},
			AsIf: func(s *situation) { s.eachListener(fillDefaults) },
		},
	}
}

// badEntryRows are about what is wrong with an entry, and what that costs.
func badEntryRows() []Row {
	return []Row{
		{
			Name: "bad-reference-alone",
			Says: "A bad certificateRef costs only itself, not the listener's good ones.",
			Hits: func(s *situation) bool { return s.anyTLSListener(s.mixed) },
			AsIf: func(s *situation) {
				var entries []Entry
				for _, entry := range s.in.Object.Entries {
					if s.mixed(&entry) {
						good, bad := entry, entry
						good.Refs, bad.Refs = split(entry.Refs, s.in.Object.Namespace)
						entries = append(entries, good)
						entry = bad
					}
					entries = append(entries, entry)
				}
				s.in.Object.Entries = entries
			},
		},
		{
			Name: "secret-name-refused",
			Says: "What can't be the name of a Secret is refused.",
			Hits: func(s *situation) bool { return slices.ContainsFunc(s.in.Object.names(), badSecretName) },
			AsIf: func(s *situation) {
				for i := range s.in.Object.Entries {
					withoutBadNames(&s.in.Object.Entries[i], s.in.Object.Kind)
				}
			},
		},
		{
			Name: "entry-without-secret",
			Says: "TLS items without a secretName are skipped one by one; several don't refuse the Ingress.",
			Hits: func(s *situation) bool { return s.in.Object.Kind == ingressKind && s.count("") > 1 },
			AsIf: func(s *situation) {
				s.in.Object.Entries = slices.DeleteFunc(s.in.Object.Entries, func(entry Entry) bool { return entry.Refs[0].Name == "" })
			},
		},
		{
			Name: "items-share-secret",
			Says: "TLS items of an Ingress on one Secret become one Certificate with the hosts of all, as a Gateway's listeners do.",
			Hits: func(s *situation) bool {
				return s.in.Object.Kind == ingressKind && slices.ContainsFunc(s.in.Object.names(), func(name string) bool { return name != "" && s.count(name) > 1 })
			},
			AsIf: merge,
		},
		{
			Name: "host-refused",
			Says: "A host that no certificate can have, or that has upper-case letters, which the API server refuses, is refused by itself; the others go on.",
			Hits: func(s *situation) bool {
				return s.anyCounting(func(entry *Entry) bool { return slices.ContainsFunc(entry.Hosts, badHost) })
			},
			AsIf: func(s *situation) {
				s.eachCounting(func(entry *Entry) { entry.Hosts = slices.DeleteFunc(entry.Hosts, badHost) })
			},
		},
	}
}

// conflictRows are about listeners of which the Gateway API serves one at most.
func conflictRows() []Row {
	return []Row{
		{
			Name: "conflict-orders-nothing",
			Says: "A listener that another one conflicts with, of the same object or before it at the same Gateway, isn't served, and orders nothing; a Certificate that exists stays.",
			Hits: func(s *situation) bool {
				return s.anyTLSListener(func(entry *Entry) bool { return s.conflicted[entry.Name] && len(entry.Hosts) > 0 })
			},
			AsIf: func(s *situation) {
				s.eachListener(func(entry *Entry) {
					if s.conflicted[entry.Name] {
						entry.Hosts = nil
					}
				})
			},
		},
	}
}

// findConflicts finds the listeners of the source that others conflict with.
func (s *situation) findConflicts() {
	s.conflicted = map[string]bool{}
	object, gateway := s.in.Object, s.in.Gateway
	if object.Kind == ingressKind {
		return
	}
	for i, entry := range object.Entries {
		for j, other := range object.Entries {
			if i != j && conflict(entry, other) {
				s.conflicted[entry.Name] = true
			}
		}
	}
	if object.Kind != listenerSetKind || gateway == nil || gateway.Deleting || !admits(gateway, object) {
		return
	}
	for _, entry := range object.Entries {
		if slices.ContainsFunc(gateway.Entries, func(other Entry) bool { return conflict(entry, other) }) {
			s.conflicted[entry.Name] = true
		}
	}
}

// conflict says whether no Gateway serves two listeners at once.
func conflict(a, b Entry) bool {
	shares := func(e Entry) bool { return slices.Contains([]string{"HTTP", "HTTPS", "TLS"}, e.Protocol) }
	host := func(e Entry) string { return strings.ToLower(strings.TrimSpace(strings.Join(e.Hosts, ""))) }
	switch {
	case a.Port != b.Port || a.Port == 0:
		return false
	case a.Protocol == b.Protocol && shares(a):
		return host(a) == host(b)
	}
	return a.Protocol == "TCP" && (b.Protocol == "TCP" || shares(b)) || b.Protocol == "TCP" && shares(a)
}

// contestedRows are about Secrets that somebody else is at.
func contestedRows() []Row {
	return []Row{
		{
			Name: "first-source-keeps",
			Says: "Of several sources that ask for one Secret before there is a Certificate, the oldest that isn't refused for a mistake of its own gets it, and the others are told.",
			Hits: func(s *situation) bool { return len(s.takenByOthers()) > 0 },
			Then: func(s *situation) {
				for _, name := range s.takenByOthers() {
					s.leave(name)
				}
			},
		},
		{
			Name: "secret-has-writer",
			Says: "While another Certificate writes the Secret, none is made for it, and one that exists isn't changed.",
			Hits: func(s *situation) bool { return len(s.writtenByOthers()) > 0 },
			Then: func(s *situation) {
				for _, name := range s.writtenByOthers() {
					s.leave(name)
				}
			},
		},
	}
}

func isSpaced(text *string) bool { return strings.TrimSpace(*text) != *text }

// eachText goes through the hosts and names of the entries.
func (s *situation) eachText(do func(*string)) {
	for i := range s.in.Object.Entries {
		entry := &s.in.Object.Entries[i]
		for j := range entry.Hosts {
			do(&entry.Hosts[j])
		}
		for j := range entry.Refs {
			do(&entry.Refs[j].Name)
		}
	}
}

func (s *situation) anyText(match func(*string) bool) bool {
	found := false
	s.eachText(func(text *string) { found = found || match(text) })
	return found
}

func (s *situation) eachListener(do func(*Entry)) {
	for i := range s.in.Object.Entries {
		if entry := &s.in.Object.Entries[i]; s.in.Object.Kind != ingressKind && !entry.NoTLS {
			do(entry)
		}
	}
}

func (s *situation) anyTLSListener(match func(*Entry) bool) bool {
	found := false
	s.eachListener(func(entry *Entry) { found = found || s.counts(entry) && match(entry) })
	return found
}

// counts says whether an entry is one that either side judges.
func (s *situation) counts(entry *Entry) bool {
	if s.in.Object.Kind == ingressKind {
		return true
	}
	tls := entry.Protocol == "HTTPS" || entry.Protocol == "TLS" || slices.Contains(s.in.Options.ExtraProtocols, entry.Protocol)
	passed := entry.Mode != nil && *entry.Mode == "Passthrough"
	return tls && !passed && !slices.Contains(items(s.in.Object.Annotations[ignoreKey]), entry.Name)
}

func (s *situation) eachCounting(do func(*Entry)) {
	for i := range s.in.Object.Entries {
		if entry := &s.in.Object.Entries[i]; s.counts(entry) {
			do(entry)
		}
	}
}

func (s *situation) anyCounting(match func(*Entry) bool) bool {
	found := false
	s.eachCounting(func(entry *Entry) { found = found || match(entry) })
	return found
}

func fillDefaults(entry *Entry) {
	if entry.Mode == nil {
		entry.Mode = ptr("Terminate")
	}
	for i := range entry.Refs {
		ref := &entry.Refs[i]
		if ref.Group == nil {
			ref.Group = ptr("")
		}
		if ref.Kind == nil {
			ref.Kind = ptr("Secret")
		}
	}
}

// mixed says whether a listener, good in itself, has good and bad references.
func (s *situation) mixed(entry *Entry) bool {
	if len(entry.Hosts) == 0 || entry.Mode == nil || *entry.Mode != "Terminate" || len(entry.Refs) < 2 {
		return false
	}
	good, bad := split(entry.Refs, s.in.Object.Namespace)
	return len(good) > 0 && len(bad) > 0
}

func split(refs []Ref, namespace string) (good, bad []Ref) {
	for _, ref := range refs {
		if badRef(ref, namespace) {
			bad = append(bad, ref)
		} else {
			good = append(good, ref)
		}
	}
	return good, bad
}

func badRef(ref Ref, namespace string) bool {
	switch {
	case ref.Group != nil && *ref.Group != "" && *ref.Group != "core":
		return true
	case ref.Kind != nil && *ref.Kind != "" && *ref.Kind != "Secret":
		return true
	}
	return ref.Namespace != nil && *ref.Namespace != namespace
}

func badSecretName(name string) bool {
	return name != "" && len(validation.IsDNS1123Subdomain(name)) > 0
}

// withoutBadNames takes out the references by such a name; an item of an Ingress stays named.
func withoutBadNames(entry *Entry, kind string) {
	bad := func(ref Ref) bool { return badSecretName(ref.Name) }
	switch {
	case kind != ingressKind:
		entry.Refs = slices.DeleteFunc(entry.Refs, bad)
	case slices.ContainsFunc(entry.Refs, bad):
		entry.Hosts = nil
	}
}

func (s *situation) count(secret string) int {
	n := 0
	for _, entry := range s.in.Object.Entries {
		if len(entry.Refs) > 0 && entry.Refs[0].Name == secret {
			n++
		}
	}
	return n
}

// merge puts the hosts of items on one Secret into the first of them.
func merge(s *situation) {
	var merged []Entry
	for _, entry := range s.in.Object.Entries {
		i := slices.IndexFunc(merged, func(m Entry) bool { return m.Refs[0].Name == entry.Refs[0].Name })
		if i < 0 || entry.Refs[0].Name == "" {
			merged = append(merged, entry)
			continue
		}
		merged[i].Hosts = slices.Concat(merged[i].Hosts, entry.Hosts)
	}
	s.in.Object.Entries = merged
}

// badHost says whether a host is neither an IP address nor a DNS name, wildcards included.
// badHost says whether no object on a server can have a host, but for IP addresses.
func badHost(host string) bool {
	return badName(host) || net.ParseIP(host) == nil && strings.ToLower(host) != host
}

// badName says whether no certificate can have a name.
func badName(host string) bool {
	if net.ParseIP(host) != nil {
		return false
	}
	lower := strings.ToLower(strings.TrimPrefix(host, "*."))
	if len(host) > 253 {
		return true
	}
	return slices.ContainsFunc(strings.Split(lower, "."), func(label string) bool { return len(validation.IsDNS1123Label(label)) > 0 })
}

// takenByOthers are the Secrets that an older source asks for which makes no mistake.
func (s *situation) takenByOthers() []string {
	var out []string
	for _, name := range s.wanted() {
		if _, exists := s.before[name]; exists {
			continue
		}
		if slices.ContainsFunc(s.in.Others, func(other *Object) bool {
			return slices.Contains(other.names(), name) && other.Created < s.in.Object.Created && !mistaken(other)
		}) {
			out = append(out, name)
		}
	}
	return out
}

// mistaken says whether a rival is refused for a value of its own.
func mistaken(rival *Object) bool {
	duration, there := rival.Annotations[durationKey]
	_, err := time.ParseDuration(duration)
	return there && err != nil
}

// writtenByOthers are the Secrets that a Certificate of another name writes.
func (s *situation) writtenByOthers() []string {
	var out []string
	for _, name := range s.wanted() {
		for other, certificate := range s.before {
			if other != name && text(at(certificate, "spec"), "secretName") == name {
				out = append(out, name)
			}
		}
	}
	return out
}
