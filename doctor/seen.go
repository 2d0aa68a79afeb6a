package doctor

import (
	"time"

	"github.com/certshim/certshim/problem"
)

// Read is something of a cluster, or why it isn't known.
type Read[T any] struct {
	Value T
	// Why it isn't known; empty if it is.
	Why string
}

// Seen is what was read of a cluster.
type Seen struct {
	// Pre is set before an installation: what certshim itself is, or needs, isn't asked about.
	Pre bool
	// Assumed says why the defaults count in the place of the configuration that runs; empty if they don't.
	Assumed string
	// Server is the version of the API server, such as v1.37.2.
	Server Read[string]
	// Certificates says whether Certificates of cert-manager.io/v1 are served.
	Certificates Read[bool]
	// CertManagerNamespace is where CertManager was looked for: its Deployments, of which the controller is one.
	CertManagerNamespace string
	CertManager          Read[[]Deployment]
	// Definition is the version that the CRD of Certificates has by its label; empty where it has none.
	Definition Read[string]
	// CertManagerLeases are those by which controllers of cert-manager's elect a leader, wherever they are.
	CertManagerLeases Read[[]Lease]
	Webhook           Read[Webhook]
	// DryRun is nil where none was asked for.
	DryRun *DryRun
	// Kinds are those of sources.
	Kinds []Kind
	// Groups are the API groups of which certshim reads objects, and which don't answer. Those of which discovery tells are there
	// even where it isn't known whether the servers of others are available.
	Groups Read[[]Group]
	// ShimWrites are what cert-manager's shims have written of the Certificates that there are.
	ShimWrites Read[[]ShimWrites]
	// Plan is what a plan of all namespaces comes to.
	Plan Read[Plan]

	// ReleaseNamespace is where Installation was looked for. It is nil if there is none.
	ReleaseNamespace string
	Installation     Read[*Installation]
	// Account is the one that certshim runs as, in the form in which the API server names users; empty if it isn't known.
	Account     string
	Permissions []Permission
	// Withheld are resources as RESOURCE.GROUP that aren't in namespaces, which a controller for some of them watches if it may, and does without.
	Withheld []string
	// Signers are the kinds of external issuers that sources name.
	Signers Read[[]Signer]
	// Policies are certshim's admission policies.
	Policies Read[[]Policy]
	// Drift has what differs between the configuration that was given and the one that runs; nil where none was given.
	Drift Read[[]string]
}

// Deployment of cert-manager.
type Deployment struct {
	Name string
	// Component is controller, webhook or cainjector, by the label of cert-manager's chart.
	Component string
	Version   string
	Ready     int
	Wanted    int
	// Controllers are the values of the controller's flag or file, nil for the default.
	Controllers []string
	// GatewayAPI and ListenerSets say whether these are on.
	GatewayAPI, ListenerSets bool
	// LeaderElection says whether the controller's replicas elect a leader, by a Lease in LeaseNamespace.
	LeaderElection bool
	LeaseNamespace string
	// Hosts are the host names of the controller's Pods.
	Hosts Read[[]string]
	// Unread says why the flags aren't all known.
	Unread string
}

// Webhook of cert-manager, as the API server is told of it.
type Webhook struct {
	Found bool
	// Trusted is set if it has a CA bundle.
	Trusted bool
	// Service is NAMESPACE/NAME; empty for a webhook at an address.
	Service string
	// Endpoints are the ready ones of the Service.
	Endpoints Read[int]
}

// DryRun is what the API server answers to two Certificates that are sent to it as a dry run.
type DryRun struct {
	Namespace string
	// Right is the answer to one in which nothing is wrong, and Wrong is that to one which cert-manager's webhook has to refuse.
	// The second is sent where the first was accepted.
	Right, Wrong Read[Answer]
}

// Answer to a write.
type Answer struct {
	// Refusal is the API server's message; empty if it accepted the write.
	Refusal string
	// Webhook is set if an admission webhook looked at it and refused it.
	Webhook bool
}

// Kind of sources.
type Kind struct {
	// Name is KIND.GROUP.
	Name string
	// Resource is RESOURCE.GROUP, empty if it isn't served.
	Resource string
	// Shim is cert-manager's for it; empty for a kind that certshim alone knows.
	Shim   string
	Served bool
	// Unknown is set if the API server doesn't say whether it serves it.
	Unknown bool
	// Off is set if the configuration doesn't want it.
	Off bool
}

// Group is an API group, or a part of it, that doesn't answer.
type Group struct {
	// Versions are those that don't, as GROUP/VERSION; there is one at least.
	Versions []string
	// Why, in the API server's words.
	Why string
	// Kinds are those of which certshim can't read objects because of it.
	Kinds []string
	// HasCertificates is set if Certificates are among the kinds.
	HasCertificates bool
}

// ShimWrites are the Certificates of which one of cert-manager's shims holds fields.
type ShimWrites struct {
	Shim         string
	Certificates int
	// Last is when it wrote last, and Example, as NAMESPACE/NAME, what.
	Last    time.Time
	Example string
}

// Plan counts what would change.
type Plan struct {
	Sources, Writes int
	// Problems are those of severity error, and all about issuers, by their reasons.
	Problems map[problem.Reason]Count
	// Shared are Certificates with fields that a shim of cert-manager's has written, and certshim too.
	Shared Count
}

// Count of something, and an example.
type Count struct {
	Number  int
	Example string
}

// Installation is the Deployment of certshim and what belongs to it.
type Installation struct {
	Name          string
	Ready, Wanted int
	Pods          Read[[]Pod]
	// LeaderElection says whether replicas elect a leader, by the Lease.
	LeaderElection bool
	Lease          Read[*Lease]
	// ConfigMap has the configuration file, and Changed when it was last written; both are zero without a file.
	ConfigMap string
	Changed   time.Time
}

// Pod of certshim.
type Pod struct {
	Name, Image string
	// Host is its host name: its own name, or the node's in the node's network.
	Host    string
	Started time.Time
	// Metrics are what it says of itself.
	Metrics Read[Metrics]
}

// Metrics of a Pod.
type Metrics struct {
	// Version is what it runs; empty if it doesn't say.
	Version string
	Watched []Watched
	// PendingWrites are the objects that wait for an admission webhook.
	PendingWrites int
	// WriteForbidden is set while it may not write Certificates, in some namespace at least.
	WriteForbidden bool
}

// Watched is a resource that a Pod watches.
type Watched struct {
	// Resource is RESOURCE.GROUP.
	Resource string
	// Synced is set once its objects are known, Forbidden while the API server forbids to read them, and Failing while it fails otherwise.
	Synced, Forbidden, Failing bool
}

// Lease of the leader.
type Lease struct {
	// Name is NAMESPACE/NAME.
	Name, Holder string
	// Held is set while it is renewed in time, and Acquired is since when its holder has it; zero if the Lease doesn't say.
	Held     bool
	Acquired time.Time
}

// Permission that certshim needs for a verb on a resource.
type Permission struct {
	Verb, Group, Resource string
	// Namespace is empty for all of them; Name is that of the only object it is for, or empty.
	Namespace, Name string
	// For says what doesn't work without it.
	For string
	// Essential is set if nothing works without it.
	Essential bool
	Allowed   Read[bool]
}

// Signer is a kind of external issuers, and whether cert-manager may approve requests to it.
type Signer struct {
	// Name is RESOURCE.GROUP.
	Name    string
	Approve Read[bool]
}

// Policy is a ValidatingAdmissionPolicy of certshim's.
type Policy struct {
	Name string
	// Bound is set if a binding puts it into effect.
	Bound bool
	// Checked is set once the cluster has checked the types in its expressions; Mistakes are what it found.
	Checked  bool
	Mistakes []string
}
