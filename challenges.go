package certshim

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/names"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/routes"
	"github.com/certshim/certshim/source"
)

// tellChallenges says where no listener takes the routes by which the issuer proves names over HTTP. They
// attach to the source, and come from the namespace of the Certificate.
func (s *secrets) tellChallenges(d *secretDecision, ask source.Ask) {
	if !d.issuer.finding.ProvesByRoute || d.decision.Action == certificate.Refuse || !s.answersChallenges(d.at) {
		return
	}
	at, listeners := overHTTP(routes.ListenersOf(s.object))
	if at < 0 {
		s.sayUnanswered(d, pathOf(ask), problem.Info, provable(ask.Hosts), "it has no listener of protocol HTTP, and nothing answers unless something else sends requests to port 80 on to another listener")
		return
	}
	var none, refused []string
	said := s.verdictsOnChallenges(d, listeners, ask.Hosts)
	for _, host := range provable(ask.Hosts) {
		switch verdict, offered := said[names.DNS(host)]; {
		case !offered:
			none = append(none, host)
		case verdict == routes.Forbidden:
			refused = append(refused, host)
		}
	}
	path := s.object.Entries[at].Path
	s.sayUnanswered(d, path+".hostname", problem.Info, none, "no listener of protocol HTTP has the hostname")
	s.sayUnanswered(d, path+".allowedRoutes", problem.Warning, refused, "no listener of protocol HTTP admits HTTPRoutes of the namespace "+problem.Name(d.at.Namespace))
}

// answersChallenges reports whether routes of challenges attach to the source itself.
func (s *secrets) answersChallenges(at types.NamespacedName) bool {
	parent := s.kind.SolverParent(s.object, s.asked.termsOf(at).request.ACME.ParentRefFallback)
	return parent != nil && s.kind.HasRoutes() && parent.Kind == s.object.Kind && parent.Name == s.object.Name && parent.Namespace == ""
}

// overHTTP are the listeners to which requests to port 80 may come, and the place of the first, -1 for none. Where one
// has this port, it is those that have it; else their port may be another one outside of the cluster.
func overHTTP(all []routes.Listener) (first int, found []routes.Listener) {
	isHTTP := func(l routes.Listener) bool { return l.Protocol == "HTTP" }
	isPlain := func(l routes.Listener) bool { return isHTTP(l) && l.Port == 80 }
	if first = slices.IndexFunc(all, isPlain); first < 0 {
		return slices.IndexFunc(all, isHTTP), slices.DeleteFunc(all, func(l routes.Listener) bool { return !isHTTP(l) })
	}
	return first, slices.DeleteFunc(all, func(l routes.Listener) bool { return !isPlain(l) })
}

// verdictsOnChallenges has what the listeners say of a challenge's route for each host, none where no listener has it.
func (s *secrets) verdictsOnChallenges(d *secretDecision, listeners []routes.Listener, hosts []string) map[string]routes.Verdict {
	to := routes.Parents{Kind: s.object.GroupKind(), Namespace: s.object.Namespace, Name: s.object.Name, Listeners: listeners, Labels: s.labelsOf}
	route := routes.Route{
		Kind: routes.HTTPRoute, Namespace: d.at.Namespace, Hostnames: hosts,
		Parents: []routes.Parent{{Kind: to.Kind, Namespace: to.Namespace, Name: to.Name}},
	}
	said := map[string]routes.Verdict{}
	for _, offers := range routes.Gather(to, []routes.Route{route}) {
		for _, o := range offers {
			said[names.DNS(o.Name)] = max(said[names.DNS(o.Name)], o.Verdict)
		}
	}
	return said
}

// provable are the hosts that can be proved over HTTP by a route that has them.
func provable(hosts []string) []string {
	return slices.DeleteFunc(slices.Clone(hosts), func(host string) bool { return strings.HasPrefix(host, "*") || names.IsIP(host) })
}

func (s *secrets) sayUnanswered(d *secretDecision, path string, severity problem.Severity, hosts []string, why string) {
	if len(hosts) == 0 {
		return
	}
	list := strings.Join(hosts[:min(len(hosts), shown)], ", ")
	if len(hosts) > shown {
		list += ", …"
	}
	if s.object.Parent != nil {
		why += `; with the annotation acme.cert-manager.io/http01-parentreffallback: "true" they attach to the Gateway`
	}
	d.problems.Add(problem.Problem{
		Severity: severity, Path: path, Value: hosts[0], Reason: problem.ChallengeUnanswered,
		Message: fmt.Sprintf("the issuer proves %s over HTTP, by routes that attach to this %s: %s", list, s.object.Kind, why),
	})
}
