package configuration

import (
	"fmt"
	"net"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
)

// maxShards bounds the instances among which a cluster is shared: each reads all of it.
const maxShards = 64

// Validate gives everything that is wrong with the values, each with the path of its field in
// the file.
func (c Configuration) Validate() error { return c.mistakes().Err() }

func (c *Configuration) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	all.Addf(c.APIVersion != APIVersion, "apiVersion", "%q, must be %s", c.APIVersion, APIVersion)
	all.Addf(c.Kind != Kind, "kind", "%q, must be %s", c.Kind, Kind)
	all.AddUnder("namespaces", checkNamespaces(c.Namespaces))
	all.AddUnder("serve", c.Serve.mistakes())
	all.Addf(c.DefaultIssuer.Kind == "", "defaultIssuer.kind", "it is empty, must be a kind such as Issuer")
	// With types of the operator's own, the kinds are known only once their files are read.
	if len(c.Sources.Types) == 0 {
		all.AddUnder("", c.unknownKinds(ShippedKinds()))
	}
	_, err := annotations.NewLabels(c.Labels.Exclude, c.Labels.Include)
	all.AddEach("labels", err)
	if choices := []TakeoverMode{AutoTakeover, ManualTakeover}; !slices.Contains(choices, c.Takeover.Mode) {
		all.Add("takeover.mode", declaration.NoneOf(c.Takeover.Mode, choices))
	}
	all.Addf(c.Takeover.ChangesPerMinute < 0, "takeover.changesPerMinute", "%d, must be 0 or more", c.Takeover.ChangesPerMinute)
	if choices := []string{string(annotations.DeleteUnneeded), string(annotations.RetainUnneeded)}; !slices.Contains(choices, string(c.Ownership.DeletionPolicy)) {
		all.Add("ownership.deletionPolicy", declaration.NoneOf(string(c.Ownership.DeletionPolicy), choices))
	}
	all.AddUnder("gatewayAPI.routeNames", c.GatewayAPI.RouteNames.mistakes())
	all.AddUnder("crossNamespace", c.CrossNamespace.mistakes())
	_, wrong := c.Ownership.ownership()
	all.AddUnder("ownership", wrong)
	all.AddUnder("resolvers", c.Resolvers.mistakes())
	_, wrong = c.rules()
	all.AddUnder("", wrong)
	all.Addf(c.KubernetesAPI.QPS < -1, "kubernetesAPI.qps", "%g, must be -1 (no limit), 0 (default) or more", c.KubernetesAPI.QPS)
	all.Addf(c.KubernetesAPI.Burst < -1, "kubernetesAPI.burst", "%d, must be 0 (default) or more", c.KubernetesAPI.Burst)
	if c.LeaderElect.Enabled {
		all.AddUnder("leaderElection", c.LeaderElect.mistakes())
	}
	all.Add("metricsListenAddress", checkAddress(c.MetricsListenAddress))
	all.Add("healthzListenAddress", checkAddress(c.HealthzListenAddress))
	all.AddUnder("metrics", c.Metrics.mistakes())
	all.Add("profilerAddress", checkLoopback(c.ProfilerAddress))
	all.Addf(c.Workers < 1 || c.Workers > MaxWorkers, "workers", "%d, must be 1 to %d", c.Workers, MaxWorkers)
	return all
}

func (s Serve) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	all.AddUnder("namespaces", checkNamespaces(s.Namespaces))
	all.Addf(s.Shards < 0 || s.Shards > maxShards, "shards", "%d, must be 0 to %d", s.Shards, maxShards)
	all.Addf(s.Shard < 0 || s.Shard > 0 && s.Shard >= s.Shards, "shard", "%d, must be 0 to %d, less than shards", s.Shard, max(0, s.Shards-1))
	all.Addf(s.Shards > 0 && len(s.Namespaces) > 0, "namespaces", "there are some, must be none where there are shards")
	return all
}

func (m Metrics) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	all.Addf(m.TLSCertFile != "" && m.TLSKeyFile == "", "tlsKeyFile", "it is empty, must be the file of the key of tlsCertFile")
	all.Addf(m.TLSCertFile == "" && m.TLSKeyFile != "", "tlsCertFile", "it is empty, must be the file of the certificate of tlsKeyFile")
	all.Addf(m.Authentication && m.TLSCertFile == "", "authentication", "true, must be false without tlsCertFile and tlsKeyFile: tokens would be sent in the clear")
	return all
}

func (c CrossNamespace) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	if modes := []certshim.Crossing{certshim.CrossOff, certshim.CrossGrant, certshim.CrossSecretGrant}; !slices.Contains(modes, c.Mode) {
		all.Add("mode", declaration.NoneOf(c.Mode, modes))
	}
	if choices := []annotations.DeletionPolicy{annotations.RetainUnneeded, annotations.DeleteUnneeded}; !slices.Contains(choices, c.Orphans) {
		all.Add("orphans", declaration.NoneOf(c.Orphans, choices))
	}
	return all
}

func (l LeaderElection) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	all.Addf(l.LeaseName == "", "leaseName", "it is empty, must be the name of a Lease")
	all.Addf(l.LeaseDuration <= l.RenewDeadline, "leaseDuration", "%s, must be more than renewDeadline, %s", l.LeaseDuration, l.RenewDeadline)
	all.Addf(float64(l.RenewDeadline) <= 1.2*float64(l.RetryPeriod), "renewDeadline",
		"%s, must be more than 1.2 times retryPeriod, %s", l.RenewDeadline, l.RetryPeriod)
	all.Addf(l.RetryPeriod <= 0, "retryPeriod", "%s, must be more than 0", l.RetryPeriod)
	return all
}

func (r Resolvers) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	if choices := []string{ShowRecommendations, ApplyRecommendations}; !slices.Contains(choices, r.Recommendations) {
		all.Add("recommendations", declaration.NoneOf(r.Recommendations, choices))
	}
	names := map[string]bool{}
	for i, plugin := range r.Plugins {
		at := fmt.Sprintf("plugins[%d]", i)
		all.AddUnder(at, plugin.mistakes())
		all.Addf(names[plugin.Name], at+".name", "%s is the name of another plugin, too", problem.Quote(plugin.Name))
		names[plugin.Name] = true
	}
	return all
}

func checkNamespaces(namespaces []string) declaration.Mistakes {
	var all declaration.Mistakes
	for i, namespace := range namespaces {
		all.Addf(!isLabel(namespace), fmt.Sprintf("[%d]", i),
			"%s is no namespace, which has lower-case letters, digits and '-', such as shop", problem.Quote(namespace))
	}
	return all
}

// checkAddress wants host:port with a port that is a number, or 0 for none.
func checkAddress(address string) error {
	const must, none = "must be host:port such as 0.0.0.0:9402 or :9402, or 0 for none", "0"
	if address == none {
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err == nil && isPort(port) {
		return nil
	}
	hint := ""
	if isPort(address) {
		hint = fmt.Sprintf("; did you mean %q?", ":"+address)
	}
	return fmt.Errorf("%s, %s%s", problem.Quote(address), must, hint)
}

// checkLoopback wants an address that can be reached from this machine alone, or 0 for none.
func checkLoopback(address string) error {
	if address == "0" {
		return nil
	}
	host, port, err := net.SplitHostPort(address)
	if err == nil && isPort(port) && (host == "localhost" || net.ParseIP(host).IsLoopback()) {
		return nil
	}
	return fmt.Errorf("%s, must be an address on loopback such as 127.0.0.1:6060, or 0 for none", problem.Quote(address))
}

func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}

func isLabel(name string) bool { return len(validation.IsDNS1123Label(name)) == 0 }
