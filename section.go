package certshim

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// terms are the annotations that count for some Secrets of an object, and what they say.
type terms struct {
	annotations map[string]string
	inherited   bool
	request     annotations.Request
	// triggered is set where they ask for a certificate.
	triggered bool
	// section is where some of them stand, nil for those of the object alone.
	section *annotations.Section
	// wrong says why nothing may be made or changed by them, none if it may.
	wrong certificate.Reason
}

// count reports whether they are to be looked at: those that can't be read may ask for a certificate.
func (t *terms) count() bool { return t.triggered || !t.wrong.IsZero() }

// path is where an annotation stands.
func (t *terms) path(key string) string {
	if t.section != nil {
		if _, here := t.section.Keys[key]; here {
			return annotations.SectionPath(t.section.Name, key)
		}
	}
	return "metadata.annotations[" + key + "]"
}

// keyName is an annotation's key, with the section that it stands in.
func (t *terms) keyName(key string) string {
	if t.section != nil {
		if _, here := t.section.Keys[key]; here {
			return key + " of section " + problem.Name(t.section.Name)
		}
	}
	return key
}

// place puts problems with annotations where those stand.
func (t *terms) place(problems problem.List) problem.List {
	if t.section == nil || problems.Empty() {
		return problems
	}
	var out problem.List
	for _, p := range problems.All() {
		if p.Path == "metadata.annotations["+p.Key+"]" {
			p.Path = t.path(p.Key)
		}
		out.Add(p)
	}
	return out
}

// source is the object as if the annotations were its own.
func (t *terms) source(object *source.Object) *source.Object {
	if t.section == nil {
		return object
	}
	as := *object
	as.Annotations = t.section.Over(object.Annotations)
	return &as
}

// sections finds out which annotations count for which Secret of an object.
type sections struct {
	input
	asks source.Asks
	// own are the terms of the object, told the problems with its annotations.
	own  *terms
	told problem.List
	// read has the terms of sections that were needed.
	read     map[*annotations.Section]*terms
	problems problem.List
	// both are the names of sections that name a listener and a Secret.
	both map[string]bool
}

// bySecret gives the terms of each Secret that doesn't go by the object's alone.
func (s *sections) bySecret() map[types.NamespacedName]*terms {
	said := s.own.request.Sections
	out := map[types.NamespacedName]*terms{}
	if said.Unread {
		unread := &terms{request: s.own.request, wrong: certificate.Because(certificate.CauseSectionsUnread)}
		for _, ask := range s.asks.Asks {
			out[ask.At(s.object)] = unread
		}
		return out
	}
	byName := make(map[string]*annotations.Section, len(said.All))
	for i := range said.All {
		byName[said.All[i].Name] = &said.All[i]
	}
	s.checkNames(said)
	for _, ask := range s.asks.Asks {
		if t := s.of(ask, byName); t != s.own {
			out[ask.At(s.object)] = t
		}
	}
	return out
}

// checkNames tells of sections whose name isn't one of the object's, or names two things.
func (s *sections) checkNames(said annotations.Sections) {
	listeners, secrets := map[string]bool{}, map[string]bool{}
	for at := range s.asks.Named {
		secrets[at.Name] = true
	}
	for _, entry := range s.object.Entries {
		if entry.Section != "" {
			listeners[entry.Section] = true
		}
	}
	known := slices.Sorted(maps.Keys(listeners))
	known = append(known, slices.Sorted(maps.Keys(secrets))...)
	s.both = map[string]bool{}
	for _, section := range said.All {
		switch {
		case listeners[section.Name] && secrets[section.Name]:
			s.both[section.Name] = true
			s.tell(section.Name, problem.Problem{Message: "it is the name of a listener and of a Secret, so that it isn't clear which is meant: rename one"})
		case !listeners[section.Name] && !secrets[section.Name]:
			s.tell(section.Name, problem.Problem{
				Message: "no listener and no Secret of this object has this name: the section counts for nothing",
				Allowed: source.AllowedNames(known), Suggestion: declaration.Nearest(section.Name, known),
			})
		}
	}
}

func (s *sections) tell(name string, p problem.Problem) {
	p.Severity, p.Reason = problem.Error, problem.BadConfig
	p.Path, p.Key, p.Value = annotations.SectionPath(name, ""), annotations.SectionsKey, name
	s.problems.Add(p)
}

// of finds the terms of a Secret: those of its name and of its listeners, which have to agree. Where
// the Secret is named itself, that counts for the listeners that aren't.
func (s *sections) of(ask source.Ask, byName map[string]*annotations.Section) *terms {
	apply, listeners := s.applying(ask, byName)
	var chosen *annotations.Section
	for _, section := range apply {
		switch {
		case section == nil:
		case section.Unread:
			return s.wrong(certificate.CauseSectionUnread, problem.Quote(section.Name))
		case s.both[section.Name]:
			return s.wrong(certificate.CauseSectionUnclear, problem.Quote(section.Name))
		case chosen == nil:
			chosen = section
		}
	}
	if chosen == nil {
		return s.own
	}
	want := chosen.Over(s.own.annotations)
	for i, section := range apply {
		if section == chosen || maps.Equal(want, section.Over(s.own.annotations)) {
			continue
		}
		return s.disagree(ask, chosen.Name, listeners[i])
	}
	return s.termsOf(chosen)
}

// applying are the sections of a Secret, each once, and the names by which they apply; nil stands for
// listeners without one.
func (s *sections) applying(ask source.Ask, byName map[string]*annotations.Section) (apply []*annotations.Section, names []string) {
	add := func(section *annotations.Section, name string) {
		if !slices.Contains(apply, section) {
			apply, names = append(apply, section), append(names, name)
		}
	}
	own := byName[ask.Secret]
	if own != nil {
		add(own, ask.Secret)
	}
	for _, entry := range slices.Concat(ask.Entries, ask.Broken) {
		var section *annotations.Section
		if entry.Section != "" {
			section = byName[entry.Section]
		}
		if section != nil || own == nil {
			add(section, entry.Section)
		}
	}
	return apply, names
}

func (s *sections) disagree(ask source.Ask, one, other string) *terms {
	wrong := s.wrong(certificate.CauseSectionsDiffer, problem.Quote(one), problem.Quote(other), problem.Quote(ask.Secret))
	s.tell(one, problem.Problem{
		Message:    wrong.wrong.String() + ": nothing is made or changed for it; name the Secret in place of the listeners, or give each a Secret of its own",
		Suggestion: ask.Secret,
	})
	return wrong
}

func (s *sections) wrong(cause certificate.Cause, about ...string) *terms {
	return &terms{request: s.own.request, wrong: certificate.Because(cause, about...)}
}

// termsOf reads a section.
func (s *sections) termsOf(section *annotations.Section) *terms {
	if t := s.read[section]; t != nil {
		return t
	}
	t := &terms{annotations: section.Over(s.own.annotations), section: section}
	var problems problem.List
	t.request, problems = s.policy.Parser.ParseSection(section, s.own.annotations, s.told)
	s.problems.Merge(problems)
	t.inherited = s.own.inherited && !section.NamesIssuer()
	t.triggered = s.triggers(t.request)
	s.read[section] = t
	return t
}

// triggers reports whether annotations ask for a certificate.
func (q input) triggers(request annotations.Request) bool {
	return request.Issuer.Named() || request.Auto && q.object.GroupKind().NamedIn(q.policy.AutoKinds)
}
