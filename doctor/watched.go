package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/certshim/certshim/problem"
)

// kindsWatched compares what each Pod says that it watches with what the cluster serves and the configuration wants.
func kindsWatched(seen *Seen) []Finding {
	pods, unknown := seen.pods("what its Pods watch")
	if unknown != nil {
		return unknown
	}
	var all []Finding
	if seen.Assumed != "" {
		all = unread("whether its Pods watch what the configuration wants", seen.Assumed, giveConfiguration)
	}
	wanted := seen.wanted()
	for _, pod := range pods {
		all = append(all, pod.watches(wanted, seen.Withheld)...)
	}
	if all != nil {
		return all
	}
	return fine(count(len(pods), "Pod") + " watching " + strings.Join(wanted, ", "))
}

// wanted are Certificates, and the resources of sources that the cluster serves and the configuration wants, if it is known.
func (s *Seen) wanted() []string {
	wanted := []string{"certificates.cert-manager.io"}
	if s.Assumed != "" {
		return wanted
	}
	for _, kind := range s.Kinds {
		if kind.Served && !kind.Off {
			wanted = append(wanted, kind.Resource)
		}
	}
	return wanted
}

// watches says what a Pod lacks of what is wanted, and what it may not read of all that it watches, but for what is withheld.
func (p Pod) watches(wanted, withheld []string) []Finding {
	if p.Metrics.Why != "" {
		return unread("what Pod "+problem.Name(p.Name)+" watches", p.Metrics.Why, whatIsRead)
	}
	var blind, forbidden, failing, reading []string
	missing := slices.Clone(wanted)
	for _, w := range p.Metrics.Value.Watched {
		missing = slices.DeleteFunc(missing, func(resource string) bool { return resource == w.Resource })
		switch {
		case w.Forbidden && slices.Contains(wanted, w.Resource):
			blind = append(blind, w.Resource)
		case w.Forbidden && slices.Contains(withheld, w.Resource):
		case w.Forbidden:
			forbidden = append(forbidden, w.Resource)
		case w.Failing:
			failing = append(failing, w.Resource)
		case !w.Synced:
			reading = append(reading, w.Resource)
		}
	}
	var all []Finding
	add := func(level Level, resources []string, format, help string) {
		if len(resources) > 0 {
			all = append(all, Finding{Level: level, Text: fmt.Sprintf("Pod %s "+format, problem.Name(p.Name), strings.Join(resources, ", ")), Help: help})
		}
	}
	add(Error, missing, "doesn't watch %s, which the cluster serves", "see its log; a new kind is noticed within a minute")
	add(Error, blind, "may not list or watch %s", applyAgain)
	add(Warning, forbidden, "may not list or watch %s", applyAgain)
	add(Warning, failing, "can't follow %s now: lists or watches fail", "see its log if it stays so")
	add(Warning, reading, "hasn't read all of %s yet", "see its log if it stays so")
	return all
}
