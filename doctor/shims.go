package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// IngressShim, GatewayShim and ListenerSetShim are cert-manager's names of its shims.
const (
	IngressShim     = "ingress-shim"
	GatewayShim     = "gateway-shim"
	ListenerSetShim = "listenerset"
)

// shimsOff goes by the flags of cert-manager's controller. The shims of Gateways run only with the Gateway API.
func shimsOff(seen *Seen) []Finding {
	if finding := noCertManager(seen, "whether cert-manager's shims are off"); finding != nil {
		return finding
	}
	controller, found := seen.certManagerController()
	switch {
	case !found:
		return unread("whether cert-manager's shims are off", notLabelled, labelIt)
	case controller.Unread != "":
		return unread("whether cert-manager's shims are off", controller.Unread, whatIsRead)
	}
	var on []string
	for _, kind := range seen.Kinds {
		if kind.Shim != "" && !kind.Off && !slices.Contains(on, kind.Shim) && controller.runs(kind.Shim) {
			on = append(on, kind.Shim)
		}
	}
	if len(on) == 0 {
		return fine("cert-manager's controller runs none of its shims for the kinds that certshim serves")
	}
	level := Error
	if seen.Pre {
		level = Warning
	}
	return one(level, fmt.Sprintf("cert-manager's controller runs %s: both would write the same Certificates", strings.Join(on, ", ")),
		"give Deployment "+seen.CertManagerNamespace+"/"+controller.Name+" the flag --controllers="+strings.Join(controller.without(on), ","))
}

// runs says whether the controller runs a shim: by its name, or by "*", which is all that aren't taken out.
func (d Deployment) runs(shim string) bool {
	switch {
	case shim != IngressShim && !d.GatewayAPI, shim == ListenerSetShim && !d.ListenerSets:
		return false
	case slices.Contains(d.Controllers, "-"+shim):
		return false
	case slices.Contains(d.Controllers, shim):
		return true
	}
	return len(d.Controllers) == 0 || slices.Contains(d.Controllers, "*")
}

// without is the list of controllers that leaves shims out.
func (d Deployment) without(shims []string) []string {
	list := slices.DeleteFunc(slices.Clone(d.Controllers), func(name string) bool { return slices.Contains(shims, name) })
	if len(list) == 0 {
		list = []string{"*"}
	}
	if slices.Contains(list, "*") {
		for _, shim := range shims {
			list = append(list, "-"+shim)
		}
	}
	return list
}

// shimsQuiet goes by the field managers of Certificates: what certshim and a shim both write, and when each shim wrote last.
func shimsQuiet(seen *Seen) (all []Finding) {
	if seen.ShimWrites.Why != "" {
		all = unread("which Certificates cert-manager's shims have written", seen.ShimWrites.Why, whatIsRead)
	}
	for _, w := range seen.ShimWrites.Value {
		all = append(all, seen.judgeShim(w)...)
	}
	if !seen.Pre {
		all = append(all, seen.shared()...)
	}
	switch {
	case all != nil:
		return all
	case len(seen.ShimWrites.Value) == 0:
		return fine("no Certificate has an entry of cert-manager's shims in managedFields")
	}
	return fine("cert-manager's shims have written nothing since its controller took the lead, which doesn't run them")
}

// shared tells of Certificates that both write.
func (s *Seen) shared() []Finding {
	const switchOff = "switch it off: docs/migrate.md"
	found := s.Plan.Value.Shared
	switch {
	case s.Plan.Why != "":
		return unread("whether a shim of cert-manager's writes what certshim writes", s.Plan.Why, whatIsRead)
	case found.Number > 0:
		return one(Error, fmt.Sprintf("a shim of cert-manager's has written %s that certshim writes, such as %s", count(found.Number, "Certificate"), found.Example), switchOff)
	}
	return nil
}

// judgeShim says whether a shim that has written may still write. Shims run in the controller that leads: what was written after it took the
// lead is another controller's work, if it doesn't run that shim itself.
func (s *Seen) judgeShim(w ShimWrites) []Finding {
	told := fmt.Sprintf("%s has written %s, last %s at %s", w.Shim, count(w.Certificates, "Certificate"), w.Example, w.Last.UTC().Format(time.RFC3339))
	controller, since, why := s.shimsSince()
	switch {
	case why != "":
		return unread("whether "+w.Shim+" still writes", told+", and "+why, nameCertManager)
	case controller.runs(w.Shim):
		return one(Note, told, "")
	case since.IsZero():
		return unread("whether "+w.Shim+" still writes", told+", and it isn't known since when cert-manager's controller works, which doesn't run it",
			"compare with the start of its Pods: kubectl get pods -n "+s.CertManagerNamespace)
	case !w.Last.After(since):
		return nil
	}
	level := Error
	if s.Pre {
		level = Warning
	}
	return one(level, told+", after cert-manager's controller took the lead, which doesn't run it: another cert-manager does",
		"find it by kubectl get deployments -A -l app.kubernetes.io/component=controller, and by kubectl get lease -A | grep "+CertManagerLease)
}

// shimsSince is cert-manager's controller, and when it took the lead, which is zero without leader election; or why that isn't known.
func (s *Seen) shimsSince() (controller Deployment, since time.Time, why string) {
	controller, found := s.certManagerController()
	switch {
	case s.CertManager.Why != "":
		return controller, since, s.CertManager.Why
	case !found:
		return controller, since, "no Deployment of cert-manager's controller is in namespace " + s.CertManagerNamespace
	case controller.Unread != "":
		return controller, since, controller.Unread
	case s.CertManagerLeases.Why != "":
		return controller, since, s.CertManagerLeases.Why
	}
	held := s.heldLeases()
	if leads := s.ownLeader(controller, held)[0]; leads.Level != OK {
		return controller, since, leads.Text
	}
	for _, lease := range held {
		if controller.LeaderElection && lease.Name == controller.lease() {
			since = lease.Acquired
		}
	}
	return controller, since, ""
}
