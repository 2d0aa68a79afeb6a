package inventory

import (
	"slices"
	"strings"
	"unique"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/source"
)

// secret is what is known about the name of a Secret: who names it, and its Certificates.
// Who read what of it is marked at its claims: only sources that name a Secret ask about it.
type secret struct {
	// claims are of the sources that name the Secret, oldest first.
	claims []claim
	// certificate of the Secret's name, whatever it writes.
	certificate *Certificate
	// writers are the Certificates of another name that write the Secret.
	writers []*Certificate
}

// claim is that a source names a Secret, in whatever form.
type claim struct {
	source *Source
	// said is what the source asks for of the Secret, nil until another source needs to know. Once
	// doubted, it must be judged again.
	said    *certificate.Claim
	read    mark
	doubted bool
}

// certain returns what the source asks for, or nil if it has to be judged.
func (c *claim) certain() *certificate.Claim {
	if c.doubted {
		return nil
	}
	return c.said
}

// mark says what a decision read about a Secret.
type mark uint8

const (
	// readIdentity: is there a Certificate of its name, and whose is it?
	readIdentity mark = 1 << iota
	// readBody: all of that Certificate.
	readBody
	// readWriters: which other Certificates write the Secret?
	readWriters
	// readFirst: which source comes first, and what does it ask for?
	readFirst
	// readOwner: what does the source that owns the Certificate ask for?
	readOwner
	// readOthers: which source names the Secret besides?
	readOthers
)

// make gives the entry of a Secret, a new one if need be.
func (i *Inventory) make(n name) *secret {
	s := i.secrets[n]
	if s == nil {
		s = &secret{}
		// The name shares the packed string of the version that it was read from.
		n.name = strings.Clone(n.name)
		i.secrets[n] = s
	}
	return s
}

// tidy drops an entry that says nothing.
func (i *Inventory) tidy(n name) {
	if s := i.secrets[n]; s != nil && len(s.claims) == 0 && s.certificate == nil && len(s.writers) == 0 {
		delete(i.secrets, n)
	}
}

// aboutSecret is all that sources can read about a Secret, to be compared.
type aboutSecret struct {
	certificate *Certificate
	writers     []*Certificate
	// first is the oldest claim known to stand. owner is what the owner of the Certificate asks for,
	// nil if that isn't known.
	first claim
	owner *certificate.Claim
	// named are the two oldest sources of its namespace that name it, of which one isn't whoever asks
	// for others.
	named [2]*Source
}

func (s *secret) about(at name) aboutSecret {
	about := aboutSecret{certificate: s.certificate, writers: slices.Clone(s.writers), first: s.first()}
	if owner := s.ownerClaim(at); owner != nil {
		about.owner = owner.said
	}
	named := 0
	for _, c := range s.claims {
		if named < len(about.named) && c.source.namespace == at.namespace {
			about.named[named] = c.source
			named++
		}
	}
	return about
}

func (s *secret) first() claim {
	for _, c := range s.claims {
		if c.said != nil && c.said.Stands {
			return c
		}
	}
	return claim{}
}

// ownerClaim returns the claim of the source that owns the Certificate, or nil.
func (s *secret) ownerClaim(at name) *claim {
	if s.certificate == nil {
		return nil
	}
	return s.claimOwning(s.certificate.owner(), at)
}

// claimOwning is the claim of the source that is the owner of the Secret's Certificate, or nil.
func (s *secret) claimOwning(owner certificate.Owner, at name) *claim {
	for n := range s.claims {
		if c := &s.claims[n]; c.source.isOwner(owner, at.namespace.Value()) {
			return c
		}
	}
	return nil
}

func (s *secret) claimOf(item *Source) *claim {
	for n := range s.claims {
		if s.claims[n].source == item {
			return &s.claims[n]
		}
	}
	return nil
}

// secret wakes who read about a Secret what a mutation changes.
func (c *change) secret(n name, mutate func(*secret)) {
	s := c.make(n)
	before := s.about(n)
	mutate(s)
	changed := differences(before, s.about(n))
	if changed != 0 {
		// A source that wrote this Certificate expects it; what it decides about another Secret
		// may change all the same.
		others := *c
		if c.own != nil && c.own.name != n {
			others.own = nil
		}
		youngerThan := min(s.behind(before.first.source), s.behind(s.first().source))
		for at, claim := range s.claims {
			reads := claim.read & changed
			if reads&^readFirst != 0 || reads != 0 && at >= youngerThan {
				others.later(claim.source.Key())
			}
		}
		others.laterIf(func(look *Look) bool { return look.marked(n)&changed != 0 })
		c.wake = others.wake
	}
	c.tidy(n)
}

// behind returns the index of the first claim that is younger than a source, which need not have a
// claim itself. For nil it is the number of claims.
func (s *secret) behind(item *Source) int {
	if item == nil {
		return len(s.claims)
	}
	at, there := s.find(item)
	if there {
		at++
	}
	return at
}

// find is where a source is by age.
func (s *secret) find(item *Source) (at int, there bool) {
	return slices.BinarySearchFunc(s.claims, item.head(), func(c claim, object *source.Object) int {
		return source.CompareAge(c.source.head(), object)
	})
}

// differences are the questions that have another answer.
func differences(before, now aboutSecret) mark {
	var changed mark
	if !sameSource(before.first.source, now.first.source) || !sameClaim(before.first.said, now.first.said) {
		changed |= readFirst
	}
	if !sameAsk(before.owner, now.owner) {
		changed |= readOwner
	}
	if !slices.EqualFunc(before.named[:], now.named[:], sameSource) {
		changed |= readOthers
	}
	if !slices.EqualFunc(before.writers, now.writers, sameIdentity) {
		changed |= readWriters
	}
	if before.certificate == now.certificate {
		return changed
	}
	if !sameIdentity(before.certificate, now.certificate) {
		changed |= readIdentity
	}
	if before.certificate == nil || now.certificate == nil || !before.certificate.same(now.certificate) {
		changed |= readBody
	}
	return changed
}

// sameSource says whether two versions are of one source.
func sameSource(a, b *Source) bool {
	return a == b || a != nil && b != nil && a.Key() == b.Key() && a.uid() == b.uid()
}

func sameClaim(a, b *certificate.Claim) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// sameAsk reports whether two claims ask for the same. Whether they stand doesn't matter for the
// claim of an owner, which has its Certificate already.
func sameAsk(a, b *certificate.Claim) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := *a, *b
	x.Stands, y.Stands = true, true
	return x == y
}

// sameIdentity reports whether two versions of a Certificate look the same to sources that don't
// own it.
func sameIdentity(a, b *Certificate) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := a.unpack(), b.unpack()
	return x.Name == y.Name && x.UID == y.UID && x.Owner == y.Owner &&
		(x.Flags^y.Flags)&(certificate.Deleting|certificate.Tied) == 0
}

// enter puts a claim in its place by age.
func (s *secret) enter(item *Source) {
	at, _ := s.find(item)
	s.claims = slices.Insert(s.claims, at, claim{source: item})
}

func (s *secret) remove(item *Source) {
	s.claims = slices.DeleteFunc(s.claims, func(c claim) bool { return c.source == item })
}

// namedSecrets are the Secrets that a source names in any form, each once.
func namedSecrets(object *source.Object) []name {
	var secrets []name
	own := unique.Make(object.Namespace)
	for ref := range object.Named() {
		at := name{own, ref.Name}
		if !ref.In(object.Namespace) {
			at.namespace = unique.Make(ref.At(object.Namespace).Namespace)
		}
		secrets = append(secrets, at)
	}
	slices.SortFunc(secrets, name.compare)
	return slices.Compact(secrets)
}
