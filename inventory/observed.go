package inventory

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

var _ certshim.Observed = (*Look)(nil)

// Certificate implements [certshim.Observed].
func (l *Look) Certificate(namespace, certificateName string) (certificate.Observed, certshim.Presence) {
	n := nameOf(namespace, certificateName)
	l.lock.RLock()
	defer l.lock.RUnlock()
	o, there := l.certificateSeen(n)
	if !there {
		l.asksOf(n, readIdentity)
		return o, l.absent(CertificateKind(), namespace)
	}
	if o.Owner != (certificate.Owner{}) && ownerOf(o) != l.key && l.policy.Certificate.Adoption == nil {
		l.asksOf(n, readIdentity)
		return identity(o), certshim.Present
	}
	l.asksOf(n, readIdentity|readBody)
	return o, certshim.Present
}

// certificateSeen is the newest known state of a Certificate.
func (l *Look) certificateSeen(n name) (certificate.Observed, bool) {
	item := l.certificateAt(n)
	if live, read := l.live[n]; read {
		if live == nil {
			return certificate.Observed{}, false
		}
		return l.withKnown(*live, item), true
	}
	if item == nil {
		return certificate.Observed{}, false
	}
	o := item.unpack()
	o.Live = l.whole[n]
	return l.withKnown(o, item), true
}

// withKnown adds what only this process knows of a Certificate; item is what is kept of it, or
// nil.
func (l *Look) withKnown(o certificate.Observed, item *Certificate) certificate.Observed {
	if _, wrote := l.writes.written[o.UID]; wrote {
		o.Flags |= certificate.TakenOver
	}
	if item != nil && item.uid() == o.UID {
		o.Flags |= item.known
		o.Before = l.writes.before[o.UID]
	}
	if l.options.Fights != nil {
		o.Fights = l.options.Fights(o.UID)
	}
	return o
}

// absent says whether what isn't here doesn't exist, or can't be known.
func (l *Look) absent(kind resolver.GroupKind, namespace string) certshim.Presence {
	switch {
	case namespace != "" && !l.Watches(namespace):
		return certshim.Unknown
	case l.known[kind] == Whole:
		return certshim.Absent
	case l.known[kind] == Unread && !l.aside:
		l.unread = true
	}
	return certshim.Unknown
}

// CertificatesOf implements [certshim.Observed]. A source reads those that are its own, always: it
// wakes whenever one of them changes.
func (l *Look) CertificatesOf(ref source.Ref) []certificate.Observed {
	l.lock.RLock()
	defer l.lock.RUnlock()
	var found []certificate.Observed
	for item := range l.owners[KeyOf(ref)].certificates.all() {
		o, there := l.certificateSeen(item.fullName())
		if there && KeyOf(ref) == ownerOf(o) && (o.Owner.UID == ref.UID || o.Owner.UID == "" || ref.UID == "") {
			found = append(found, o)
		}
	}
	sortByName(found)
	return found
}

// sortByName makes a list the same whatever came first.
func sortByName(list []certificate.Observed) {
	slices.SortFunc(list, func(a, b certificate.Observed) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
}

// CertificatesWriting implements [certshim.Observed].
func (l *Look) CertificatesWriting(namespace, secretName string) []certificate.Observed {
	n := nameOf(namespace, secretName)
	l.lock.RLock()
	defer l.lock.RUnlock()
	l.asksOf(n, readWriters)
	s := l.secrets[n]
	if s == nil {
		return nil
	}
	var found []certificate.Observed
	for _, item := range s.writers {
		if o, there := l.certificateSeen(item.fullName()); there && o.Secret == secretName {
			found = append(found, identity(o))
		}
	}
	sortByName(found)
	return found
}

// First implements [certshim.Observed].
func (l *Look) First(namespace, secretName string, claim func(*source.Object) certificate.Claim) *certificate.Rival {
	n := nameOf(namespace, secretName)
	after := (*Source)(nil)
	for {
		older := l.older(n, after)
		if older.source == nil {
			return nil
		}
		if rival := l.rival(older, n, claim); rival.Claim.Stands {
			return rival
		}
		after = older.source
	}
}

// older returns the next claim on a Secret after the given one that is older than this source's and
// stands or may stand. It has no source if there is none. Sources of other namespaces that aren't granted
// the Secret aren't even judged: they could be many. Once they are, they judge themselves.
func (l *Look) older(n name, after *Source) claim {
	l.lock.RLock()
	defer l.lock.RUnlock()
	l.asksOf(n, readFirst)
	s := l.secrets[n]
	if s == nil {
		return claim{}
	}
	from := slices.IndexFunc(s.claims, func(c claim) bool { return c.source == after }) + 1
	for _, c := range s.claims[from:] {
		if c.source.Key() == l.key {
			return claim{}
		}
		if c.source.namespace != n.namespace && !l.isGranted(c.source, n) {
			continue
		}
		if said := c.certain(); said == nil || said.Stands {
			return c
		}
	}
	return claim{}
}

// Rival implements [certshim.Observed].
func (l *Look) Rival(owner certificate.Owner, namespace, secretName string, claim func(*source.Object) certificate.Claim) *certificate.Rival {
	n := nameOf(namespace, secretName)
	found := l.owning(owner, n)
	if found.source == nil {
		return nil
	}
	return l.rival(found, n, claim)
}

// owning returns the claim of the source that owns a Certificate. It has no source if there is none,
// or if this source is the owner.
func (l *Look) owning(owner certificate.Owner, n name) claim {
	l.lock.RLock()
	defer l.lock.RUnlock()
	l.asksOf(n, readOwner)
	if s := l.secrets[n]; s != nil {
		if c := s.claimOwning(owner, n); c != nil && c.source.Key() != l.key {
			return *c
		}
	}
	l.asksOfMissing(owner, cmp.Or(owner.Namespace, n.namespace.Value()))
	return claim{}
}

// OtherNaming implements [certshim.Observed].
func (l *Look) OtherNaming(namespace, secretName string) *source.Ref {
	n := nameOf(namespace, secretName)
	l.lock.RLock()
	defer l.lock.RUnlock()
	l.asksOf(n, readOthers)
	s := l.secrets[n]
	if s == nil {
		return nil
	}
	for _, c := range s.claims {
		if c.source.Key() != l.key && c.source.namespace == n.namespace {
			object, _ := c.source.unpack()
			return &object.Ref
		}
	}
	return nil
}

// IsGone implements [certshim.Observed].
func (l *Look) IsGone(namespace, uid string) bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	certain := true
	for _, kind := range l.policy.Kinds.All() {
		named := source.GroupKindOf(kind)
		if l.absent(resolver.GroupKind(named), namespace) != certshim.Absent {
			l.asks(sourceFact(named, namespace, ""))
			certain = false
		}
	}
	if there := l.sourceOfUID(uid); there != nil {
		key := there.Key()
		l.asks(sourceFact(key.Kind(), key.Namespace(), key.Name()))
		return false
	}
	return certain
}

// asksOfMissing notes that a decision asked for an owner that isn't there, if its kind is one of a
// source. Until its kind is read completely, the owner may still come, and the look is unread.
func (l *Look) asksOfMissing(owner certificate.Owner, namespace string) {
	kind := source.GroupKind{Group: owner.Group, Kind: owner.Kind}
	if _, isSource := l.policy.Kinds.Lookup(owner.Group, owner.Kind); !isSource || l.source(NewKey(kind, namespace, owner.Name)) != nil {
		return
	}
	l.asks(sourceFact(kind, namespace, owner.Name))
	l.absent(resolver.GroupKind(kind), namespace)
}

// rival returns a claim's source with what it asks for, which is judged unless it is certain.
func (l *Look) rival(c claim, n name, judge func(*source.Object) certificate.Claim) *certificate.Rival {
	ref := c.source.head().Ref
	if said := c.certain(); said != nil {
		return &certificate.Rival{Source: ref, Claim: *said}
	}
	return &certificate.Rival{Source: ref, Claim: l.judge(c.source, n, judge)}
}

// Granted implements [certshim.Observed].
func (l *Look) Granted(from source.GrantFrom, secret types.NamespacedName) (source.Granted, certshim.Presence) {
	f := grantFact(from, secret)
	l.lock.RLock()
	defer l.lock.RUnlock()
	l.asks(f)
	if l.absent(GrantKind(), secret.Namespace) != certshim.Absent {
		return source.Granted{}, certshim.Unknown
	}
	return l.granted(f), certshim.Present
}

// Source implements [certshim.Observed].
func (l *Look) Source(kind source.GroupKind, namespace, sourceName string) (*source.Object, certshim.Presence) {
	l.lock.RLock()
	l.asks(sourceFact(kind, namespace, sourceName))
	item := l.source(NewKey(kind, namespace, sourceName))
	absent := certshim.Present
	if item == nil {
		absent = l.absent(resolver.GroupKind(kind), namespace)
	}
	l.lock.RUnlock()
	if item == nil {
		return nil, absent
	}
	object, unreadable := item.unpack()
	if unreadable != "" {
		return nil, certshim.Unknown
	}
	object.Annotations = nil
	return object, certshim.Present
}

// Inherited implements [certshim.Observed].
func (l *Look) Inherited(kind source.GroupKind, namespace, sourceName string) map[string]string {
	l.lock.RLock()
	defer l.lock.RUnlock()
	l.asks(inheritedFact(kind, namespace, sourceName))
	if item := l.source(NewKey(kind, namespace, sourceName)); item != nil {
		return item.inherited()
	}
	return nil
}

// NamespaceLabels implements [certshim.Observed].
func (l *Look) NamespaceLabels(namespace string) (map[string]string, certshim.Presence) {
	item, presence := l.namespace(asksLabels, namespace)
	if item == nil {
		return nil, presence
	}
	labels, _ := item.unpack()
	return labels, presence
}

// NamespaceAnnotations implements [certshim.Observed].
func (l *Look) NamespaceAnnotations(namespace string) (map[string]string, certshim.Presence) {
	item, presence := l.namespace(asksAnnotations, namespace)
	if item == nil {
		return nil, presence
	}
	_, annotations := item.unpack()
	return annotations, presence
}

// namespace gives a Namespace. One that isn't there although a source is in it has not been
// seen yet.
func (l *Look) namespace(question question, namespace string) (*Namespace, certshim.Presence) {
	l.lock.RLock()
	defer l.lock.RUnlock()
	return l.namespaceSeen(question, namespace)
}

// namespaceSeen is namespace under the lock.
func (l *Look) namespaceSeen(question question, namespace string) (*Namespace, certshim.Presence) {
	l.asks(fact{question: question, kind: NamespaceKind(), name: namespace})
	if item := l.namespaces[namespace]; item != nil {
		return item, certshim.Present
	}
	presence := l.absent(NamespaceKind(), "")
	l.unread = l.unread || presence == certshim.Absent && !l.aside
	return nil, presence
}

// HasField implements [certshim.Observed].
func (l *Look) HasField(path string) bool {
	l.lock.RLock()
	defer l.lock.RUnlock()
	if !l.aside {
		l.fieldsRead |= l.numbers.of(path)
	}
	return l.fields.Has(path)
}

// Served implements [certshim.Observed].
func (l *Look) Served() resolver.Served { return servedSeen{l} }

// servedSeen is what is served, as a decision sees it.
type servedSeen struct{ *Look }

// Scope implements [resolver.Served].
func (v servedSeen) Scope(kind resolver.GroupKind) (resolver.Scope, bool) {
	v.lock.RLock()
	defer v.lock.RUnlock()
	v.asks(fact{question: asksScope, kind: kind})
	return v.served.Scope(kind)
}

// Groups implements [resolver.Served].
func (v servedSeen) Groups(kind string) []string {
	v.lock.RLock()
	defer v.lock.RUnlock()
	v.asks(fact{question: asksGroups, name: kind})
	return v.served.Groups(kind)
}

// Issuers implements [resolver.Served].
func (v servedSeen) Issuers() []resolver.GroupKind {
	v.lock.RLock()
	defer v.lock.RUnlock()
	v.asks(fact{question: asksKinds})
	return v.served.Issuers()
}

// Issuers implements [certshim.Observed].
func (l *Look) Issuers() resolver.Issuers { return issuersSeen{l} }

// issuersSeen is what is known of issuers, as a decision sees it.
type issuersSeen struct{ *Look }

// Find implements [resolver.Issuers]. What a plugin says counts, but whether the issuer exists is
// the cluster's to tell.
func (v issuersSeen) Find(key resolver.IssuerKey) (resolver.Finding, bool) {
	v.lock.RLock()
	v.asks(issuerFact(asksIssuer, key))
	finding, spoken := v.finding(key)
	v.lock.RUnlock()
	if said, plugged := v.plugged(key); plugged {
		finding, spoken = said.In(finding.Existence, finding.Fault), true
	}
	return finding.WithoutReadiness(), spoken
}

// Readiness implements [resolver.Issuers]. It is asked where something is written. That an issuer is
// ready then is not noted: later it doesn't matter.
func (v issuersSeen) Readiness(key resolver.IssuerKey) (ready resolver.Readiness, reason, message string) {
	v.lock.RLock()
	noted := len(v.facts)
	v.asks(issuerFact(asksReadiness, key))
	finding, _ := v.finding(key)
	v.lock.RUnlock()
	if said, plugged := v.plugged(key); plugged {
		finding = said
	}
	if finding.Ready == resolver.Ready {
		v.lock.RLock()
		v.facts = v.facts[:noted]
		v.lock.RUnlock()
	}
	return finding.Ready, finding.Reason, finding.Message
}

// plugged is what a plugin says, if one speaks for the issuer. It is asked without the lock: how
// long it takes must hold up nobody.
func (v issuersSeen) plugged(key resolver.IssuerKey) (resolver.Finding, bool) {
	if v.options.Plugins == nil {
		return resolver.Finding{}, false
	}
	return v.options.Plugins.Find(key)
}

// Near implements [resolver.Issuers].
func (v issuersSeen) Near(kind resolver.GroupKind, namespace, issuerName string, same bool) string {
	question := asksNear
	if same {
		question = asksNearOrSame
	}
	v.lock.RLock()
	defer v.lock.RUnlock()
	f := fact{question: question, kind: kind, namespace: namespace, name: issuerName}
	v.asks(f)
	return v.near(f)
}

func (i *Inventory) near(f fact) string {
	var names []string
	for other := range i.issuers[f.scope()] {
		names = append(names, strings.Clone(other))
	}
	slices.Sort(names)
	return f.nearest(names)
}

func (f fact) nearest(names []string) string {
	if f.question == asksNearOrSame {
		return declaration.Nearest(f.name, names)
	}
	return declaration.NearestOther(f.name, names)
}

// finding is what an issuer's type says of it.
func (i *Inventory) finding(key resolver.IssuerKey) (resolver.Finding, bool) {
	known, declared := i.policy.Registry.Known(key.GroupKind)
	_, served := i.served.Scope(key.GroupKind)
	notServed := i.served.Lacks(key.GroupKind)
	item := i.issuer(key)
	switch {
	case !declared && !served && item == nil:
		return resolver.NotServedFinding(), notServed
	case !declared:
		known = resolver.Undeclared()
	}
	if item != nil {
		return known.Found(item.seen), true
	}
	return known.NotFound(notServed, i.known[key.GroupKind] == Whole && (key.Namespace == "" || i.Watches(key.Namespace))), true
}

// answer is what a decision would be told now, in a form that can be compared.
func (i *Inventory) answer(f fact) any {
	switch f.question {
	case asksIssuer:
		return i.issuerAnswer(f.issuer())
	case asksReadiness:
		finding, _ := i.finding(f.issuer())
		return [3]string{string(finding.Ready), finding.Reason, finding.Message}
	case asksNear, asksNearOrSame:
		return i.near(f)
	case asksScope:
		scope, served := i.served.Scope(f.kind)
		return [2]any{scope, served}
	case asksGroups:
		return strings.Join(i.served.Groups(f.name), " ")
	case asksKinds:
		return i.kindsAnswer()
	case asksFields:
		return f.fields & i.numbers.served(i.fields)
	case asksSource:
		return i.sourceAnswer(f)
	case asksInherited:
		return i.inheritedAnswer(f)
	case asksGrant:
		return i.grantAnswer(f)
	case asksRoutes:
		return i.routesAnswer()
	default:
		return i.namespaceAnswer(f)
	}
}

// issuerAnswer leaves out what is said of all issuers of one type alike. Whether one that isn't missing is
// there or only may be is for plugins to know.
func (i *Inventory) issuerAnswer(key resolver.IssuerKey) any {
	finding, spoken := i.finding(key)
	item := i.issuer(key)
	variant, byRoute := uint8(0), false
	if item != nil {
		variant, byRoute = item.seen.Variant, item.seen.ProvesByRoute
	}
	existence := finding.Existence
	if i.options.Plugins == nil && existence != resolver.Missing {
		existence = resolver.MayExist
	}
	held := finding.Hold && finding.State == resolver.Never
	return [7]any{spoken, existence, finding.Fault, held, finding.By, variant, byRoute}
}

func (i *Inventory) kindsAnswer() any {
	var b strings.Builder
	for _, kind := range i.served.Issuers() {
		b.WriteString(kind.Group + "/" + kind.Kind + " ")
	}
	return b.String()
}

func (i *Inventory) sourceAnswer(f fact) any {
	kind := source.GroupKind(f.kind)
	if item := i.source(NewKey(kind, f.namespace, f.name)); item != nil {
		return item.seenByOthers()
	}
	return i.knowledgeOf(f.kind, f.namespace)
}

func (i *Inventory) inheritedAnswer(f fact) any {
	var p packer
	if item := i.source(NewKey(source.GroupKind(f.kind), f.namespace, f.name)); item != nil {
		p.table(item.inherited())
	}
	return string(p)
}

func (i *Inventory) namespaceAnswer(f fact) any {
	item := i.namespaces[f.name]
	if item == nil {
		return i.knowledgeOf(f.kind, "")
	}
	labels, annotations := item.unpack()
	var p packer
	if f.question == asksLabels {
		p.table(labels)
	} else {
		p.table(annotations)
	}
	return string(p)
}

// knowledgeOf is how much is known where an object isn't there.
func (i *Inventory) knowledgeOf(kind resolver.GroupKind, namespace string) Knowledge {
	if namespace != "" && !i.Watches(namespace) {
		return Unreadable
	}
	return i.known[kind]
}
