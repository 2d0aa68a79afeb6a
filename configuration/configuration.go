package configuration

import (
	"time"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/routes"
)

// APIVersion and Kind are the first two lines of the file.
const (
	APIVersion = "certshim.io/v1alpha1"
	Kind       = "ControllerConfiguration"
)

// MaxWorkers is how many writes may be in flight: an API server allows 100 streams on
// one HTTP/2 connection, and the watches need some of them.
const MaxWorkers = 90

// Configuration is the operator's file, certshim.io/v1alpha1 ControllerConfiguration.
// A field that the file leaves out has the value of [Default].
type Configuration struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`

	// Namespaces limits the controller to these; empty means all.
	Namespaces []string `yaml:"namespaces,omitempty"`
	// Serve is the part of what is read that this instance decides about; empty means all.
	Serve Serve `yaml:"serve,omitempty"`
	// DefaultIssuer is used by objects that ask for a certificate and name no issuer:
	// --default-issuer-name, -kind and -group.
	DefaultIssuer Issuer `yaml:"defaultIssuer"`
	// NamespaceDefaults lets cert-manager's issuer annotations on a Namespace name the default
	// issuer of its objects; Namespaces are watched then.
	NamespaceDefaults bool `yaml:"namespaceDefaults"`
	// TellIssuerStatus quotes in Events why a ClusterIssuer isn't ready, which names its
	// credentials' errors to whoever reads Events.
	TellIssuerStatus bool        `yaml:"tellIssuerStatus"`
	Annotations      Annotations `yaml:"annotations"`
	Labels           Labels      `yaml:"labels"`
	GatewayAPI       GatewayAPI  `yaml:"gatewayAPI"`
	// CrossNamespace is about Secrets in other namespaces than those of their sources.
	CrossNamespace CrossNamespace `yaml:"crossNamespace"`
	Takeover       Takeover       `yaml:"takeover"`
	Ownership      Ownership      `yaml:"ownership"`
	Resolvers      Resolvers      `yaml:"resolvers,omitempty"`
	Sources        Sources        `yaml:"sources,omitempty"`
	// Policies are rules for some of the sources; the first that matches counts.
	Policies      []Rule         `yaml:"policies,omitempty"`
	KubernetesAPI KubernetesAPI  `yaml:"kubernetesAPI"`
	LeaderElect   LeaderElection `yaml:"leaderElection"`

	// Workers is how many objects are worked on at once, 1 to [MaxWorkers].
	Workers int `yaml:"workers"`
	// MetricsListenAddress serves /metrics, /healthz and /readyz; "0" serves nothing.
	MetricsListenAddress string `yaml:"metricsListenAddress"`
	// HealthzListenAddress serves /healthz and /readyz alone; "0" serves nothing.
	HealthzListenAddress string `yaml:"healthzListenAddress"`
	// Metrics says how /metrics is served, and to whom.
	Metrics Metrics `yaml:"metrics"`
	// ProfilerAddress serves profiles of this process, on loopback alone; "0" serves nothing.
	ProfilerAddress string `yaml:"profilerAddress"`
}

// Serve shares a cluster among instances: all read all of it, and each serves the objects of its own namespaces.
type Serve struct {
	// Namespaces by name; empty means all.
	Namespaces []string `yaml:"namespaces,omitempty"`
	// Shard is which of so many Shards is served, 0 to Shards-1; 0 Shards means all. Which one has a namespace is told by the
	// FNV-1a hash of its name.
	Shard  int `yaml:"shard,omitempty"`
	Shards int `yaml:"shards,omitempty"`
}

// Metrics protects /metrics.
type Metrics struct {
	// TLSCertFile and TLSKeyFile are PEM files of a certificate and its key, which may be replaced at any
	// time; with neither, the listener has no TLS.
	TLSCertFile string `yaml:"tlsCertFile"`
	TLSKeyFile  string `yaml:"tlsKeyFile"`
	// Authentication wants a token of the cluster, of somebody who may get the nonResourceURL /metrics.
	Authentication bool `yaml:"authentication"`
}

// Issuer names an issuer. Without kind and group it is an Issuer of cert-manager's.
type Issuer struct {
	Name  string `yaml:"name"`
	Kind  string `yaml:"kind"`
	Group string `yaml:"group"`
}

// Annotations extends the annotation language.
type Annotations struct {
	// Auto are the keys that ask for the default issuer: --auto-certificate-annotations.
	Auto []string `yaml:"auto"`
	// AutoKinds are the kinds on which those keys count.
	AutoKinds []string `yaml:"autoKinds"`
	// Extra are keys copied to the Certificate: --extra-certificate-annotations.
	Extra []string `yaml:"extra,omitempty"`
}

// Labels says which labels of an object its Certificate gets, beside the
// defaults: keys, or prefixes that end in "*" or "/".
type Labels struct {
	Include []string `yaml:"include,omitempty"`
	Exclude []string `yaml:"exclude,omitempty"`
}

// GatewayAPI switches Gateways and ListenerSets on and off. They are worked on
// only while the cluster serves them.
type GatewayAPI struct {
	Enabled        bool     `yaml:"enabled"`
	ListenerSets   bool     `yaml:"listenerSets"`
	ExtraProtocols []string `yaml:"extraProtocols,omitempty"`
	// RouteNames lets routes bring names to the Certificates of Gateways and ListenerSets that ask for it.
	RouteNames RouteNames `yaml:"routeNames"`
}

// CrossNamespace says when sources may have Certificates in other namespaces, and what becomes of them.
type CrossNamespace struct {
	// Mode is off; grant, where ReferenceGrants name the Secret's kind and the Certificate; or
	// secretGrant, where one that names the Secret is enough.
	Mode certshim.Crossing `yaml:"mode"`
	// Orphans is what becomes of such a Certificate once its source is gone: retain or delete.
	Orphans annotations.DeletionPolicy `yaml:"orphans"`
}

// Takeover says how certshim follows cert-manager's own shims, and paces what nobody edited.
type Takeover struct {
	// Mode is auto, or manual, which leaves the Certificates of the shims alone until an operator adopts them.
	Mode TakeoverMode `yaml:"mode"`
	// ChangesPerMinute is how many Certificates may change though nobody edited their source now: because
	// the shim had ignored an edit, or because another certificate is wanted for another reason; 0 means none.
	ChangesPerMinute int `yaml:"changesPerMinute"`
}

// TakeoverMode is who takes the Certificates of cert-manager's shims over.
type TakeoverMode string

// The modes.
const (
	AutoTakeover   TakeoverMode = "auto"
	ManualTakeover TakeoverMode = "manual"
)

// Ownership is about whose Certificates are.
type Ownership struct {
	// DeletionPolicy is what becomes of the Certificates of an object that doesn't say so itself,
	// by certshim.io/deletion-policy: delete or retain.
	DeletionPolicy annotations.DeletionPolicy `yaml:"deletionPolicy"`
	// Rules say what is done about fields that others hold with other values. They are gone through in
	// their order, and the first that matches a field and its holder counts; where none does, the
	// field is left to who applies it, and taken from everybody else.
	Rules []OwnershipRule `yaml:"rules,omitempty"`
	// SourcesMay are what an object may choose in place of that, by certshim.io/conflicts.
	SourcesMay []string `yaml:"sourcesMay,omitempty"`
	// RemovedByHand is what becomes of a field that an object asks for and that somebody removed from its
	// Certificate: restore, or respect, which leaves it out until the object asks for another value.
	RemovedByHand Removal `yaml:"removedByHand"`
	// Reports is whether, and as objects of which kind, the controller keeps a report of the fields in each
	// namespace.
	Reports Reports `yaml:"reports"`
}

// Removal is what becomes of a field that somebody removed.
type Removal string

// The choices.
const (
	RestoreRemoved Removal = "restore"
	RespectRemoved Removal = "respect"
)

// Reports is what reports are objects of.
type Reports string

// The choices. AutoReports is the first of the two kinds that is served.
const (
	NoReports     Reports = "off"
	AutoReports   Reports = "auto"
	OpenReports   Reports = "openreports"
	PolicyReports Reports = "policyreport"
)

// Resolvers is what the operator says of issuers.
type Resolvers struct {
	// Types are files that declare issuer types, or folders of them: --issuers.
	Types []string `yaml:"types,omitempty"`
	// Disable are resolvers and types of this build that don't count, by the names that
	// certshim issuers shows: catalogue/step-issuer, compiled-in/corp-ca.
	Disable []string `yaml:"disable,omitempty"`
	// Recommendations says what becomes of the values that issuer types recommend: Show, or
	// Apply, which sets them on new Certificates.
	Recommendations string `yaml:"recommendations"`
	// Plugins are programs beside this one that know issuers of their own kinds.
	Plugins []Plugin `yaml:"plugins,omitempty"`
}

// What becomes of recommendations.
const (
	ShowRecommendations  = "Show"
	ApplyRecommendations = "Apply"
)

// KubernetesAPI limits the requests to the API server.
type KubernetesAPI struct {
	// QPS and Burst limit this client; -1 means no limit, and 0 means none where the
	// server has priority and fairness, 20 and 50 elsewhere.
	QPS   float32 `yaml:"qps"`
	Burst int     `yaml:"burst"`
}

// LeaderElection is the Lease that lets one replica work at a time.
type LeaderElection struct {
	Enabled bool `yaml:"enabled"`
	// Namespace of the Lease; empty means the one this process runs in.
	Namespace     string        `yaml:"namespace,omitempty"`
	LeaseName     string        `yaml:"leaseName"`
	LeaseDuration time.Duration `yaml:"leaseDuration"`
	RenewDeadline time.Duration `yaml:"renewDeadline"`
	RetryPeriod   time.Duration `yaml:"retryPeriod"`
}

// Default is what holds where neither file nor flag says anything.
func Default() Configuration {
	return Configuration{
		APIVersion:       APIVersion,
		Kind:             Kind,
		DefaultIssuer:    Issuer{Kind: "Issuer", Group: "cert-manager.io"},
		TellIssuerStatus: true,
		Annotations:      Annotations{Auto: []string{"kubernetes.io/tls-acme"}, AutoKinds: []string{"Ingress"}},
		GatewayAPI: GatewayAPI{Enabled: true, ListenerSets: true, RouteNames: RouteNames{
			Kinds: []string{routes.HTTPRoute}, NamesPerCertificate: 100, NamesPerNamespace: 10, Wildcard: KeepWildcards,
		}},
		CrossNamespace: CrossNamespace{Mode: certshim.CrossGrant, Orphans: annotations.RetainUnneeded},
		Takeover:       Takeover{Mode: AutoTakeover, ChangesPerMinute: 10},
		Ownership:      Ownership{DeletionPolicy: annotations.DeleteUnneeded, RemovedByHand: RestoreRemoved, Reports: NoReports},
		Resolvers:      Resolvers{Recommendations: ShowRecommendations},
		LeaderElect: LeaderElection{
			Enabled: true, LeaseName: "certshim",
			LeaseDuration: 15 * time.Second,
			RenewDeadline: 10 * time.Second,
			RetryPeriod:   2 * time.Second,
		},
		Workers:              64,
		MetricsListenAddress: "0.0.0.0:9402",
		ProfilerAddress:      "0",
		HealthzListenAddress: "0.0.0.0:9403",
	}
}
