package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/certshim/certshim/problem"
)

func installation(seen *Seen) []Finding {
	switch {
	case seen.Installation.Why != "":
		return unread("whether certshim is installed", seen.Installation.Why, whatIsRead)
	case seen.Installation.Value == nil:
		return one(Error, "there is no Deployment of certshim in namespace "+seen.ReleaseNamespace, "if it runs in another namespace, name that by --release-namespace: kubectl get deployments -A -l app.kubernetes.io/name=certshim; before an installation, ask with --pre")
	}
	return fine("Deployment " + seen.ReleaseNamespace + "/" + seen.Installation.Value.Name)
}

// notInstalled says that a check needs an installation; nil if there is one.
func notInstalled(seen *Seen, what string) []Finding {
	if seen.Installation.Value != nil {
		return nil
	}
	if seen.Installation.Why != "" {
		return unread(what, seen.Installation.Why, whatIsRead)
	}
	return unread(what, "certshim isn't installed", "see the check installation")
}

// pods are certshim's, of which there is one at least; or what is said where they aren't known.
func (s *Seen) pods(what string) ([]Pod, []Finding) {
	if finding := notInstalled(s, what); finding != nil {
		return nil, finding
	}
	switch pods := s.Installation.Value.Pods; {
	case pods.Why != "":
		return nil, unread(what, pods.Why, whatIsRead)
	case len(pods.Value) == 0:
		return nil, unread(what, "there are no Pods", "see why there are none: kubectl describe deployment -n "+s.ReleaseNamespace+" "+s.Installation.Value.Name)
	default:
		return pods.Value, nil
	}
}

func ready(seen *Seen) []Finding {
	if finding := notInstalled(seen, "whether its Pods are ready"); finding != nil {
		return finding
	}
	switch i := seen.Installation.Value; {
	case i.Wanted == 0:
		return one(Error, "Deployment "+seen.ReleaseNamespace+"/"+i.Name+" is scaled to 0 replicas", "kubectl scale -n "+seen.ReleaseNamespace+" deployment/"+i.Name+" --replicas=2")
	case i.Ready == 0:
		return one(Error, "none of "+count(i.Wanted, "replica")+" is ready", "kubectl describe pods -n "+seen.ReleaseNamespace+", and their logs")
	case i.Ready < i.Wanted:
		return one(Warning, fmt.Sprintf("%d of %d replicas are ready", i.Ready, i.Wanted), "kubectl describe pods -n "+seen.ReleaseNamespace)
	default:
		return fine(fmt.Sprintf("%d of %d replicas are ready", i.Ready, i.Wanted))
	}
}

func versions(seen *Seen) []Finding {
	pods, unknown := seen.pods("which image its Pods run")
	if unknown != nil {
		return unknown
	}
	images := map[string]bool{}
	for _, pod := range pods {
		images[pod.runs()] = true
	}
	list := strings.Join(slices.Sorted(maps.Keys(images)), ", ")
	if len(images) == 1 {
		return fine("all Pods run " + list)
	}
	return one(Warning, "Pods run different versions: "+list, "wait for the rollout, or see why it doesn't end: kubectl rollout status -n "+seen.ReleaseNamespace+" deployment/"+seen.Installation.Value.Name)
}

// runs is a Pod's image, and the version that its metrics tell.
func (p Pod) runs() string {
	if p.Metrics.Value.Version == "" {
		return p.Image
	}
	return p.Image + " (version " + p.Metrics.Value.Version + ")"
}

func configuration(seen *Seen) []Finding {
	const current = "whether the Pods go by the configuration that is there now"
	pods, all := seen.pods(current)
	i := seen.Installation.Value
	if i == nil {
		return all
	}
	for _, pod := range pods {
		if pod.Started.Before(i.Changed) {
			all = append(all, Finding{
				Level: Warning, Text: fmt.Sprintf("ConfigMap %s/%s has changed since Pod %s started, which still goes by the old configuration", seen.ReleaseNamespace, i.ConfigMap, problem.Name(pod.Name)),
				Help: "kubectl rollout restart -n " + seen.ReleaseNamespace + " deployment/" + i.Name,
			})
		}
	}
	if len(pods) > 0 && seen.Assumed != "" {
		all = append(all, unread(current, seen.Assumed, giveConfiguration)...)
	}
	if seen.Drift.Why != "" {
		all = append(all, unread("whether what runs is the given configuration", seen.Drift.Why, whatIsRead)...)
	}
	if len(seen.Drift.Value) > 0 {
		all = append(all, Finding{Level: Warning, Text: "what runs isn't the given configuration: " + strings.Join(seen.Drift.Value, "; "), Help: "apply the file, or give the one that runs"})
	}
	if all != nil {
		return all
	}
	return fine("the Pods go by the configuration that is there now")
}

// giveConfiguration helps where the one that runs isn't known.
const giveConfiguration = "give it by --config"

// applyAgain helps where a permission is missing. Helm alone leaves a role as it is that somebody edited.
const applyAgain = "apply the installation again: kubectl apply -k deploy/, or helm upgrade with the same values and --force-conflicts; docs/permissions.md has each permission"

func permissions(seen *Seen) []Finding {
	if seen.Account == "" {
		return notInstalled(seen, "whether it has its permissions")
	}
	var all []Finding
	why, unknown := "", 0
	for _, p := range seen.Permissions {
		switch {
		case p.Allowed.Why != "":
			why = p.Allowed.Why
			unknown++
		case !p.Allowed.Value:
			level := Warning
			if p.Essential {
				level = Error
			}
			all = append(all, Finding{Level: level, Text: fmt.Sprintf("%s may not %s: %s", seen.Account, p, p.For), Help: applyAgain})
		}
	}
	if seen.Assumed != "" {
		all = append(all, unread("whether the configuration that runs needs other permissions", seen.Assumed, giveConfiguration)...)
	}
	if unknown > 0 {
		all = append(all, unread(fmt.Sprintf("%d of %d permissions", unknown, len(seen.Permissions)), why, whatIsRead)...)
	}
	if all != nil {
		return all
	}
	return fine(seen.Account + " has all that it needs: " + count(len(seen.Permissions), "permission"))
}

// String is VERB RESOURCE.GROUP, and where.
func (p Permission) String() string {
	text := p.Verb + " " + p.Resource
	if p.Group != "" {
		text += "." + p.Group
	}
	if p.Name != "" {
		text += " " + p.Name
	}
	if p.Namespace != "" {
		text += " in namespace " + p.Namespace
	}
	return text
}

func approval(seen *Seen) []Finding {
	if seen.Signers.Why != "" {
		return unread("whether requests can be approved", seen.Signers.Why, whatIsRead)
	}
	var all []Finding
	for _, signer := range seen.Signers.Value {
		switch {
		case signer.Approve.Why != "":
			all = append(all, unread("whether cert-manager may approve requests to "+signer.Name, signer.Approve.Why,
				"see who approves them: docs/external-issuers.md; "+nameCertManager)...)
		case !signer.Approve.Value:
			all = append(all, Finding{
				Level: Warning, Text: "cert-manager's controller may not approve requests to " + signer.Name + ": without another approver they wait for ever",
				Help: "permit it to approve signers.cert-manager.io " + signer.Name + "/*, or run an approver: docs/external-issuers.md",
			})
		}
	}
	switch {
	case all != nil:
		return all
	case len(seen.Signers.Value) == 0:
		return fine("sources name issuers of cert-manager's alone")
	}
	return fine("cert-manager may approve requests to " + count(len(seen.Signers.Value), "kind") + " of external issuers")
}

// AboutIssuers are the reasons of problems that the check "issuers" tells of.
func AboutIssuers() []problem.Reason {
	return []problem.Reason{problem.IssuerNotFound, problem.IssuerNotReady, problem.IssuerKindNotInstalled}
}

func issuers(seen *Seen) []Finding {
	if seen.Plan.Why != "" {
		return unread("whether issuers are there", seen.Plan.Why, whatIsRead)
	}
	var all []Finding
	for _, reason := range AboutIssuers() {
		if found, is := seen.Plan.Value.Problems[reason]; is {
			all = append(all, Finding{Level: Warning, Text: fmt.Sprintf("%s of %s: %s", reason, count(found.Number, "source"), found.Example), Help: "certshim plan -A lists them all"})
		}
	}
	if all != nil {
		return all
	}
	return fine("the issuers that sources name are there and ready, as far as certshim can see")
}

// plan tells of what other checks don't. What a new installation is to write is no fault.
func plan(seen *Seen) []Finding {
	if seen.Plan.Why != "" {
		return unread("what is left to write", seen.Plan.Why, whatIsRead)
	}
	p := seen.Plan.Value
	var all []Finding
	if seen.Assumed != "" {
		all = unread("what is left to write by the configuration that runs", seen.Assumed, giveConfiguration)
	}
	for _, reason := range slices.Sorted(maps.Keys(p.Problems)) {
		if found := p.Problems[reason]; !slices.Contains(AboutIssuers(), reason) {
			all = append(all, Finding{Level: Warning, Text: fmt.Sprintf("%s of %s: %s", reason, count(found.Number, "source"), found.Example), Help: "certshim plan -A lists them all"})
		}
	}
	switch {
	case p.Writes > 0 && seen.Pre:
		all = append(all, Finding{Level: Note, Text: fmt.Sprintf("certshim would write %s of %s", count(p.Writes, "Certificate"), count(p.Sources, "source")), Help: "certshim plan -A shows them"})
	case p.Writes > 0:
		all = append(all, Finding{Level: Warning, Text: fmt.Sprintf("of %s, %s would be written", count(p.Sources, "source"), count(p.Writes, "Certificate")), Help: "certshim plan -A -o diff shows what differs; certshim explain says why"})
	}
	if all != nil {
		return all
	}
	return fine("nothing is left to write for " + count(p.Sources, "source"))
}
