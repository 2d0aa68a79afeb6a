package annotations

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
)

// maxSections is the largest number of sections of one object. Each is read together with the
// annotations of the object.
const maxSections = 256

// maxSectionsRead bounds the bytes of the object's annotations that are read again, for each section.
const maxSectionsRead = 1 << 20

// Sections is what the annotation certshim.io/sections says.
type Sections struct {
	// All has one for each name, in the order in which they are written.
	All []Section
	// Unread is set where the annotation is there and can't be read: then it isn't known what any
	// listener or Secret asks for.
	Unread bool
}

// Section has the annotations that count for one listener or Secret, over those of the object.
type Section struct {
	Name string
	// Keys are the annotations by their full keys, as they are written.
	Keys map[string]string
	// Unread is set where one of them can't be read.
	Unread bool
}

// Names are those of all sections.
func (s Sections) Names() []string {
	names := make([]string, len(s.All))
	for i, section := range s.All {
		names[i] = section.Name
	}
	return names
}

// Of returns the section of that name, nil for none.
func (s Sections) Of(name string) *Section {
	for i := range s.All {
		if s.All[i].Name == name {
			return &s.All[i]
		}
	}
	return nil
}

// MayNameIssuer reports whether any section names an issuer, or may do so where it can't be read.
func (s Sections) MayNameIssuer() bool {
	return s.Unread || slices.ContainsFunc(s.All, func(section Section) bool { return section.Unread || NamesIssuer(section.Keys) })
}

// NamesIssuer reports whether the section names an issuer.
func (s *Section) NamesIssuer() bool { return NamesIssuer(s.Keys) }

// SectionPath is the place of a section, or with a key of its annotation, in problems.
func SectionPath(section, key string) string {
	path := "metadata.annotations[" + SectionsKey + "][" + problem.Name(section) + "]"
	if key == "" {
		return path
	}
	return path + "[" + problem.Name(key) + "]"
}

// Over returns the annotations that count for the section, or without any section for nil: its own, and
// those of the object that it doesn't have. Issuer keys count together: with its own, a section has
// none of the object's. Two sections agree if the result is the same.
func (s *Section) Over(own map[string]string) map[string]string {
	out := maps.Clone(own)
	if out == nil {
		out = map[string]string{}
	}
	delete(out, SectionsKey)
	if s == nil {
		return out
	}
	if s.NamesIssuer() {
		for _, key := range issuerKeys() {
			delete(out, key)
		}
	}
	maps.Copy(out, s.Keys)
	return out
}

// ParseSection reads the annotations that count for a section, as Parse does. The problems are those
// that Parse hasn't found for the object already: told are these.
func (p *Parser) ParseSection(section *Section, own map[string]string, told problem.List) (Request, problem.List) {
	request, problems := p.Parse(section.Over(own))
	known := told.All()
	var out problem.List
	for _, found := range problems.All() {
		_, here := section.Keys[found.Key]
		if !here && slices.Contains(known, found) {
			continue
		}
		if here {
			found.Path = SectionPath(section.Name, found.Key)
		}
		found.Message = "for " + problem.Quote(section.Name) + ": " + found.Message
		out.Add(found)
	}
	return request, out
}

// sectionsValue reads the annotation certshim.io/sections.
func sectionsValue(r *reading, value string) {
	p := r.parser
	r.request.Sections.Unread = false
	tables, err := declaration.ReadTables(value, maxSections)
	if length := p.lengthOf(r.in); err == nil && length*len(tables) > maxSectionsRead {
		err = declaration.Mistake{Line: 1, Err: fmt.Errorf("%d names, each over annotations of %d bytes, must be together at most %d: put long lists into the sections that need them",
			len(tables), length, maxSectionsRead)}
	}
	if err != nil {
		r.request.Sections.Unread = true
		path := "metadata.annotations[" + SectionsKey + "]"
		var at declaration.Mistake
		if errors.As(err, &at) && at.Path != "" {
			path = SectionPath(at.Path, "")
		}
		r.wrongSection(path, value, p.mistakeIn(err))
		return
	}
	names := p.sectionKeys()
	for _, table := range tables {
		r.request.Sections.All = append(r.request.Sections.All, p.section(r, table, names))
	}
}

// lengthOf is how much of annotations is read for a section, before any of its own.
func (p *Parser) lengthOf(in map[string]string) int {
	length := 0
	for key, value := range in {
		if key != SectionsKey && p.near.known[key] && !TooLong(value) {
			length += len(trim(value))
		}
	}
	return length
}

func (p *Parser) mistakeIn(err error) problem.Problem {
	var at declaration.Mistake
	message := err.Error()
	if errors.As(err, &at) {
		message = fmt.Sprintf("line %d: %s", at.Line, at.Err)
	}
	return problem.Problem{Message: "it can't be read, and nothing is made or changed for this object: " + message, Allowed: sectionsGrammar}
}

func (r *reading) wrongSection(path, value string, p problem.Problem) {
	p.Severity, p.Reason, p.Key, p.Path = problem.Error, problem.BadConfig, SectionsKey, path
	p.Value = shortened(value)
	r.problems.Add(p)
}

// section reads one section. Where anything of it is wrong, none of it counts.
func (p *Parser) section(r *reading, table declaration.Table, known sectionNames) Section {
	section := Section{Name: table.Name, Keys: map[string]string{}}
	wrong := func(key, value string, p problem.Problem) {
		section.Unread = true
		p.Message = "for " + problem.Quote(table.Name) + ": " + p.Message
		r.wrongSection(SectionPath(table.Name, key), value, p)
	}
	for _, mistake := range table.Mistakes[:min(len(table.Mistakes), maxPerKey)] {
		wrong(mistake.Path, mistake.Path, problem.Problem{Message: fmt.Sprintf("line %d: %s", mistake.Line, mistake.Err)})
	}
	section.Unread = len(table.Mistakes) > 0
	said := 0
	for _, written := range table.Keys() {
		key, about := p.fullKey(written, known)
		if _, repeated := section.Keys[key]; about.Message == "" && repeated {
			about = problem.Problem{Message: "the key " + key + " is there twice, in its full and its short form"}
		}
		switch {
		case about.Message == "":
			section.Keys[key] = table.Rows[written]
		case said < maxPerKey:
			said++
			wrong(written, written, about)
		default:
			section.Unread = true
		}
	}
	if issuer := nameless(section.Keys); issuer != "" {
		wrong(issuer, section.Keys[issuer], problem.Problem{
			Message: issuer + " names no issuer, and the issuer keys of a section count together: write " + IssuerKey + " beside it",
		})
	}
	return section
}

// nameless is an issuer key of a section that names no issuer, or "".
func nameless(keys map[string]string) string {
	if NamesIssuer(keys) {
		return ""
	}
	for _, key := range issuerKeys() {
		if _, there := keys[key]; there {
			return key
		}
	}
	return ""
}

// sectionNames are the keys that a section may have by the names for which they stand: their own,
// and the part behind the prefix.
type sectionNames struct {
	keys map[string][]string
	// words are those of the keys, to find the one that is meant.
	words []string
}

func (p *Parser) sectionKeys() sectionNames {
	known := sectionNames{keys: map[string][]string{}}
	for _, row := range p.rows {
		_, short := cutPrefix(row.Key)
		known.keys[short] = append(known.keys[short], row.Key)
		known.keys[row.Key] = []string{row.Key}
		if row.WholeObject == "" && row.Instead == "" {
			known.words = append(known.words, short)
		}
	}
	for _, key := range slices.Concat(p.options.AutoKeys, p.options.ExtraKeys) {
		if !slices.Contains(known.keys[key], key) {
			known.keys[key] = append(known.keys[key], key)
		}
	}
	slices.Sort(known.words)
	return known
}

// fullKey finds the annotation that a key of a section stands for, or says what is wrong with it.
func (p *Parser) fullKey(written string, known sectionNames) (string, problem.Problem) {
	found := known.keys[written]
	switch {
	case len(found) == 0 && p.ForIssuer(written):
		return written, problem.Problem{}
	case len(found) == 0:
		near := declaration.Nearest(written, known.words)
		if near == "" {
			_, near = cutPrefix(p.near.nearest(written))
		}
		return "", problem.Problem{Message: "unknown key", Suggestion: near}
	case len(found) > 1:
		return "", problem.Problem{Message: "this may be any of " + strings.Join(found, ", ") + ": write the whole key"}
	}
	key := found[0]
	if slices.Contains(p.options.AutoKeys, key) {
		return "", problem.Problem{Message: key + " is for the whole object: name the issuer"}
	}
	for _, row := range p.rows {
		switch {
		case row.Key != key:
		case row.WholeObject != "":
			return "", problem.Problem{Message: key + " is for the whole object: " + row.WholeObject}
		case row.Instead != "" && !p.isExtra(key):
			return "", problem.Problem{Message: key + " has no effect here: " + row.Instead}
		}
	}
	return key, problem.Problem{}
}
