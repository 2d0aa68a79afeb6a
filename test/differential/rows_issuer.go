package differential

import (
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/certshim/certshim/resolver"
)

// issuerRows are about which issuer is meant.
func issuerRows() []Row { return slices.Concat(issuerKeyRows(), meantRows()) }

// issuerKeyRows are about which of the four keys count.
func issuerKeyRows() []Row {
	return []Row{
		{
			Name: "issuer-empty",
			Says: "An empty issuer or cluster-issuer is the same as none.",
			Hits: func(s *situation) bool { return s.anyIssuerKey(isBlank, issuerKey, clusterIssuerKey) },
			AsIf: func(s *situation) { s.dropIssuerKeys(isBlank, issuerKey, clusterIssuerKey) },
		},
		{
			Name: "issuer-part-empty",
			Says: "An empty issuer-kind or issuer-group is the same as none.",
			Hits: func(s *situation) bool { return s.anyIssuerKey(isBlank, issuerKindKey, issuerGroupKey) },
			AsIf: func(s *situation) { s.dropIssuerKeys(isBlank, issuerKindKey, issuerGroupKey) },
		},
		{
			Name: "issuer-trimmed",
			Says: "White space around the four issuer annotations doesn't count.",
			Hits: func(s *situation) bool { return s.anyIssuerKey(isPadded, issuerKeys...) },
			AsIf: func(s *situation) {
				s.eachIssuerKey(isPadded, issuerKeys, func(o *Object, key string) { o.Annotations[key] = trimmed(o, key) })
			},
		},
		{
			Name: "inherits-as-one",
			Says: "A ListenerSet inherits its Gateway's issuer annotations all together, and only where it names no issuer itself.",
			Hits: func(s *situation) bool {
				return s.in.Gateway != nil && s.in.Object.Kind == listenerSetKind &&
					!slices.Equal(values(inheritedAsOne(s.in)), values(inheritedByKey(s.in)))
			},
			AsIf: func(s *situation) {
				inherited := inheritedAsOne(s.in)
				drop(s.in.Object, issuerKeys...)
				drop(s.in.Gateway, issuerKeys...)
				for key, value := range inherited {
					s.in.Object.annotate(key, value)
				}
			},
		},
	}
}

// meantRows are about the kind and group that is meant by them.
func meantRows() []Row {
	return []Row{
		{
			Name: "group-without-version",
			Says: "A version behind issuer-group is taken off where that gives a known kind of issuer.",
			Hits: means(func(m meaning) bool { return m.versioned != "" && (m.known(m.group, m.kind) || m.onlyKind() != "") }),
			AsIf: func(s *situation) { s.issuerAnnotations()[issuerGroupKey] = s.meaning().group },
		},
		{
			Name: "group-finds-kind",
			Says: "A group without a kind gets its only kind that fits: namespaced for issuer, cluster-scoped for cluster-issuer.",
			Hits: means(func(m meaning) bool { return m.versioned == "" && m.onlyKind() != "" }),
			AsIf: func(s *situation) { s.issuerAnnotations()[issuerKindKey] = s.meaning().onlyKind() },
		},
		{
			Name: "kind-finds-group",
			Says: "A kind without a group gets the group of the only issuer type that is known to have it.",
			Hits: means(func(m meaning) bool { return m.onlyGroup() != "" }),
			AsIf: func(s *situation) { s.meant(s.meaning().onlyGroup()) },
		},
		{
			Name: "default-group-stays",
			Says: "The operator's default group reaches an issuer named by annotation only where it has that kind.",
			Hits: means(meaning.strayDefault),
			AsIf: func(s *situation) { s.meant(certManagerGroup) },
		},
		{
			Name: "cluster-issuer-of-kind",
			Says: "cluster-issuer beside issuer-kind or issuer-group names an issuer of that kind, where it is cluster-scoped.",
			Hits: means(func(m meaning) bool { return m.clusterOfKind() && m.scope(m.effective(), m.kind) == resolver.Cluster }),
			AsIf: func(s *situation) { s.meant(s.meaning().effective()) },
		},
		{
			Name: "issuer-refused",
			Says: "An issuer whose name, kind or group can't be right is refused, with what would be right.",
			Hits: means(func(m meaning) bool { return !m.clusterOfKind() && m.wrong() }),
			AsIf: func(s *situation) { s.issuerRefused = true },
			Then: func(s *situation) { s.after = s.before.clone() },
		},
	}
}

const certManagerGroup = "cert-manager.io"

var issuerKeys = []string{issuerKey, clusterIssuerKey, issuerKindKey, issuerGroupKey}

func isBlank(value string) bool  { return strings.TrimSpace(value) == "" }
func isPadded(value string) bool { return !isBlank(value) && strings.TrimSpace(value) != value }

// eachIssuerKey goes through those of the source and of the Gateway it inherits from.
func (s *situation) eachIssuerKey(match func(string) bool, keys []string, do func(*Object, string)) {
	for _, object := range []*Object{s.in.Object, s.in.Gateway} {
		for _, key := range keys {
			if object == nil {
				continue
			}
			if value, found := object.Annotations[key]; found && match(value) {
				do(object, key)
			}
		}
	}
}

func (s *situation) anyIssuerKey(match func(string) bool, keys ...string) bool {
	found := false
	s.eachIssuerKey(match, keys, func(*Object, string) { found = true })
	return found
}

func (s *situation) dropIssuerKeys(match func(string) bool, keys ...string) {
	s.eachIssuerKey(match, keys, func(o *Object, key string) { delete(o.Annotations, key) })
}

func (o *Object) annotate(key, value string) {
	if o.Annotations == nil {
		o.Annotations = map[string]string{}
	}
	o.Annotations[key] = value
}

func names(annotations map[string]string) bool {
	return annotations[issuerKey] != "" || annotations[clusterIssuerKey] != ""
}

// inheritedAsOne are the issuer annotations of a ListenerSet by certshim's rule.
func inheritedAsOne(in *Input) map[string]string {
	from := in.Object.Annotations
	if !names(from) && names(in.Gateway.Annotations) {
		from = in.Gateway.Annotations
	}
	return only(from, issuerKeys)
}

// inheritedByKey are those by upstream's rule.
func inheritedByKey(in *Input) map[string]string {
	out, gateway := only(in.Object.Annotations, issuerKeys), in.Gateway.Annotations
	keys := []string{issuerKindKey, issuerGroupKey}
	_, named := out[issuerKey]
	_, namedCluster := out[clusterIssuerKey]
	if !named && !namedCluster {
		keys = issuerKeys
	}
	for key, value := range only(gateway, keys) {
		out[key] = value
	}
	return out
}

func only(annotations map[string]string, keys []string) map[string]string {
	out := map[string]string{}
	for _, key := range keys {
		if value, found := annotations[key]; found {
			out[key] = value
		}
	}
	return out
}

func values(annotations map[string]string) []string {
	var out []string
	for _, key := range issuerKeys {
		value, found := annotations[key]
		if found {
			value = "=" + value
		}
		out = append(out, value)
	}
	return out
}

// meaning is what the issuer annotations say, once empty values and white space are gone.
type meaning struct {
	registry *resolver.Registry
	// named is true when one issuer is named, by annotation or by default.
	named bool
	// auto is true for the operator's default issuer, cluster for cluster-issuer.
	auto, cluster bool
	name, kind    string
	// group is the annotation's without its version, versioned the annotation's with it.
	group, versioned string
	// ownKind and explicit say that kind and group stand in annotations.
	ownKind, explicit bool
	defaultGroup      string
}

// issuerAnnotations are those that name the issuer: the source's, or its Gateway's.
func (s *situation) issuerAnnotations() map[string]string {
	if s.in.Object.Kind == listenerSetKind && s.in.Gateway != nil && !names(s.in.Object.Annotations) {
		return s.in.Gateway.Annotations
	}
	return s.in.Object.Annotations
}

func (s *situation) meaning() meaning {
	annotations := s.issuerAnnotations()
	registry, err := registryOf(s.in.Options)
	if err != nil {
		panic(err) // decided has built the same one
	}
	m := meaning{registry: registry, name: annotations[issuerKey], defaultGroup: s.in.Options.DefaultIssuerGroup, kind: "Issuer"}
	switch {
	case m.name != "" && annotations[clusterIssuerKey] != "":
		return m
	case m.name == "" && annotations[clusterIssuerKey] != "":
		m.name, m.cluster, m.kind = annotations[clusterIssuerKey], true, "ClusterIssuer"
	case m.name == "" && s.auto():
		m.name, m.auto, m.kind = s.in.Options.DefaultIssuerName, true, s.in.Options.DefaultIssuerKind
	}
	m.named = m.name != ""
	if kind := annotations[issuerKindKey]; kind != "" {
		m.kind, m.ownKind = kind, true
	}
	if group := annotations[issuerGroupKey]; group != "" {
		bare, _, versioned := strings.Cut(group, "/")
		m.group, m.explicit = bare, true
		if versioned {
			m.versioned = group
		}
	}
	return m
}

func (s *situation) auto() bool {
	return s.in.Object.Kind == ingressKind && slices.ContainsFunc(s.in.Options.AutoAnnotations, func(key string) bool {
		return slices.Contains([]string{"1", "t", "T", "true", "TRUE", "True"}, s.in.Object.Annotations[key])
	})
}

// effective is the group that is meant.
func (m meaning) effective() string {
	if m.explicit {
		return m.group
	}
	return m.defaultGroup
}

func (m meaning) known(group, kind string) bool {
	return m.registry.Knows(resolver.GroupKind{Group: group, Kind: kind})
}

func (m meaning) scope(group, kind string) resolver.Scope {
	for _, known := range m.registry.Kinds() {
		if known.Group == group && known.GroupKind.Kind == kind {
			return known.Scope
		}
	}
	return resolver.ScopeUnknown
}

// means is a predicate on what the annotations of an object say that name an issuer.
func means(match func(meaning) bool) func(*situation) bool {
	return func(s *situation) bool {
		m := s.meaning()
		return m.named && match(m)
	}
}

// strayDefault says whether the default group doesn't fit the kind that is named.
func (m meaning) strayDefault() bool {
	return !m.auto && m.group == "" && m.defaultGroup != certManagerGroup && !m.known(m.defaultGroup, m.kind)
}

// clusterOfKind says whether cluster-issuer has a kind or a group beside it.
func (m meaning) clusterOfKind() bool { return m.cluster && (m.ownKind || m.explicit) }

// onlyGroup is the group that is meant by a kind without one, or "".
func (m meaning) onlyGroup() string {
	groups := m.groupsOf(m.kind)
	ofDefault := m.defaultGroup != certManagerGroup && !m.strayDefault()
	if m.explicit || !m.ownKind || ofDefault || len(groups) != 1 || groups[0] == certManagerGroup {
		return ""
	}
	if m.cluster && m.scope(groups[0], m.kind) != resolver.Cluster {
		return ""
	}
	return groups[0]
}

// onlyKind is the kind that is meant by a group without one, or "".
func (m meaning) onlyKind() string {
	if !m.explicit || m.ownKind || m.auto || m.known(m.group, m.kind) {
		return ""
	}
	wanted, fitting := resolver.Namespaced, []string{}
	if m.cluster {
		wanted = resolver.Cluster
	}
	for _, known := range m.registry.Kinds() {
		if known.Group == m.group && known.Scope == wanted {
			fitting = append(fitting, known.GroupKind.Kind)
		}
	}
	if len(fitting) != 1 {
		return ""
	}
	return fitting[0]
}

func (m meaning) groupsOf(kind string) []string {
	var out []string
	for _, known := range m.registry.Kinds() {
		if known.GroupKind.Kind == kind {
			out = append(out, known.Group)
		}
	}
	return out
}

var camelCase = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{0,62}$`)

// wrong says whether no issuer can be meant: a name or a kind that no object can have, a
// version in a group that nobody knows, a kind that its group hasn't, or one whose group
// can't be found.
func (m meaning) wrong() bool {
	group := m.effective()
	switch {
	case len(validation.IsDNS1123Subdomain(m.name)) > 0, !camelCase.MatchString(m.kind):
		return true
	case m.known(group, m.kind):
		return false
	case m.versioned != "":
		return true
	}
	knownGroup := slices.ContainsFunc(m.registry.Kinds(), func(k resolver.Known) bool { return k.Group == group })
	return knownGroup
}

// meant writes the issuer as upstream takes it: by name, kind and group.
func (s *situation) meant(group string) {
	m, annotations := s.meaning(), s.issuerAnnotations()
	delete(annotations, clusterIssuerKey)
	if !m.auto {
		annotations[issuerKey] = m.name
	}
	annotations[issuerKindKey], annotations[issuerGroupKey] = m.kind, group
}
