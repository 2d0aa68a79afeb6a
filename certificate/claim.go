package certificate

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"
	"sort"
	"strings"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/names"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// Claim is what a source asks for of a Secret: the part that matters to other sources of the same
// Secret. It is comparable, and keeps no memory of the source alive.
type Claim struct {
	// Stands is set unless the source would be refused even if it were the only one that asks for
	// the Secret.
	Stands bool
	// Known is set if it is known which names the source asks for.
	Known bool
	// Issuer of its Certificate; without a name where that isn't known.
	Issuer resolver.Ref
	// names has a hash for each name: of its kind, and its form as of package names.
	names nameSet
}

// nameSet has the sorted hashes of the lines of names, eight bytes each: a name may take hundreds.
type nameSet string

const hashSize = 8

func newNameSet(s sans) nameSet {
	var hashes []uint64
	for line := range s.lines() {
		hashes = append(hashes, maphash.String(seed, line))
	}
	slices.Sort(hashes)
	set := make([]byte, 0, len(hashes)*hashSize)
	for _, hash := range hashes {
		set = binary.BigEndian.AppendUint64(set, hash)
	}
	return nameSet(set)
}

func (s nameSet) has(line string) bool {
	hash := string(binary.BigEndian.AppendUint64(nil, maphash.String(seed, line)))
	at := func(i int) string { return string(s[i*hashSize : (i+1)*hashSize]) }
	_, found := sort.Find(len(s)/hashSize, func(i int) int { return strings.Compare(hash, at(i)) })
	return found
}

// Rival is another source of a Secret, and what it asks for of it.
type Rival struct {
	Source source.Ref
	Claim  Claim
}

// NewClaim returns the claim of a source that asks for a Secret with these annotations. The
// caller sets what else is known.
func NewClaim(ask source.Ask, request annotations.Request, issuer resolver.Ref) Claim {
	return Claim{
		Known: true, names: newNameSet(sansOf(ask.Hosts, request)),
		Issuer: resolver.Ref{Group: strings.Clone(issuer.Group), Kind: strings.Clone(issuer.Kind), Name: strings.Clone(issuer.Name)},
	}
}

// The kinds of names, as they begin a line.
const (
	dnsLine   = "d "
	ipLine    = "i "
	uriLine   = "u "
	emailLine = "e "
)

// lines gives each name as a line, of its kind and the form in which equal names are equal, and as
// it is written.
func (s sans) lines() iter.Seq2[string, string] {
	return func(yield func(line, name string) bool) {
		for _, kind := range []struct {
			begin string
			form  names.Form
			names []string
		}{
			{dnsLine, names.DNS, s.dns}, {ipLine, names.IP, s.ips}, {uriLine, names.URI, s.uris}, {emailLine, names.Email, s.emails},
		} {
			for _, name := range kind.names {
				if !yield(kind.begin+kind.form(name), name) {
					return
				}
			}
		}
	}
}

// lacks returns the asked names, as they are written, that a certificate for the claim wouldn't
// cover. A wildcard covers the DNS names one label below it.
func (c Claim) lacks(asked sans) []string {
	var lacking []string
	for line, name := range asked.lines() {
		if !c.names.has(line) && !c.names.has(wildcardAbove(line)) {
			lacking = append(lacking, name)
		}
	}
	return lacking
}

// wildcardAbove returns the line of the wildcard that covers a DNS name, or the line itself.
func wildcardAbove(line string) string {
	name, isDNS := strings.CutPrefix(line, dnsLine)
	if wildcard := names.Wildcard(name); isDNS && wildcard != "" {
		return dnsLine + wildcard
	}
	return line
}

// addShared reports that another source has the Secret. It is an error if the certificate lacks a
// name, a warning if it is from another issuer or if that can't be known, and information
// otherwise. The report is the same before and after the Certificate is made.
func (d *decider) addShared(rival Rival) {
	why := fmt.Sprintf("%s comes first for Secret %s", d.inWords(rival.Source), d.in.Ask.Secret)
	other := rival.Claim
	lacking := other.lacks(sansOf(d.in.Ask.Hosts, d.in.Request))
	switch {
	case !other.Known:
		d.addProblem(problem.Warning, problem.SecretTaken, why+"; what it asks for can't be known now")
		return
	case len(lacking) > 0:
		d.addProblem(problem.Error, problem.SecretTaken, why+"; its certificate lacks "+firstOf(lacking))
	}
	switch mine := d.in.Issuer.Ref; {
	case other.Issuer.Name == "":
		d.addProblem(problem.Warning, problem.SecretTaken, why+"; its issuer can't be known now")
	case other.Issuer != mine:
		d.addProblem(problem.Warning, problem.SecretTaken, why+"; its certificate is of "+issuerText(other.Issuer)+", not of "+issuerText(mine))
	case len(lacking) > 0:
	case d.isIncomplete():
		d.addProblem(problem.Warning, problem.SecretTaken, why+"; some names here can't be read, so it isn't known whether its certificate has them all")
	default:
		d.addProblem(problem.Info, problem.SecretShared, why+"; its certificate has all names of this object, from the same issuer")
	}
}

// isIncomplete reports whether the source means to ask for more than can be read.
func (d *decider) isIncomplete() bool {
	return len(d.in.Ask.Hosts) == 0 || len(d.in.Ask.Broken) > 0 || len(d.in.Request.Unread) > 0
}

func issuerText(issuer resolver.Ref) string {
	text := problem.Name(issuer.Kind) + " " + problem.Name(issuer.Name)
	if issuer.Group != group {
		text += " of group " + problem.Name(issuer.Group)
	}
	return text
}

// firstOf shows the first few of a list, as an Event is short.
func firstOf(list []string) string {
	const most = 5
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}
