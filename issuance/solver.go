package issuance

import (
	"fmt"
	"strings"

	"github.com/certshim/certshim/problem"
)

// takes says whether a solver is for a name of an Order, and if not, why.
func (s Solver) takes(name string, labels map[string]string) (why string, takes bool) {
	wildcard := strings.HasPrefix(name, "*.")
	switch {
	case wildcard && !s.DNS01:
		return "a wildcard needs DNS-01", false
	case !s.hasLabels(labels):
		return "its matchLabels aren't on the Certificate", false
	case len(s.Names) > 0 && !contains(s.Names, name):
		return "its dnsNames are " + list(s.Names), false
	case len(s.Zones) > 0 && !inZone(s.Zones, name):
		return "its dnsZones are " + list(s.Zones), false
	}
	return "", true
}

func (s Solver) hasLabels(labels map[string]string) bool {
	for key, value := range s.Labels {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// kind is the type of challenge that a solver solves.
func (s Solver) kind() string {
	switch {
	case s.DNS01:
		return "DNS-01"
	case s.HTTP01:
		return "HTTP-01"
	}
	return "no type"
}

func contains(names []string, name string) bool {
	for _, one := range names {
		if strings.EqualFold(one, name) {
			return true
		}
	}
	return false
}

// inZone says whether a name is one of the zones or below one.
func inZone(zones []string, name string) bool {
	name = strings.ToLower(name)
	for _, zone := range zones {
		zone = strings.ToLower(zone)
		if name == zone || zone != "" && strings.HasSuffix(name, "."+zone) {
			return true
		}
	}
	return false
}

// unsolved are the names of an Order for which an issuer has no solver, each with what every
// solver says.
func (w *walk) unsolved(o Order) (names, why []string) {
	if w.Issuer == nil || !w.Issuer.ACME {
		return nil, nil
	}
	for _, name := range o.Names {
		var refusals []string
		solved := false
		for n, solver := range w.Issuer.Solvers {
			reason, takes := solver.takes(name, o.Labels)
			solved = solved || takes
			refusals = append(refusals, fmt.Sprintf("solver %d, %s: %s", n+1, solver.kind(), reason))
		}
		if solved {
			continue
		}
		if len(refusals) == 0 {
			refusals = []string{"the issuer has no solvers"}
		}
		names = append(names, name)
		why = append(why, problem.Name(name)+": "+strings.Join(refusals[:min(len(refusals), 10)], "; "))
	}
	return names, why[:min(len(why), 10)]
}
