package app

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
)

// reissuesBy is what one issuer is to sign anew.
type reissuesBy struct {
	Group string `json:"group"`
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	// Certificates that are signed anew. Unknown may be, Paced go one after another, at
	// takeover.changesPerMinute, and Held wait until that is raised.
	Certificates int `json:"certificates"`
	Unknown      int `json:"unknown,omitempty"`
	Paced        int `json:"paced,omitempty"`
	Held         int `json:"held,omitempty"`
}

// reissues are those of a plan by issuer.
type reissues map[resolver.Ref]*reissuesBy

func (r reissues) add(c certificate.Decision, issuer resolver.Issuer) {
	held := c.Reason.Cause == certificate.CauseChangesHeld
	if !held && (c.Action != certificate.Apply || c.Reissue == certificate.ReissueNo) {
		return
	}
	by := r[issuer.Ref]
	if by == nil {
		by = &reissuesBy{Group: issuer.Group, Kind: issuer.Kind, Name: issuer.Name}
		r[issuer.Ref] = by
	}
	switch {
	case held:
		by.Held++
	case c.Reissue == certificate.ReissueYes:
		by.Certificates++
	default:
		by.Unknown++
	}
	if c.Paced || c.Continues {
		by.Paced++
	}
}

// sorted begins with the issuer that has most to sign.
func (r reissues) sorted() []reissuesBy {
	var all []reissuesBy
	for _, by := range r {
		all = append(all, *by)
	}
	slices.SortFunc(all, func(a, b reissuesBy) int {
		return cmp.Or(b.Certificates-a.Certificates, cmp.Compare(a.Group, b.Group), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// line says it in words, empty if there is nothing to say.
func (r reissues) line(perMinute int) string {
	var parts []string
	paced := 0
	for _, by := range r.sorted() {
		text := fmt.Sprintf("%s %d", issuerCell(resolver.Issuer{Ref: resolver.Ref{Group: by.Group, Kind: by.Kind, Name: by.Name}}), by.Certificates)
		if by.Unknown > 0 {
			text += fmt.Sprintf(" and perhaps %d more", by.Unknown)
		}
		if by.Held > 0 {
			text += fmt.Sprintf(", %d held", by.Held)
		}
		parts = append(parts, text)
		paced += by.Paced
	}
	if len(parts) == 0 {
		return ""
	}
	line := "new certificates by issuer: " + strings.Join(parts, "; ")
	if paced > 0 && perMinute > 0 {
		line += fmt.Sprintf("; %d of them at takeover.changesPerMinute, which is %d", paced, perMinute)
	}
	return line
}
