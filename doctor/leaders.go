package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/certshim/certshim/problem"
)

// CertManagerLease is the name of the Lease of cert-manager's controllers, in whichever namespace.
const CertManagerLease = "cert-manager-controller"

// whatIsRead helps where something may not be read.
const whatIsRead = "see whether your account may read it: docs/permissions.md#what-doctor-reads"

// notLabelled is why nothing is known of cert-manager's controller, and labelIt helps.
const (
	notLabelled = "none of its Deployments is labelled as the controller"
	labelIt     = "label that one app.kubernetes.io/component=controller, as cert-manager's chart does"
)

// nameCertManager helps where another cert-manager is meant.
const nameCertManager = "if it runs in another namespace, name that by --cert-manager-namespace: kubectl get deployments -A -l app.kubernetes.io/name=cert-manager"

// certManagerLeader goes by the Leases of cert-manager's controllers. A holder that isn't of the Deployment that was
// looked at is another controller, of whose shims nothing is known.
func certManagerLeader(seen *Seen) []Finding {
	const what = "who leads cert-manager"
	held := seen.heldLeases()
	controller, found := seen.certManagerController()
	switch {
	case seen.CertManagerLeases.Why != "":
		return unread(what, seen.CertManagerLeases.Why, whatIsRead)
	case found && controller.Unread != "":
		return unread(what, controller.Unread, whatIsRead)
	case !found && len(held) == 0:
		return unread(what, "no Deployment of cert-manager's controller is in namespace "+seen.CertManagerNamespace, nameCertManager)
	}
	var all []Finding
	if found {
		all = seen.ownLeader(controller, held)
	}
	for _, lease := range held {
		if !found || !controller.LeaderElection || lease.Name != controller.lease() {
			all = append(all, Finding{Level: Warning, Help: nameCertManager, Text: fmt.Sprintf(
				"%s leads another cert-manager, by Lease %s: nothing is known of its shims", problem.Quote(lease.Holder), lease.Name)})
		}
	}
	return all
}

// heldLeases are the Leases of cert-manager's controllers that are renewed.
func (s *Seen) heldLeases() []Lease {
	return slices.DeleteFunc(slices.Clone(s.CertManagerLeases.Value), func(l Lease) bool { return !l.Held })
}

// lease is NAMESPACE/NAME of the Lease of cert-manager's controller.
func (d Deployment) lease() string { return d.LeaseNamespace + "/" + CertManagerLease }

// ownLeader judges the Lease of the controller that was looked at.
func (s *Seen) ownLeader(controller Deployment, held []Lease) []Finding {
	if !controller.LeaderElection {
		return fine("cert-manager's controller works without leader election")
	}
	at := slices.IndexFunc(held, func(l Lease) bool { return l.Name == controller.lease() })
	if at < 0 {
		return one(Error, "nobody renews Lease "+controller.lease()+": cert-manager signs nothing",
			"see the log: kubectl logs -n "+s.CertManagerNamespace+" deployment/"+controller.Name)
	}
	holder := held[at].Holder
	isOfHost := func(host string) bool { return strings.HasPrefix(holder, host+"-external-") }
	switch {
	case controller.Hosts.Why != "":
		return unread("whether "+problem.Quote(holder)+", which holds Lease "+controller.lease()+", is one of cert-manager's Pods", controller.Hosts.Why, whatIsRead)
	case !slices.ContainsFunc(controller.Hosts.Value, isOfHost):
		return one(Warning, fmt.Sprintf("%s, which holds Lease %s, is none of the Pods of Deployment %s/%s: nothing is known of its shims",
			problem.Quote(holder), controller.lease(), s.CertManagerNamespace, controller.Name), nameCertManager)
	}
	return fine(problem.Quote(holder) + " leads cert-manager")
}

func leader(seen *Seen) []Finding {
	if finding := notInstalled(seen, "who leads"); finding != nil {
		return finding
	}
	i := seen.Installation.Value
	lease := i.Lease.Value
	switch {
	case !i.LeaderElection && i.Wanted > 1:
		return one(Error, fmt.Sprintf("%d replicas run without leader election, and all of them write", i.Wanted), "switch leaderElection on, or have one replica")
	case !i.LeaderElection:
		return fine("leader election is off, and there is one replica")
	case i.Lease.Why != "":
		return unread("who leads", i.Lease.Why, whatIsRead)
	case lease == nil:
		return one(Error, "there is no Lease: no replica has ever led", "see the log: kubectl logs -n "+seen.ReleaseNamespace+" deployment/"+i.Name)
	case !lease.Held:
		return one(Error, "nobody renews Lease "+lease.Name+", last held by "+problem.Quote(lease.Holder)+": nothing is written", "see the log: kubectl logs -n "+seen.ReleaseNamespace+" deployment/"+i.Name)
	}
	if i.Pods.Why != "" {
		return unread("whether "+problem.Quote(lease.Holder)+", which holds Lease "+lease.Name+", is one of its Pods", i.Pods.Why, whatIsRead)
	}
	isOfPod := func(pod Pod) bool { return strings.HasPrefix(lease.Holder, pod.Host+"_") }
	if !slices.ContainsFunc(i.Pods.Value, isOfPod) {
		return one(Error, "Lease "+lease.Name+" is held by "+problem.Quote(lease.Holder)+", which is none of the Deployment's Pods", "find the other certshim, and stop it or give it a Lease of its own")
	}
	return fine(problem.Quote(lease.Holder) + " leads")
}
