package doctor_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/certshim/certshim/doctor"
	"github.com/certshim/certshim/problem"
)

const holder = "certshim-0_1"

var started = time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)

// healthy is a cluster in which nothing is wrong.
func healthy() *doctor.Seen {
	return &doctor.Seen{
		Server: doctor.Read[string]{Value: "v1.37.2"}, Certificates: doctor.Read[bool]{Value: true}, Definition: doctor.Read[string]{Value: "v1.21.2"}, CertManagerNamespace: "cert-manager",
		CertManager: doctor.Read[[]doctor.Deployment]{Value: []doctor.Deployment{
			{Name: "cert-manager", Component: "controller", Version: "v1.21.2", Ready: 1, Wanted: 1, Controllers: []string{"*", "-ingress-shim"},
				LeaderElection: true, LeaseNamespace: "kube-system", Hosts: doctor.Read[[]string]{Value: []string{"cert-manager-7d-0"}}},
			{Name: "cert-manager-webhook", Component: "webhook", Version: "v1.21.2", Ready: 2, Wanted: 2},
		}},
		CertManagerLeases: doctor.Read[[]doctor.Lease]{Value: []doctor.Lease{
			{Name: "kube-system/cert-manager-controller", Holder: "cert-manager-7d-0-external-cert-manager-controller", Held: true, Acquired: started},
			{Name: "old/cert-manager-controller", Holder: "gone"},
		}},
		Webhook: doctor.Read[doctor.Webhook]{Value: doctor.Webhook{Found: true, Trusted: true, Service: "cert-manager/webhook", Endpoints: doctor.Read[int]{Value: 1}}},
		DryRun:  &doctor.DryRun{Namespace: "certshim", Wrong: doctor.Read[doctor.Answer]{Value: doctor.Answer{Refusal: "admission webhook \"w\" denied the request", Webhook: true}}},
		Kinds: []doctor.Kind{
			{Name: "Ingress.networking.k8s.io", Resource: "ingresses.networking.k8s.io", Shim: doctor.IngressShim, Served: true},
			{Name: "Gateway.gateway.networking.k8s.io", Shim: doctor.GatewayShim},
			{Name: "ListenerSet.gateway.networking.k8s.io", Shim: doctor.ListenerSetShim},
		},
		ShimWrites:       shimWrote(started),
		Plan:             doctor.Read[doctor.Plan]{Value: doctor.Plan{Sources: 1}},
		ReleaseNamespace: "certshim",
		Installation: doctor.Read[*doctor.Installation]{Value: &doctor.Installation{
			Name: "certshim", Ready: 2, Wanted: 2, LeaderElection: true,
			Pods:      doctor.Read[[]doctor.Pod]{Value: []doctor.Pod{pod("certshim-0"), pod("certshim-1")}},
			Lease:     doctor.Read[*doctor.Lease]{Value: &doctor.Lease{Name: "certshim/certshim", Holder: holder, Held: true}},
			ConfigMap: "certshim", Changed: started.Add(-time.Hour),
		}},
		Account:     "system:serviceaccount:certshim:certshim",
		Permissions: []doctor.Permission{{Verb: "patch", Group: "cert-manager.io", Resource: "certificates", For: "all", Essential: true, Allowed: doctor.Read[bool]{Value: true}}},
		Policies:    doctor.Read[[]doctor.Policy]{Value: []doctor.Policy{{Name: "certshim-annotations", Bound: true, Checked: true}}},
		Signers:     doctor.Read[[]doctor.Signer]{Value: []doctor.Signer{{Name: "awspcaissuers.awspca.cert-manager.io", Approve: doctor.Read[bool]{Value: true}}}},
	}
}

// pod is one that does what it should.
func pod(name string) doctor.Pod {
	return doctor.Pod{Name: name, Host: name, Image: "certshim:1", Started: started, Metrics: doctor.Read[doctor.Metrics]{Value: doctor.Metrics{Version: "v1", Watched: []doctor.Watched{
		{Resource: "ingresses.networking.k8s.io", Synced: true}, {Resource: "issuers.cert-manager.io", Synced: true}, {Resource: "certificates.cert-manager.io", Synced: true},
	}}}}
}

// metricsOf are those of one of the Pods.
func metricsOf(s *doctor.Seen) *doctor.Read[doctor.Metrics] {
	return &installed(s).Pods.Value[1].Metrics
}

func watchedBy(s *doctor.Seen) *[]doctor.Watched { return &metricsOf(s).Value.Watched }

func installed(s *doctor.Seen) *doctor.Installation { return s.Installation.Value }

func controllerOf(s *doctor.Seen) *doctor.Deployment { return &s.CertManager.Value[0] }

// ill is one thing that is wrong, and what is said of it.
type ill struct {
	name string
	with func(*doctor.Seen)
	code string
	want doctor.Level
	text string
}

// shimWrote is what there is of one Certificate of the ingress-shim.
func shimWrote(last time.Time) doctor.Read[[]doctor.ShimWrites] {
	return doctor.Read[[]doctor.ShimWrites]{Value: []doctor.ShimWrites{{Shim: doctor.IngressShim, Certificates: 1, Last: last, Example: "shop/web-tls"}}}
}

// silent is a group that doesn't answer, with kinds that can't be read.
func silent(kinds ...string) doctor.Group {
	return doctor.Group{Versions: []string{"gateway.networking.k8s.io/v1"}, Why: "no endpoints", Kinds: kinds}
}

func withProblem(reason problem.Reason) func(*doctor.Seen) {
	return func(s *doctor.Seen) {
		s.Plan.Value.Problems = map[problem.Reason]doctor.Count{reason: {Number: 2, Example: "Ingress shop/web: wrong"}}
	}
}

func ills() []ill {
	return []ill{
		{"an old API server", func(s *doctor.Seen) { s.Server.Value = "v1.33.9" }, "kubernetes-version", doctor.Warning, "older than"},
		{"a new API server", func(s *doctor.Seen) { s.Server.Value = "v1.38.0" }, "kubernetes-version", doctor.Note, "newer than"},
		{"a strange API server", func(s *doctor.Seen) { s.Server.Value = "dev" }, "kubernetes-version", doctor.Unknown, `"dev"`},
		{"a silent API server", func(s *doctor.Seen) { s.Server.Why = "no answer" }, "kubernetes-version", doctor.Unknown, "no answer"},
		{"no CRD", func(s *doctor.Seen) { s.Certificates.Value = false }, "certificates-served", doctor.Error, "serves no Certificates"},
		{"silent about CRDs", func(s *doctor.Seen) { s.Certificates.Why = "no answer" }, "certificates-served", doctor.Unknown, "no answer"},
		{"old cert-manager", func(s *doctor.Seen) { controllerOf(s).Version = "v1.18.2" }, "cert-manager-version", doctor.Warning, "older than"},
		{"an old CRD", func(s *doctor.Seen) { s.Definition.Value = "v1.19.2" }, "cert-manager-version", doctor.Warning, "of version v1.21.2, and the CRD of Certificates of v1.19.2"},
		{"an old webhook", func(s *doctor.Seen) { s.CertManager.Value[1].Version = "v1.20.3" }, "cert-manager-version", doctor.Warning, "Deployment cert-manager-webhook of v1.20.3"},
		{"CRDs may not be read", func(s *doctor.Seen) { s.Definition.Why = "forbidden" }, "cert-manager-version", doctor.Unknown, "forbidden"},
		{"no cert-manager", func(s *doctor.Seen) { s.CertManager.Value = nil }, "cert-manager-version", doctor.Unknown, "no Deployment of cert-manager"},
		{"cert-manager isn't labelled", func(s *doctor.Seen) { controllerOf(s).Component = "" }, "cert-manager-version", doctor.Unknown, "labelled"},
		{"cert-manager is down", func(s *doctor.Seen) { controllerOf(s).Ready = 0 }, "cert-manager-ready", doctor.Error, "0 of 1"},
		{"cert-manager is scaled down", func(s *doctor.Seen) { controllerOf(s).Ready, controllerOf(s).Wanted = 0, 0 }, "cert-manager-ready", doctor.Error, "0 of 0"},
		{"cert-manager may not be read", func(s *doctor.Seen) { s.CertManager.Why = "forbidden" }, "cert-manager-ready", doctor.Unknown, "forbidden"},
		{"nobody leads cert-manager", func(s *doctor.Seen) { s.CertManagerLeases.Value[0].Held = false }, "cert-manager-leader", doctor.Error, "nobody renews Lease kube-system/cert-manager-controller"},
		{"cert-manager has never led", func(s *doctor.Seen) { s.CertManagerLeases.Value = nil }, "cert-manager-leader", doctor.Error, "nobody renews Lease"},
		{"another cert-manager leads", func(s *doctor.Seen) { controllerOf(s).Hosts.Value = []string{"cert-manager-7d-1"} }, "cert-manager-leader", doctor.Warning, "is none of the Pods of Deployment cert-manager/cert-manager"},
		{"a second cert-manager", func(s *doctor.Seen) { s.CertManagerLeases.Value[1].Held = true }, "cert-manager-leader", doctor.Warning, `"gone" leads another cert-manager, by Lease old/cert-manager-controller`},
		{"a second one beside one without election", func(s *doctor.Seen) { controllerOf(s).LeaderElection = false }, "cert-manager-leader", doctor.Warning, "leads another cert-manager"},
		{"cert-manager is elsewhere", func(s *doctor.Seen) { s.CertManager.Value = nil }, "cert-manager-leader", doctor.Warning, "nothing is known of its shims"},
		{"no cert-manager leads", func(s *doctor.Seen) { s.CertManager.Value, s.CertManagerLeases.Value = nil, nil }, "cert-manager-leader", doctor.Unknown, "no Deployment of cert-manager's controller"},
		{"Leases may not be read", func(s *doctor.Seen) { s.CertManagerLeases.Why = "forbidden" }, "cert-manager-leader", doctor.Unknown, "forbidden"},
		{"cert-manager's Pods may not be read", func(s *doctor.Seen) { controllerOf(s).Hosts = doctor.Read[[]string]{Why: "forbidden"} }, "cert-manager-leader", doctor.Unknown, "is one of cert-manager's Pods"},
		{"where cert-manager elects isn't known", func(s *doctor.Seen) { controllerOf(s).Unread = "no ConfigMap" }, "cert-manager-leader", doctor.Unknown, "no ConfigMap"},
		{"no webhook", func(s *doctor.Seen) { s.Webhook.Value = doctor.Webhook{} }, "webhook-ready", doctor.Warning, "no webhook"},
		{"no CA bundle", func(s *doctor.Seen) { s.Webhook.Value.Trusted = false }, "webhook-ready", doctor.Error, "CA bundle"},
		{"no endpoint", func(s *doctor.Seen) { s.Webhook.Value.Endpoints.Value = 0 }, "webhook-ready", doctor.Error, "no ready endpoint"},
		{"a webhook at an address", func(s *doctor.Seen) { s.Webhook.Value.Service, s.DryRun = "", nil }, "webhook-ready", doctor.Unknown, "at an address outside of the cluster"},
		{"endpoints may not be read", func(s *doctor.Seen) { s.Webhook.Value.Endpoints.Why = "forbidden" }, "webhook-ready", doctor.Unknown, "forbidden"},
		{"webhooks may not be read", func(s *doctor.Seen) { s.Webhook.Why = "forbidden" }, "webhook-ready", doctor.Unknown, "forbidden"},
		{"a webhook at an address of which a dry run tells nothing", func(s *doctor.Seen) { s.Webhook.Value.Service, s.DryRun.Right.Why = "", "forbidden" }, "webhook-ready", doctor.Unknown, "at an address outside of the cluster"},
		{"a webhook doesn't answer", func(s *doctor.Seen) { s.DryRun.Right.Value.Refusal = "failed calling webhook" }, "dry-run-write", doctor.Error, "would not be accepted in namespace certshim: failed calling webhook"},
		{"a webhook refuses all", func(s *doctor.Seen) { s.DryRun.Right.Value = s.DryRun.Wrong.Value }, "dry-run-write", doctor.Error, "denied the request"},
		{"a Certificate may not be sent", func(s *doctor.Seen) { s.DryRun.Right.Why = "forbidden" }, "dry-run-write", doctor.Unknown, "forbidden"},
		{"the webhook refuses nothing", func(s *doctor.Seen) { s.DryRun.Wrong.Value = doctor.Answer{} }, "dry-run-write", doctor.Warning, "webhook isn't asked"},
		{"something else refuses", func(s *doctor.Seen) { s.DryRun.Wrong.Value = doctor.Answer{Refusal: "a policy"} }, "dry-run-write", doctor.Unknown, "a policy"},
		{"a wrong one may not be sent", func(s *doctor.Seen) { s.DryRun.Wrong = doctor.Read[doctor.Answer]{Why: "forbidden"} }, "dry-run-write", doctor.Unknown, "forbidden"},
		{"the shim is on by default", func(s *doctor.Seen) { controllerOf(s).Controllers = nil }, "shims-off", doctor.Error, "runs ingress-shim"},
		{"a shim by name", func(s *doctor.Seen) { controllerOf(s).Controllers = []string{"issuers", "ingress-shim"} }, "shims-off", doctor.Error, "runs ingress-shim"},
		{"the shim of Gateways", func(s *doctor.Seen) { controllerOf(s).GatewayAPI = true }, "shims-off", doctor.Error, "runs gateway-shim:"},
		{"the shim of ListenerSets", func(s *doctor.Seen) { controllerOf(s).GatewayAPI, controllerOf(s).ListenerSets = true, true }, "shims-off", doctor.Error, "runs gateway-shim, listenerset:"},
		{"flags that can't be read", func(s *doctor.Seen) { controllerOf(s).Unread = "no ConfigMap" }, "shims-off", doctor.Unknown, "no ConfigMap"},
		{"a group doesn't answer", func(s *doctor.Seen) { s.Groups.Value = []doctor.Group{silent("Gateway", "ListenerSet")} }, "api-groups", doctor.Warning,
			"API group gateway.networking.k8s.io/v1 doesn't answer (no endpoints): objects of Gateway, ListenerSet can't be read"},
		{"two versions of it don't", func(s *doctor.Seen) {
			s.Groups.Value = []doctor.Group{silent("Gateway")}
			s.Groups.Value[0].Versions = []string{"g/v1", "g/v1beta1"}
		}, "api-groups", doctor.Warning, "API group g/v1, g/v1beta1 don't answer"},
		{"nothing of it is read", func(s *doctor.Seen) { s.Groups.Value = []doctor.Group{silent()} }, "api-groups", doctor.Note, "in another version"},
		{"the group of Certificates doesn't answer", func(s *doctor.Seen) {
			s.Groups.Value = []doctor.Group{silent("Certificate")}
			s.Groups.Value[0].HasCertificates = true
		}, "api-groups", doctor.Error, "certshim writes nothing"},
		{"APIServices may not be read", func(s *doctor.Seen) { s.Groups.Why = "forbidden" }, "api-groups", doctor.Unknown, "forbidden"},
		{"what is known without APIServices", func(s *doctor.Seen) {
			s.Groups = doctor.Read[[]doctor.Group]{Value: []doctor.Group{silent("Gateway")}, Why: "forbidden"}
		}, "api-groups", doctor.Warning, "doesn't answer"},
		{"no kinds", func(s *doctor.Seen) { s.Kinds[0].Served = false }, "kinds-served", doctor.Warning, "no kind of sources"},
		{"a kind of which nothing is said", func(s *doctor.Seen) { s.Kinds[0].Served, s.Kinds[0].Unknown = false, true }, "kinds-served", doctor.Unknown, "whether Ingress"},
		{"a kind that is off", func(s *doctor.Seen) { s.Kinds[1].Served, s.Kinds[1].Off = true, true }, "kinds-served", doctor.Note, "switches off Gateway"},
		{"no installation", func(s *doctor.Seen) { s.Installation.Value = nil }, "installation", doctor.Error, "no Deployment of certshim"},
		{"an installation that may not be read", func(s *doctor.Seen) { s.Installation = doctor.Read[*doctor.Installation]{Why: "forbidden"} }, "installation", doctor.Unknown, "forbidden"},
		{"replicas may not be read", func(s *doctor.Seen) { s.Installation = doctor.Read[*doctor.Installation]{Why: "forbidden"} }, "ready", doctor.Unknown, "forbidden"},
		{"no replicas", func(s *doctor.Seen) { installed(s).Wanted = 0 }, "ready", doctor.Error, "scaled to 0"},
		{"none is ready", func(s *doctor.Seen) { installed(s).Ready = 0 }, "ready", doctor.Error, "none of 2 replicas"},
		{"one isn't ready", func(s *doctor.Seen) { installed(s).Ready = 1 }, "ready", doctor.Warning, "1 of 2"},
		{"two images", func(s *doctor.Seen) { installed(s).Pods.Value[1].Image = "certshim:2" }, "versions", doctor.Warning, "certshim:1 (version v1), certshim:2 (version v1)"},
		{"two versions of one name", func(s *doctor.Seen) { metricsOf(s).Value.Version = "v2" }, "versions", doctor.Warning, "certshim:1 (version v1), certshim:1 (version v2)"},
		{"no Pods", func(s *doctor.Seen) { installed(s).Pods.Value, installed(s).Lease.Why = nil, "forbidden" }, "versions", doctor.Unknown, "there are no Pods"},
		{"Pods may not be read", func(s *doctor.Seen) { installed(s).Pods.Why = "forbidden" }, "versions", doctor.Unknown, "forbidden"},
		{"no Lease", func(s *doctor.Seen) { installed(s).Lease.Value = nil }, "leader", doctor.Error, "no Lease"},
		{"nobody leads", func(s *doctor.Seen) { installed(s).Lease.Value.Held = false }, "leader", doctor.Error, "nobody renews"},
		{"a stranger leads", func(s *doctor.Seen) { installed(s).Lease.Value.Holder = "laptop_1" }, "leader", doctor.Error, "none of the Deployment's Pods"},
		{"a stranger leads, and there are no Pods", func(s *doctor.Seen) { installed(s).Pods.Value, installed(s).Lease.Value.Holder = nil, "laptop_1" }, "leader", doctor.Error, "none of the Deployment's Pods"},
		{"it isn't known whether a stranger leads", func(s *doctor.Seen) { installed(s).Pods = doctor.Read[[]doctor.Pod]{Why: "forbidden"} }, "leader", doctor.Unknown, "is one of its Pods"},
		{"all write", func(s *doctor.Seen) { installed(s).LeaderElection = false }, "leader", doctor.Error, "without leader election"},
		{"the Lease may not be read", func(s *doctor.Seen) { installed(s).Lease.Why = "forbidden" }, "leader", doctor.Unknown, "forbidden"},
		{"an old configuration", func(s *doctor.Seen) { installed(s).Changed = started.Add(time.Second) }, "configuration", doctor.Warning, "Pod certshim-1 started"},
		{"another configuration", func(s *doctor.Seen) { s.Drift.Value = []string{"workers is 1, and given is 2"} }, "configuration", doctor.Warning, "workers is 1"},
		{"a configuration that can't be read", func(s *doctor.Seen) { s.Drift.Why = "no ConfigMap" }, "configuration", doctor.Unknown, "no ConfigMap"},
		{"it isn't known which Pods there are", func(s *doctor.Seen) { installed(s).Pods = doctor.Read[[]doctor.Pod]{Why: "forbidden"} }, "configuration", doctor.Unknown, "forbidden"},
		{"no Pods have a configuration", func(s *doctor.Seen) { installed(s).Pods.Value, installed(s).Lease.Why = nil, "forbidden" }, "configuration", doctor.Unknown, "there are no Pods"},
		{"the defaults instead", func(s *doctor.Seen) { s.Assumed = "no ConfigMap" }, "configuration", doctor.Unknown, "no ConfigMap"},
		{"a kind isn't watched", func(s *doctor.Seen) { *watchedBy(s) = (*watchedBy(s))[1:] }, "kinds-watched", doctor.Error, "certshim-1 doesn't watch ingresses.networking.k8s.io"},
		{"Certificates aren't watched", func(s *doctor.Seen) { *watchedBy(s) = (*watchedBy(s))[:2] }, "kinds-watched", doctor.Error, "doesn't watch certificates.cert-manager.io"},
		{"a kind may not be watched", func(s *doctor.Seen) { (*watchedBy(s))[0].Forbidden = true }, "kinds-watched", doctor.Error, "may not list or watch ingresses"},
		{"issuers may not be watched", func(s *doctor.Seen) { (*watchedBy(s))[1].Forbidden = true }, "kinds-watched", doctor.Warning, "may not list or watch issuers"},
		{"issuers of the cluster may not be watched where certshim is for some namespaces", func(s *doctor.Seen) {
			(*watchedBy(s))[1].Forbidden, s.Withheld = true, []string{(*watchedBy(s))[1].Resource}
		}, "kinds-watched", doctor.OK, "watching"},
		{"a kind can't be followed", func(s *doctor.Seen) { (*watchedBy(s))[0].Failing = true }, "kinds-watched", doctor.Warning, "can't follow ingresses.networking.k8s.io now"},
		{"a kind isn't read yet", func(s *doctor.Seen) { (*watchedBy(s))[0].Synced = false }, "kinds-watched", doctor.Warning, "hasn't read all of ingresses"},
		{"metrics may not be read", func(s *doctor.Seen) { metricsOf(s).Why = "forbidden" }, "kinds-watched", doctor.Unknown, "what Pod certshim-1 watches can't be known: forbidden"},
		{"nobody watches", func(s *doctor.Seen) { installed(s).Pods.Value, installed(s).Lease.Why = nil, "forbidden" }, "kinds-watched", doctor.Unknown, "there are no Pods"},
		{"what may not be watched is told by the defaults, too", func(s *doctor.Seen) { s.Assumed, (*watchedBy(s))[0].Forbidden = "no ConfigMap", true }, "kinds-watched", doctor.Warning, "may not list or watch ingresses"},
		{"writes wait for a webhook", func(s *doctor.Seen) { metricsOf(s).Value.PendingWrites = 1 }, "writes", doctor.Error, "1 object of Pod certshim-1 waits for an admission webhook that doesn't answer (certshim_pending_writes)"},
		{"more writes wait", func(s *doctor.Seen) { metricsOf(s).Value.PendingWrites = 2 }, "writes", doctor.Error, "2 objects of Pod certshim-1 wait for"},
		{"writes are forbidden", func(s *doctor.Seen) { metricsOf(s).Value.WriteForbidden = true }, "writes", doctor.Error, "Pod certshim-1 may not write Certificates"},
		{"writes aren't told", func(s *doctor.Seen) { metricsOf(s).Why = "forbidden" }, "writes", doctor.Unknown, "what Pod certshim-1 writes is accepted can't be known: forbidden"},
		{"nobody writes", func(s *doctor.Seen) { installed(s).Pods.Value, installed(s).Lease.Why = nil, "forbidden" }, "writes", doctor.Unknown, "there are no Pods"},
		{"it isn't known who writes", func(s *doctor.Seen) { installed(s).Pods = doctor.Read[[]doctor.Pod]{Why: "forbidden"} }, "writes", doctor.Unknown, "forbidden"},
		{"it isn't known what to watch", func(s *doctor.Seen) { s.Assumed = "no ConfigMap" }, "kinds-watched", doctor.Unknown, "no ConfigMap"},
		{"a policy with mistakes", func(s *doctor.Seen) {
			s.Policies.Value[0].Mistakes = []string{"spec.validations[0].expression: undefined field"}
		}, "admission-policies", doctor.Warning, "spec.validations[0].expression: undefined field"},
		{"a policy without a binding", func(s *doctor.Seen) { s.Policies.Value[0].Bound = false }, "admission-policies", doctor.Warning, "certshim-annotations has no binding"},
		{"a policy that isn't checked", func(s *doctor.Seen) { s.Policies.Value[0].Checked = false }, "admission-policies", doctor.Unknown, "hasn't been checked"},
		{"policies may not be read", func(s *doctor.Seen) { s.Policies.Why = "forbidden" }, "admission-policies", doctor.Unknown, "forbidden"},
		{"permissions by the defaults", func(s *doctor.Seen) { s.Assumed = "no ConfigMap" }, "permissions", doctor.Unknown, "needs other permissions"},
		{"a plan by the defaults", func(s *doctor.Seen) { s.Assumed = "no ConfigMap" }, "plan", doctor.Unknown, "what is left to write by"},
		{"a permission is missing", func(s *doctor.Seen) { s.Permissions[0].Allowed.Value = false }, "permissions", doctor.Error, "may not patch certificates.cert-manager.io"},
		{"one that isn't essential", func(s *doctor.Seen) { s.Permissions[0].Allowed.Value, s.Permissions[0].Essential = false, false }, "permissions", doctor.Warning, "may not patch"},
		{"permissions may not be asked", func(s *doctor.Seen) { s.Permissions[0].Allowed = doctor.Read[bool]{Why: "forbidden"} }, "permissions", doctor.Unknown, "1 of 1 permission"},
		{"nobody approves", func(s *doctor.Seen) { s.Signers.Value[0].Approve.Value = false }, "approval", doctor.Warning, "may not approve"},
		{"it isn't known who approves", func(s *doctor.Seen) { s.Signers.Value[0].Approve.Why = "off" }, "approval", doctor.Unknown, "off"},
		{"signers aren't known", func(s *doctor.Seen) { s.Signers.Why = "forbidden" }, "approval", doctor.Unknown, "forbidden"},
		{"an issuer is missing", withProblem(problem.IssuerNotFound), "issuers", doctor.Warning, "IssuerNotFound of 2 sources"},
		{"an issuer isn't ready", withProblem(problem.IssuerNotReady), "issuers", doctor.Warning, "IssuerNotReady of 2 sources"},
		{"no plan, no issuers", func(s *doctor.Seen) { s.Plan.Why = "forbidden" }, "issuers", doctor.Unknown, "forbidden"},
		{"a shim writes", func(s *doctor.Seen) { s.Plan.Value.Shared = doctor.Count{Number: 1, Example: "shop/web-tls"} }, "shims-quiet", doctor.Error, "1 Certificate that certshim writes, such as shop/web-tls"},
		{"a shim writes elsewhere", func(s *doctor.Seen) { s.ShimWrites = shimWrote(started.Add(time.Second)) }, "shims-quiet", doctor.Error,
			"ingress-shim has written 1 Certificate, last shop/web-tls at 2026-11-27T09:00:01Z, after cert-manager's controller took the lead"},
		{"a shim writes that runs", func(s *doctor.Seen) {
			s.ShimWrites, controllerOf(s).Controllers = shimWrote(started.Add(time.Second)), nil
		}, "shims-quiet", doctor.Note, "last shop/web-tls at 2026-11-27T09:00:01Z"},
		{"shims of a cert-manager that isn't found", func(s *doctor.Seen) { s.CertManager.Value = nil }, "shims-quiet", doctor.Unknown, "whether ingress-shim still writes can't be known: ingress-shim has written 1 Certificate"},
		{"shims of a cert-manager whose flags can't be read", func(s *doctor.Seen) { controllerOf(s).Unread = "no ConfigMap" }, "shims-quiet", doctor.Unknown, "no ConfigMap"},
		{"shims of a cert-manager that may not be read", func(s *doctor.Seen) { s.CertManager.Why = "forbidden" }, "shims-quiet", doctor.Unknown, "forbidden"},
		{"shims where Leases may not be read", func(s *doctor.Seen) { s.CertManagerLeases.Why = "forbidden" }, "shims-quiet", doctor.Unknown, "forbidden"},
		{"shims of a cert-manager without election", func(s *doctor.Seen) { controllerOf(s).LeaderElection = false }, "shims-quiet", doctor.Unknown, "since when"},
		{"shims where another cert-manager leads", func(s *doctor.Seen) { controllerOf(s).Hosts.Value = nil }, "shims-quiet", doctor.Unknown, "is none of the Pods"},
		{"Certificates may not be read", func(s *doctor.Seen) { s.ShimWrites.Why = "forbidden" }, "shims-quiet", doctor.Unknown, "forbidden"},
		{"no plan, no shims", func(s *doctor.Seen) { s.Plan.Why = "forbidden" }, "shims-quiet", doctor.Unknown, "forbidden"},
		{"something to write", func(s *doctor.Seen) { s.Plan.Value.Writes = 3 }, "plan", doctor.Warning, "of 1 source, 3 Certificates"},
		{"a mistake", withProblem(problem.SecretTaken), "plan", doctor.Warning, "SecretTaken of 2 sources: Ingress shop/web"},
		{"no plan", func(s *doctor.Seen) { s.Plan.Why = "forbidden" }, "plan", doctor.Unknown, "forbidden"},
	}
}

// Each check says what is wrong, and everything else is well, or not known for the same reason.
func TestWhatIsWrong(t *testing.T) {
	bad := map[string]map[doctor.Level]bool{}
	for _, row := range ills() {
		seen := healthy()
		row.with(seen)
		found := false
		for _, f := range doctor.Examine(seen) {
			found = found || f.Code == row.code && f.Level == row.want && strings.Contains(f.Text, row.text)
			if helps := f.Help != ""; helps != f.Level.AtLeast(doctor.Unknown) && f.Level != doctor.Note {
				t.Errorf("%s: what helps with the %s %s %q is %q", row.name, f.Level, f.Code, f.Text, f.Help)
			}
			if f.Code != row.code && f.Level == doctor.Error && row.want == doctor.Unknown {
				t.Errorf("%s: %s says %q", row.name, f.Code, f.Text)
			}
		}
		if !found {
			t.Errorf("%s: no %s of %s with %q in %+v", row.name, row.want, row.code, row.text, doctor.Examine(seen))
		}
		if bad[row.code] == nil {
			bad[row.code] = map[doctor.Level]bool{}
		}
		bad[row.code][row.want] = true
	}
	for _, check := range doctor.Checks() {
		if levels := bad[check.Code]; !levels[doctor.Unknown] || !levels[doctor.Warning] && !levels[doctor.Error] {
			t.Errorf("%s has no test in which it fails, or in which it isn't known", check.Code)
		}
	}
}

// Of a cluster in which nothing is wrong each check says so, once.
func TestNothingIsWrong(t *testing.T) {
	findings := doctor.Examine(healthy())
	for i, check := range doctor.Checks() {
		if len(findings) <= i || findings[i].Code != check.Code || findings[i].Level != doctor.OK || findings[i].Text == "" || findings[i].Help != "" {
			t.Fatalf("%s: %+v", check.Code, findings)
		}
	}
	if worst := doctor.Worst(findings); worst != doctor.OK {
		t.Errorf("the worst is %s", worst)
	}
}

// A dry run that went well says that a webhook at an address answers; without one, nothing is said of it.
func TestDryRunIsOptional(t *testing.T) {
	seen := healthy()
	seen.Webhook.Value.Service = ""
	if worst := doctor.Worst(doctor.Examine(seen)); worst != doctor.OK {
		t.Errorf("the worst is %s", worst)
	}
	seen.DryRun = nil
	for _, f := range doctor.Examine(seen) {
		if f.Code == "dry-run-write" {
			t.Errorf("%+v", f)
		}
	}
}

// Where nothing could be read, nothing is said to be well, or wrong.
func TestNothingIsKnown(t *testing.T) {
	const why = "forbidden"
	for _, f := range doctor.Examine(&doctor.Seen{
		Server: doctor.Read[string]{Why: why}, Certificates: doctor.Read[bool]{Why: why}, CertManager: doctor.Read[[]doctor.Deployment]{Why: why},
		CertManagerLeases: doctor.Read[[]doctor.Lease]{Why: why}, Policies: doctor.Read[[]doctor.Policy]{Why: why},
		Webhook: doctor.Read[doctor.Webhook]{Why: why}, Plan: doctor.Read[doctor.Plan]{Why: why}, Installation: doctor.Read[*doctor.Installation]{Why: why},
		Groups: doctor.Read[[]doctor.Group]{Why: why}, ShimWrites: doctor.Read[[]doctor.ShimWrites]{Why: why}, Signers: doctor.Read[[]doctor.Signer]{Why: why}, Kinds: []doctor.Kind{{Name: "Ingress.networking.k8s.io", Served: true}},
	}) {
		if f.Level == doctor.Unknown && f.Help == "" {
			t.Errorf("%s: nothing helps with %q", f.Code, f.Text)
		}
		if f.Level != doctor.Unknown && f.Code != "kinds-served" {
			t.Errorf("%s: %s: %s", f.Code, f.Level, f.Text)
		}
	}
}

// Before an installation nothing is asked about certshim itself, a shim that runs is no error yet, and what is to be
// written is none at all.
func TestBeforeAnInstallation(t *testing.T) {
	seen := healthy()
	seen.Pre, seen.Installation, seen.Account = true, doctor.Read[*doctor.Installation]{}, ""
	controllerOf(seen).Controllers = nil
	seen.Plan.Value.Writes = 3
	levels := map[string]doctor.Level{}
	for _, f := range doctor.Examine(seen) {
		levels[f.Code] = f.Level
	}
	for _, code := range []string{"installation", "ready", "versions", "leader", "configuration", "permissions"} {
		if _, is := levels[code]; is {
			t.Errorf("%s is asked", code)
		}
	}
	if levels["shims-off"] != doctor.Warning || levels["shims-quiet"] != doctor.Note || levels["plan"] != doctor.Note {
		t.Errorf("the levels are %v", levels)
	}
}

// Before an installation, a shim that another cert-manager runs is no error yet; where none has written, all is well.
func TestShimsBeforeAnInstallation(t *testing.T) {
	for want, written := range map[doctor.Level]doctor.Read[[]doctor.ShimWrites]{doctor.Warning: shimWrote(started.Add(time.Second)), doctor.OK: {}} {
		seen := healthy()
		seen.Pre, seen.ShimWrites = true, written
		for _, f := range doctor.Examine(seen) {
			if f.Code == "shims-quiet" && f.Level != want {
				t.Errorf("%+v, want %s", f, want)
			}
		}
	}
}

// The flag that switches a shim off keeps what is there.
func TestHowToSwitchShimsOff(t *testing.T) {
	for want, set := range map[string][]string{
		"--controllers=*,-ingress-shim":           nil,
		"--controllers=*,-approver,-ingress-shim": {"*", "-approver"},
		"--controllers=issuers":                   {"issuers", "ingress-shim"},
	} {
		seen := healthy()
		controllerOf(seen).Controllers = set
		for _, f := range doctor.Examine(seen) {
			if f.Code == "shims-off" && !strings.HasSuffix(f.Help, want) {
				t.Errorf("%v: %s, want %s", set, f.Help, want)
			}
		}
	}
}

// The versions that are tested are those of the README.
func TestVersionsAreThoseOfTheReadme(t *testing.T) {
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	old := healthy()
	old.Server.Value, controllerOf(old).Version = "v1.0.0", "v1.0.0"
	for _, f := range doctor.Examine(old) {
		if tested, is := strings.CutPrefix(f.Help, "upgrade it to one of "); is && !strings.Contains(string(page), "| "+tested+" |") {
			t.Errorf("%s: the README doesn't have %s", f.Code, tested)
		}
	}
}

// The page explains each check, in their order.
func TestThePageHasEachCheck(t *testing.T) {
	page, err := os.ReadFile("../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, check := range doctor.Checks() {
		heading := "\n### " + check.Code + "\n\n" + strings.ToUpper(check.Title[:1]) + check.Title[1:] + "."
		found := strings.Index(string(page[at:]), heading)
		if found < 0 {
			t.Errorf("docs/doctor.md has no %q after the check before", heading)
			continue
		}
		at += found
	}
}
