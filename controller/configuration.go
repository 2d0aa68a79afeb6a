package controller

import (
	"errors"
	"fmt"
	"time"
)

// ConfigurationAPIVersion and ConfigurationKind are the first two lines of the file.
const (
	ConfigurationAPIVersion = "certshim.io/v1alpha1"
	ConfigurationKind       = "ControllerConfiguration"
)

// MaxWorkers is how many writes may be in flight: an API server allows 100 streams on
// one HTTP/2 connection, and the watches need some of them.
const MaxWorkers = 90

// Configuration is the operator's file, certshim.io/v1alpha1 ControllerConfiguration.
// A field that the file leaves out has the value of [DefaultConfiguration].
type Configuration struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`

	// Namespaces limits the controller to these; empty means all.
	Namespaces []string `yaml:"namespaces,omitempty"`
	// DefaultIssuer is used by objects that ask for a certificate and name no issuer.
	DefaultIssuer DefaultIssuer `yaml:"defaultIssuer"`
	// NamespaceDefaults lets cert-manager's issuer annotations on a Namespace name the default
	// issuer of its objects; Namespaces are watched then.
	NamespaceDefaults bool               `yaml:"namespaceDefaults"`
	Annotations       AnnotationSettings `yaml:"annotations"`
	Labels            LabelSettings      `yaml:"labels"`
	GatewayAPI        GatewayAPISettings `yaml:"gatewayAPI"`
	Takeover          TakeoverSettings   `yaml:"takeover"`
	Resolvers         ResolverSettings   `yaml:"resolvers,omitempty"`
	// Policies are rules for some of the sources; the first that matches counts.
	Policies      []PolicySettings       `yaml:"policies,omitempty"`
	KubernetesAPI KubernetesAPISettings  `yaml:"kubernetesAPI"`
	LeaderElect   LeaderElectionSettings `yaml:"leaderElection"`

	// Workers is how many objects are worked on at once, 1 to [MaxWorkers].
	Workers int `yaml:"workers"`
	// MetricsListenAddress serves /metrics, /healthz and /readyz; "0" serves nothing.
	MetricsListenAddress string `yaml:"metricsListenAddress"`
}

// DefaultIssuer is --default-issuer-name, -kind and -group.
type DefaultIssuer struct {
	Name  string `yaml:"name"`
	Kind  string `yaml:"kind"`
	Group string `yaml:"group"`
}

// AnnotationSettings extends the annotation language.
type AnnotationSettings struct {
	// Auto are the keys that ask for the default issuer: --auto-certificate-annotations.
	Auto []string `yaml:"auto"`
	// AutoKinds are the kinds on which those keys count.
	AutoKinds []string `yaml:"autoKinds"`
	// Extra are keys copied to the Certificate: --extra-certificate-annotations.
	Extra []string `yaml:"extra,omitempty"`
}

// LabelSettings says which labels of an object its Certificate gets, beside the
// defaults: keys, or prefixes that end in "*" or "/".
type LabelSettings struct {
	Include []string `yaml:"include,omitempty"`
	Exclude []string `yaml:"exclude,omitempty"`
}

// GatewayAPISettings switches Gateways and ListenerSets on and off. They are worked on
// only while the cluster serves them.
type GatewayAPISettings struct {
	Enabled        bool     `yaml:"enabled"`
	ListenerSets   bool     `yaml:"listenerSets"`
	ExtraProtocols []string `yaml:"extraProtocols,omitempty"`
}

// TakeoverSettings paces what changes when certshim follows cert-manager's own shims.
type TakeoverSettings struct {
	// ChangesPerMinute is how many Certificates may change because the shim had ignored
	// an edit of their source; 0 means none.
	ChangesPerMinute int `yaml:"changesPerMinute"`
}

// ResolverSettings is what the operator says of issuers.
type ResolverSettings struct {
	// Types are files that declare issuer types, or folders of them: --issuers.
	Types []string `yaml:"types,omitempty"`
	// Disable are resolvers and types of this build that don't count, by the names that
	// certshim issuers shows: catalogue/step-issuer, compiled-in/corp-ca.
	Disable []string `yaml:"disable,omitempty"`
	// Recommendations says what becomes of the values that issuer types recommend: Show, or
	// Apply, which sets them on new Certificates.
	Recommendations string `yaml:"recommendations"`
	// Plugins are programs beside this one that know issuers of their own kinds.
	Plugins []PluginSettings `yaml:"plugins,omitempty"`
}

// What becomes of recommendations.
const (
	ShowRecommendations  = "Show"
	ApplyRecommendations = "Apply"
)

// KubernetesAPISettings limits the requests to the API server.
type KubernetesAPISettings struct {
	// QPS and Burst limit this client; -1 means no limit, and 0 means none where the
	// server has priority and fairness, 20 and 50 elsewhere.
	QPS   float32 `yaml:"qps"`
	Burst int     `yaml:"burst"`
}

// LeaderElectionSettings is the Lease that lets one replica work at a time.
type LeaderElectionSettings struct {
	Enabled bool `yaml:"enabled"`
	// Namespace of the Lease; empty means the one this process runs in.
	Namespace     string   `yaml:"namespace,omitempty"`
	LeaseName     string   `yaml:"leaseName"`
	LeaseDuration Duration `yaml:"leaseDuration"`
	RenewDeadline Duration `yaml:"renewDeadline"`
	RetryPeriod   Duration `yaml:"retryPeriod"`
}

// Duration is a time.Duration that is written as Go writes it: 15s, 1m30s.
type Duration time.Duration

// DefaultConfiguration is what holds where neither file nor flag says anything.
func DefaultConfiguration() Configuration {
	return Configuration{
		APIVersion:    ConfigurationAPIVersion,
		Kind:          ConfigurationKind,
		DefaultIssuer: DefaultIssuer{Kind: "Issuer", Group: "cert-manager.io"},
		Annotations:   AnnotationSettings{Auto: []string{"kubernetes.io/tls-acme"}, AutoKinds: []string{"Ingress"}},
		GatewayAPI:    GatewayAPISettings{Enabled: true, ListenerSets: true},
		Takeover:      TakeoverSettings{ChangesPerMinute: 10},
		Resolvers:     ResolverSettings{Recommendations: ShowRecommendations},
		LeaderElect: LeaderElectionSettings{
			Enabled: true, LeaseName: "certshim",
			LeaseDuration: Duration(15 * time.Second),
			RenewDeadline: Duration(10 * time.Second),
			RetryPeriod:   Duration(2 * time.Second),
		},
		Workers:              64,
		MetricsListenAddress: "0.0.0.0:9402",
	}
}

// Validate gives everything that is wrong with the values, joined, each with the name of
// its field in the file.
func (c Configuration) Validate() error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(c.APIVersion != ConfigurationAPIVersion, "apiVersion is %q, must be %q", c.APIVersion, ConfigurationAPIVersion)
	wrong(c.Kind != ConfigurationKind, "kind is %q, must be %q", c.Kind, ConfigurationKind)
	wrong(c.DefaultIssuer.Kind == "", "defaultIssuer.kind is empty, must be a kind such as Issuer")
	wrong(c.Workers < 1 || c.Workers > MaxWorkers, "workers is %d, must be 1 to %d", c.Workers, MaxWorkers)
	wrong(c.Takeover.ChangesPerMinute < 0, "takeover.changesPerMinute is %d, must be 0 or more", c.Takeover.ChangesPerMinute)
	wrong(c.Resolvers.Recommendations != ShowRecommendations && c.Resolvers.Recommendations != ApplyRecommendations,
		"resolvers.recommendations is %q, must be %s or %s", c.Resolvers.Recommendations, ShowRecommendations, ApplyRecommendations)
	wrong(c.KubernetesAPI.QPS < -1, "kubernetesAPI.qps is %g, must be -1 (no limit), 0 (default) or more", c.KubernetesAPI.QPS)
	wrong(c.KubernetesAPI.Burst < -1, "kubernetesAPI.burst is %d, must be 0 (default) or more", c.KubernetesAPI.Burst)
	errs = append(errs, c.Resolvers.validate())
	_, err := c.Rules()
	errs = append(errs, err)
	if c.LeaderElect.Enabled {
		errs = append(errs, c.LeaderElect.validate())
	}
	return errors.Join(errs...)
}

func (l LeaderElectionSettings) validate() error {
	switch {
	case l.LeaseName == "":
		return errors.New("leaderElection.leaseName is empty, must be the name of a Lease")
	case l.LeaseDuration <= l.RenewDeadline:
		return fmt.Errorf("leaderElection.leaseDuration is %s, must be more than renewDeadline, %s",
			time.Duration(l.LeaseDuration), time.Duration(l.RenewDeadline))
	case float64(l.RenewDeadline) <= 1.2*float64(l.RetryPeriod):
		return fmt.Errorf("leaderElection.renewDeadline is %s, must be more than 1.2 times retryPeriod, %s",
			time.Duration(l.RenewDeadline), time.Duration(l.RetryPeriod))
	case l.RetryPeriod <= 0:
		return fmt.Errorf("leaderElection.retryPeriod is %s, must be more than 0", time.Duration(l.RetryPeriod))
	}
	return nil
}
