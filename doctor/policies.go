package doctor

import (
	"fmt"
	"strings"
)

// policies judges the admission policies, which are optional, by what the cluster says of them.
func policies(seen *Seen) []Finding {
	if seen.Policies.Why != "" {
		return unread("whether there are admission policies of certshim's", seen.Policies.Why, whatIsRead)
	}
	var all []Finding
	var names []string
	for _, p := range seen.Policies.Value {
		names = append(names, p.Name)
		switch {
		case len(p.Mistakes) > 0:
			all = append(all, Finding{
				Level: Warning, Text: fmt.Sprintf("expressions of ValidatingAdmissionPolicy %s don't fit the types of this cluster: %s", p.Name, p.Mistakes[0]),
				Help: "apply that of this version: docs/admission.md",
			})
		case !p.Checked:
			all = append(all, unread("whether the expressions of ValidatingAdmissionPolicy "+p.Name+" fit the types of this cluster", "it hasn't been checked, which kube-controller-manager does", "see whether that runs, and ask again in a minute")...)
		}
		if !p.Bound {
			all = append(all, Finding{Level: Warning, Text: "ValidatingAdmissionPolicy " + p.Name + " has no binding, so that it does nothing", Help: "apply its binding, too: docs/admission.md"})
		}
	}
	switch {
	case all != nil:
		return all
	case len(names) == 0:
		return fine("certshim has no admission policies here; they are optional")
	}
	return fine("in effect, and fit for this cluster: " + strings.Join(names, ", "))
}
