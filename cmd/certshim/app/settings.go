package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
)

// settings is where the operator's configuration comes from: the file, and over it the
// flags that are given.
type settings struct {
	file string
	// flags are the values as they were parsed; [settings.configuration] lays those that
	// were given over the file.
	flags configuration.Configuration
	// base, if it is set, is what counts in place of the defaults where no file is named.
	base *configuration.Configuration
	// bind binds the flags of one command to a configuration.
	bind func(*pflag.FlagSet, *configuration.Configuration)
}

func newSettings(flags *pflag.FlagSet, bind func(*pflag.FlagSet, *configuration.Configuration)) *settings {
	s := &settings{flags: configuration.Default(), bind: bind}
	flags.StringVar(&s.file, "config", "", "file with a ControllerConfiguration (certshim.io/v1alpha1); flags win over it")
	bind(flags, &s.flags)
	return s
}

// configuration reads the file, lays the given flags over it, and checks the whole. What is wrong
// in the file is told by its lines, and what the flags make wrong by theirs.
func (s *settings) configuration(given *pflag.FlagSet) (configuration.Configuration, error) {
	c, err := s.read()
	var before []error
	if err != nil {
		before = problem.Each(c.Validate())
	}
	target := pflag.NewFlagSet("configuration", pflag.ContinueOnError)
	s.bind(target, &c)
	if failed := copyGiven(target, given); failed != nil {
		return c, errors.Join(err, failed)
	}
	for _, mistake := range problem.Each(c.Validate()) {
		known := slices.ContainsFunc(before, func(other error) bool { return other.Error() == mistake.Error() })
		if named, isOfFlag := byFlag(mistake, given); isOfFlag || !known {
			err = problem.Join(err, named)
		}
	}
	return c, err
}

// read reads the file over the defaults.
func (s *settings) read() (configuration.Configuration, error) {
	switch {
	case s.file == "" && s.base != nil:
		return *s.base, nil
	case s.file == "":
		return configuration.Default(), nil
	}
	text, err := readRegular(s.file)
	if err != nil {
		return configuration.Default(), fmt.Errorf("read --config: %w", err)
	}
	return configuration.Load(text, s.file)
}

// byFlag names the flag in place of the field where a flag was given for it.
func byFlag(err error, given *pflag.FlagSet) (named error, isOfFlag bool) {
	var mistake declaration.Mistake
	if !errors.As(err, &mistake) {
		return err, false
	}
	field, _, _ := strings.Cut(mistake.Path, "[")
	given.Visit(func(flag *pflag.Flag) {
		if flagFields()[flag.Name] == field {
			mistake.Path, isOfFlag = "--"+flag.Name, true
		}
	})
	return mistake, isOfFlag
}

// flagFields are the fields of the file that flags stand for.
func flagFields() map[string]string {
	return map[string]string{
		"default-issuer-name":            "defaultIssuer.name",
		"default-issuer-kind":            "defaultIssuer.kind",
		"default-issuer-group":           "defaultIssuer.group",
		"auto-certificate-annotations":   "annotations.auto",
		"extra-certificate-annotations":  "annotations.extra",
		"issuers":                        "resolvers.types",
		"sources":                        "sources.types",
		"enable-gateway-api":             "gatewayAPI.enabled",
		"enable-gateway-api-listenerset": "gatewayAPI.listenerSets",
		"gateway-api-extra-protocols":    "gatewayAPI.extraProtocols",
		"namespace":                      "namespaces",
		"concurrent-workers":             "workers",
		"kube-api-qps":                   "kubernetesAPI.qps",
		"kube-api-burst":                 "kubernetesAPI.burst",
		"metrics-listen-address":         "metricsListenAddress",
		"healthz-listen-address":         "healthzListenAddress",
		"metrics-tls-cert-file":          "metrics.tlsCertFile",
		"metrics-tls-private-key-file":   "metrics.tlsKeyFile",
		"metrics-authentication":         "metrics.authentication",
		"profiler-address":               "profilerAddress",
		"leader-elect":                   "leaderElection.enabled",
		"leader-election-namespace":      "leaderElection.namespace",
		"leader-election-lease-duration": "leaderElection.leaseDuration",
		"leader-election-renew-deadline": "leaderElection.renewDeadline",
		"leader-election-retry-period":   "leaderElection.retryPeriod",
	}
}

// copyGiven sets in one set of flags what was given in the other.
func copyGiven(to, given *pflag.FlagSet) error {
	var failed error
	given.Visit(func(from *pflag.Flag) {
		target := to.Lookup(from.Name)
		if target == nil || failed != nil {
			return
		}
		if list, isList := from.Value.(pflag.SliceValue); isList {
			failed = target.Value.(pflag.SliceValue).Replace(list.GetSlice())
			return
		}
		failed = target.Value.Set(from.Value.String())
	})
	return failed
}

// bindKinds binds the flags that say which objects count.
func bindKinds(flags *pflag.FlagSet, c *configuration.Configuration) {
	flags.StringSliceVar(&c.Annotations.Auto, "auto-certificate-annotations", c.Annotations.Auto, "annotations that ask for the default issuer when true")
	flags.StringSliceVar(&c.Sources.Types, "sources", c.Sources.Types, "files that declare source types, or folders of them; they add to those of this build, or replace them")
	flags.BoolVar(&c.GatewayAPI.Enabled, "enable-gateway-api", c.GatewayAPI.Enabled, "work on Gateways, where the cluster serves them")
	flags.BoolVar(&c.GatewayAPI.ListenerSets, "enable-gateway-api-listenerset", c.GatewayAPI.ListenerSets, "work on ListenerSets, where the cluster serves them")
}

// bindPolicy binds the flags that decide what Certificates look like. They have the names
// that they have in cert-manager.
func bindPolicy(flags *pflag.FlagSet, c *configuration.Configuration) {
	bindKinds(flags, c)
	flags.StringVar(&c.DefaultIssuer.Name, "default-issuer-name", c.DefaultIssuer.Name, "issuer of objects that ask for a certificate and name none")
	flags.StringVar(&c.DefaultIssuer.Kind, "default-issuer-kind", c.DefaultIssuer.Kind, "kind of that issuer")
	flags.StringVar(&c.DefaultIssuer.Group, "default-issuer-group", c.DefaultIssuer.Group, "API group of that issuer")
	flags.StringSliceVar(&c.Annotations.Extra, "extra-certificate-annotations", c.Annotations.Extra, "annotations that are copied to the Certificate")
	flags.StringSliceVar(&c.Resolvers.Types, "issuers", c.Resolvers.Types, "files that declare issuer types, or folders of them; they add to those of this build, or replace them")
	flags.StringSliceVar(&c.GatewayAPI.ExtraProtocols, "gateway-api-extra-protocols", c.GatewayAPI.ExtraProtocols, "listener protocols that count as TLS besides HTTPS and TLS")
}

// bindController binds all flags of the configuration.
func bindController(flags *pflag.FlagSet, c *configuration.Configuration) {
	bindPolicy(flags, c)
	flags.StringSliceVar(&c.Namespaces, "namespace", c.Namespaces, "work on these namespaces only; may be given several times")
	flags.IntVar(&c.Workers, "concurrent-workers", c.Workers, "how many objects are worked on at once")
	flags.Float32Var(&c.KubernetesAPI.QPS, "kube-api-qps", c.KubernetesAPI.QPS, "requests a second to the API server; -1 is no limit, 0 none where the server has priority and fairness, else 20")
	flags.IntVar(&c.KubernetesAPI.Burst, "kube-api-burst", c.KubernetesAPI.Burst, "requests at once to the API server; 0 is 50, where --kube-api-qps limits at all")
	flags.StringVar(&c.MetricsListenAddress, "metrics-listen-address", c.MetricsListenAddress, "where /metrics, /healthz and /readyz are served; 0 serves nothing")
	flags.StringVar(&c.HealthzListenAddress, "healthz-listen-address", c.HealthzListenAddress, "where /healthz and /readyz are served alone; 0 serves nothing")
	flags.StringVar(&c.Metrics.TLSCertFile, "metrics-tls-cert-file", c.Metrics.TLSCertFile, "certificate of the listener for metrics, which may be replaced at any time; empty means no TLS")
	flags.StringVar(&c.Metrics.TLSKeyFile, "metrics-tls-private-key-file", c.Metrics.TLSKeyFile, "its key")
	flags.BoolVar(&c.Metrics.Authentication, "metrics-authentication", c.Metrics.Authentication, "serve /metrics only to who may get that nonResourceURL, by a token of the cluster")
	flags.StringVar(&c.ProfilerAddress, "profiler-address", c.ProfilerAddress, "where profiles are served to go tool pprof, on loopback alone; 0 serves nothing")
	flags.BoolVar(&c.LeaderElect.Enabled, "leader-elect", c.LeaderElect.Enabled, "let one replica work at a time")
	flags.StringVar(&c.LeaderElect.Namespace, "leader-election-namespace", c.LeaderElect.Namespace, "namespace of the Lease; empty means the one this process runs in")
	flags.DurationVar(&c.LeaderElect.LeaseDuration, "leader-election-lease-duration", c.LeaderElect.LeaseDuration, "how long a replica waits before it takes the Lease of one that is silent")
	flags.DurationVar(&c.LeaderElect.RenewDeadline, "leader-election-renew-deadline", c.LeaderElect.RenewDeadline, "how long the leader tries to renew before it stops")
	flags.DurationVar(&c.LeaderElect.RetryPeriod, "leader-election-retry-period", c.LeaderElect.RetryPeriod, "time between two tries")
}

// carriedOver are flags of cert-manager's controller that people have in their manifests
// and that mean nothing here; all are taken, with any value.
func carriedOver() []string {
	return []string{
		"acme-http01-solver-image", "cluster-resource-namespace", "controllers", "copied-annotation-prefixes",
		"enable-certificate-owner-ref", "feature-gates", "max-concurrent-challenges",
	}
}

func bindCarriedOver(flags *pflag.FlagSet) {
	for _, name := range carriedOver() {
		flags.String(name, "", "has no meaning here")
		flags.Lookup(name).NoOptDefVal = "true"
		_ = flags.MarkHidden(name) // fails for an unknown flag only
	}
}

// meaningless gives the flags of [carriedOver] that were given.
func meaningless(flags *pflag.FlagSet) []string {
	var given []string
	for _, name := range carriedOver() {
		if flags.Changed(name) {
			given = append(given, "--"+name)
		}
	}
	return given
}
