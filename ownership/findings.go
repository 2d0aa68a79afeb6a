package ownership

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
)

// Find returns what is to be said of a set, sorted by severity, object and kind. What can't be
// known is no finding.
func Find(set Set) []Finding {
	f := newFinder(set)
	for i := range set.Certificates {
		f.certificate(&set.Certificates[i])
	}
	f.secretsWrittenTwice()
	f.secretsWantedTwice()
	f.missing()
	slices.SortFunc(f.out, compareFindings)
	return f.out
}

func compareFindings(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(slices.Index(problem.Severities(), a.Severity), slices.Index(problem.Severities(), b.Severity)),
		compareObjects(a.Object, b.Object), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Message, b.Message),
	)
}

func compareObjects(a, b problem.Object) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Group, b.Group))
}

// object is a source by what people call it.
type object struct{ group, kind, namespace, name string }

// finder has the set by what is looked up in it.
type finder struct {
	set Set
	// byUID and byName have the sources that Certificates name.
	byUID  map[string]*Source
	byName map[object]*Source
	// wanted are the sources by the Secrets that they ask for, and written the names of the Certificates by
	// those that they write.
	wanted  claims[*Source]
	written claims[string]
	// elsewhere are the Certificates that write no Secret of their own name.
	elsewhere map[place]bool
	out       []Finding
}

func newFinder(set Set) *finder {
	f := &finder{set: set, byUID: map[string]*Source{}, byName: map[object]*Source{}, elsewhere: map[place]bool{}}
	f.wanted = make(claims[*Source], 0, len(set.Sources))
	f.written = make(claims[string], 0, len(set.Certificates)+len(set.Settled))
	for i := range set.Certificates {
		f.see(&set.Certificates[i])
	}
	for _, c := range set.Settled {
		f.writes(c)
	}
	f.written.sort()
	for i := range set.Sources {
		f.seeSource(&set.Sources[i])
	}
	f.wanted.sort()
	return f
}

// see notes what a Certificate writes, and which sources it names.
func (f *finder) see(c *Certificate) {
	f.byUID[c.Owner.UID], f.byUID[c.Tie.UID] = nil, nil
	f.byName[c.Owner.object(c.Namespace)] = nil
	w := Written{c.Namespace, c.Name, c.Secret}
	if c.Deleting {
		w.Secret = ""
	}
	f.writes(w)
}

func (f *finder) writes(w Written) {
	if w.Secret != "" {
		f.written = append(f.written, claim[string]{place{w.Namespace, w.Secret}, w.Name})
	}
	if w.Secret != w.Name {
		f.elsewhere[place{w.Namespace, w.Name}] = true
	}
}

// seeSource notes for which Secrets a source asks.
func (f *finder) seeSource(s *Source) {
	if _, named := f.byUID[s.UID]; named && s.UID != "" {
		f.byUID[s.UID] = s
	}
	name := object{s.Group, s.Kind, s.Namespace, s.Name}
	if _, named := f.byName[name]; named {
		f.byName[name] = s
	}
	for _, secret := range s.Asks {
		f.wanted = append(f.wanted, claim[*Source]{place{secret.Namespace, secret.Name}, s})
	}
}

func (f *finder) add(kind Kind, severity problem.Severity, about problem.Object, others []problem.Object, format string, args ...any) {
	slices.SortFunc(others, compareObjects)
	f.out = append(f.out, Finding{Kind: kind, Severity: severity, Object: about, Others: others, Message: fmt.Sprintf(format, args...)})
}

func (c *Certificate) object() problem.Object { return certificateObject(c.Namespace, c.Name) }

func certificateObject(namespace, name string) problem.Object {
	return problem.Object{Group: "cert-manager.io", Kind: "Certificate", Namespace: namespace, Name: name}
}

// object is what an owner reference in a namespace names.
func (r OwnerReference) object(namespace string) object {
	return object{groupOf(r.APIVersion), r.Kind, namespace, r.Name}
}

// certificate adds what is to be said of one Certificate.
func (f *finder) certificate(c *Certificate) {
	if c.Deleting {
		return
	}
	if c.Unserved {
		f.add(UnservedEntry, problem.Error, c.object(), nil,
			"an entry of its managedFields is of a version that is no longer served, so that every apply fails")
	}
	if c.Shim != "" {
		f.add(ShimWrites, problem.Warning, c.object(), nil, "cert-manager's %s has written it after certshim did, and may still run", c.Shim)
	}
	if c.Left {
		f.add(NotAdopted, problem.Info, c.object(), nil, "cert-manager's shim made it, and takeover.mode is manual: it stays as it is until certshim adopt takes it over")
	}
	f.issuer(c)
	f.owner(c)
	if c.Tie != (certificate.Owner{}) {
		f.tied(c)
	} else {
		f.orphan(c)
	}
	if c.TieIgnored != "" {
		f.add(TieIgnored, problem.Warning, c.object(), nil, "%s", c.TieIgnored)
	}
}

// issuer warns of a reference without a group: cert-manager reads it as its own, and a controller
// of another group may take the request for its own too.
func (f *finder) issuer(c *Certificate) {
	if c.Applied || c.IssuerGroup != "" || c.IssuerName == "" {
		return
	}
	severity := problem.Warning
	if slices.Contains([]string{"", "Issuer", "ClusterIssuer"}, c.IssuerKind) {
		severity = problem.Info
	}
	f.add(IssuerWithoutGroup, severity, c.object(), nil,
		"its issuerRef to %s %s has no group; cert-manager reads it as cert-manager.io, and other controllers may take it for theirs",
		problem.Name(cmp.Or(c.IssuerKind, "Issuer")), problem.Name(c.IssuerName))
}

// owner compares the controller reference with the object that it means.
func (f *finder) owner(c *Certificate) {
	ref := c.Owner
	if ref == (OwnerReference{}) {
		return
	}
	whose := problem.Name(ref.Kind) + " " + problem.Name(ref.Name)
	if s := f.byUID[ref.UID]; s != nil {
		other := []problem.Object{objectOf(s)}
		switch {
		case s.Kind != ref.Kind || s.Name != ref.Name || s.Namespace != c.Namespace:
			f.add(OwnerOther, problem.Error, c.object(), other, "its controller reference to %s has the uid of another object", whose)
		case s.APIVersion() != ref.APIVersion:
			f.add(OwnerOldVersion, problem.Warning, c.object(), other, "its controller reference to %s is of %s, and the object is read as %s",
				whose, problem.Name(ref.APIVersion), s.APIVersion())
		}
		return
	}
	if f.set.Complete == nil || !f.set.Complete(groupOf(ref.APIVersion), ref.Kind, c.Namespace) {
		return
	}
	if s := f.byName[ref.object(c.Namespace)]; s != nil {
		f.add(OwnerGone, problem.Error, c.object(), []problem.Object{objectOf(s)},
			"its controller reference is to an earlier %s, of uid %s; the one of that name now is another object", whose, problem.Name(ref.UID))
		return
	}
	f.add(OwnerGone, problem.Error, c.object(), nil, "its controller reference is to %s, which isn't there", whose)
}

// names reports whether the source names the Secret that a Certificate writes, or that of its name.
func (s *Source) names(c *Certificate) bool {
	return slices.ContainsFunc(s.Names, func(at types.NamespacedName) bool {
		return at.Namespace == c.Namespace && (at.Name == c.Secret || at.Name == c.Name)
	})
}

// tied finds a Certificate in another namespace than the source that it is tied to, if that isn't there, and
// any that its source no longer names. In its source's namespace it is meant to outlive that.
func (f *finder) tied(c *Certificate) {
	tie := c.Tie
	s := f.byUID[tie.UID]
	whose := problem.Name(tie.Kind) + " " + problem.Name(tie.Namespace+"/"+tie.Name)
	switch {
	case s != nil && !s.names(c):
		f.add(OrphanCertificate, problem.Warning, c.object(), []problem.Object{objectOf(s)}, "the source that it is tied to doesn't name its Secret")
	case s == nil && tie.Namespace != c.Namespace && f.set.Complete != nil && f.set.Complete(tie.Group, tie.Kind, tie.Namespace):
		f.add(OrphanCertificate, problem.Warning, c.object(), nil, "it is tied to %s of uid %s, which isn't there", whose, problem.Name(tie.UID))
	}
}

// orphan finds a Certificate of ours that nobody asks for any more.
func (f *finder) orphan(c *Certificate) {
	if !c.Applied {
		return
	}
	others := objectsOf(f.wanted.of(place{c.Namespace, c.Secret}))
	if c.Owner != (OwnerReference{}) {
		s := f.byUID[c.Owner.UID]
		if s != nil && !s.names(c) {
			f.add(OrphanCertificate, problem.Warning, c.object(), []problem.Object{objectOf(s)}, "the source that owns it doesn't name its Secret")
		}
		return
	}
	message := "certshim has applied it, and it has no controller reference"
	if len(c.Origins) > 0 {
		message += "; it was made for an object of uid " + namesOf(c.Origins)
	}
	if len(others) > 0 {
		message += "; what asks for its Secret doesn't own it"
	}
	f.add(OrphanCertificate, problem.Warning, c.object(), others, "%s", message)
}

func namesOf(list []string) string {
	out := make([]string, len(list))
	for i, item := range list {
		out[i] = problem.Name(item)
	}
	return strings.Join(out, ", ")
}

func (f *finder) secretsWrittenTwice() {
	for at, writers := range f.written.places() {
		if len(writers) < 2 {
			continue
		}
		objects := writersOf(writers)
		f.add(SecretWrittenTwice, problem.Error, objects[0], objects[1:], "%d Certificates write Secret %s", len(writers), problem.Name(at.name))
	}
}

func (f *finder) secretsWantedTwice() {
	for at, sources := range f.wanted.places() {
		if len(sources) < 2 {
			continue
		}
		objects := objectsOf(sources)
		f.add(SecretWantedTwice, problem.Warning, objects[0], objects[1:], "%d objects ask for Secret %s", len(sources), problem.Name(at.name))
	}
}

// missing finds sources without their Certificate.
func (f *finder) missing() {
	if f.set.CertificatesComplete == nil {
		return
	}
	for at, sources := range f.wanted.places() {
		writers := f.written.of(at)
		isThere := slices.ContainsFunc(writers, func(c claim[string]) bool { return c.who == at.name })
		if isThere || f.elsewhere[at] || !f.set.CertificatesComplete(at.namespace) {
			continue
		}
		message := "there is no Certificate %s for the Secret that it asks for"
		if len(writers) > 0 {
			message += "; a Certificate of another name writes it"
		}
		for _, s := range sources {
			f.add(MissingCertificate, problem.Error, objectOf(s.who), writersOf(writers), message, problem.Name(at.name))
		}
	}
}

// writersOf are the Certificates, sorted.
func writersOf(writers claims[string]) []problem.Object {
	var out []problem.Object
	for _, c := range writers {
		out = append(out, certificateObject(c.at.namespace, c.who))
	}
	slices.SortFunc(out, compareObjects)
	return out
}

func objectOf(s *Source) problem.Object {
	return problem.Object{Group: s.Group, Kind: s.Kind, Namespace: s.Namespace, Name: s.Name}
}

// objectsOf are the sources, sorted.
func objectsOf(sources claims[*Source]) []problem.Object {
	var out []problem.Object
	for _, s := range sources {
		out = append(out, objectOf(s.who))
	}
	slices.SortFunc(out, compareObjects)
	return out
}

// groupOf is the group of an apiVersion, empty for the core group.
func groupOf(apiVersion string) string {
	group, _, found := strings.Cut(apiVersion, "/")
	if !found {
		return ""
	}
	return group
}
