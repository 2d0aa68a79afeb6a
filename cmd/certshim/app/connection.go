package app

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// connectionFlags are those of kubectl's flags that choose the cluster and the user.
type connectionFlags struct {
	kubeconfig string
	overrides  clientcmd.ConfigOverrides
	// instead is what the command can do without a cluster, for errors.
	instead string
}

func (c *connectionFlags) bind(cmd *cobra.Command) {
	c.bindFlags(cmd.Flags())
	c.completion(cmd)
}

func (c *connectionFlags) bindFlags(flags *pflag.FlagSet) {
	flags.StringVar(&c.kubeconfig, "kubeconfig", "", "Path to the kubeconfig file to use for CLI requests.")
	flags.StringVar(&c.overrides.CurrentContext, "context", "", "The name of the kubeconfig context to use")
	flags.StringVar(&c.overrides.Context.Cluster, "cluster", "", "The name of the kubeconfig cluster to use")
	flags.StringVar(&c.overrides.Context.AuthInfo, "user", "", "The name of the kubeconfig user to use")
	flags.StringVarP(&c.overrides.ClusterInfo.Server, "server", "s", "", "The address and port of the Kubernetes API server")
	flags.StringVar(&c.overrides.AuthInfo.Impersonate, "as", "", "Username to impersonate for the operation. User could be a regular user or a service account in a namespace.")
	flags.StringArrayVar(&c.overrides.AuthInfo.ImpersonateGroups, "as-group", nil, "Group to impersonate for the operation, this flag can be repeated to specify multiple groups.")
}

// rules are where kubectl looks for the kubeconfig.
func (c *connectionFlags) rules() *clientcmd.ClientConfigLoadingRules {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.kubeconfig
	rules.DefaultClientConfig = &clientcmd.DefaultClientConfig
	return rules
}

// loader finds the kubeconfig as kubectl does, with the same defaults.
func (c *connectionFlags) loader() clientcmd.ClientConfig {
	overrides := c.overrides
	overrides.ClusterDefaults = clientcmd.ClusterDefaults
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(c.rules(), &overrides)
}

// config returns how to reach the cluster. With no kubeconfig, and outside of a pod, the client
// libraries would fall back to localhost; that is an error here. So they would in a pod, if somebody is to be
// impersonated.
func (c *connectionFlags) config() (*rest.Config, error) {
	const fallback = "http://localhost:8080"
	loader := c.loader()
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	if config.Host == fallback && c.overrides.ClusterInfo.Server == "" {
		kubeconfig, err := loader.RawConfig()
		if err == nil && len(kubeconfig.Clusters) == 0 {
			return c.inPod(config.Impersonate)
		}
	}
	return config, nil
}

// inPod is how a pod reaches its cluster, as somebody else.
func (c *connectionFlags) inPod(as rest.ImpersonationConfig) (*rest.Config, error) {
	config, err := rest.InClusterConfig()
	if errors.Is(err, rest.ErrNotInCluster) {
		return nil, c.noCluster()
	}
	if err != nil {
		return nil, err
	}
	config.Impersonate = as
	return config, nil
}

// noCluster says where a kubeconfig was looked for, and what to do.
func (c *connectionFlags) noCluster() error {
	files := c.rules().GetLoadingPrecedence()
	there := slices.DeleteFunc(slices.Clone(files), func(name string) bool { _, err := os.Stat(name); return err != nil })
	text := "no cluster: there is no kubeconfig at " + strings.Join(files, " or ")
	switch {
	case len(there) > 0:
		text = "no cluster: the kubeconfig " + strings.Join(there, ", ") + " has none"
	case os.Getenv(clientcmd.RecommendedConfigPathEnvVar) != "":
		text += ", which KUBECONFIG names"
	}
	return errors.New(text + "; name one by --kubeconfig or KUBECONFIG" + c.instead)
}

// namespace returns the namespace of the kubeconfig's current context.
func (c *connectionFlags) namespace() (string, error) {
	namespace, _, err := c.loader().Namespace()
	if err != nil {
		return "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	return namespace, nil
}

// describe names the cluster, by the kubeconfig's context or by its address.
func (c *connectionFlags) describe() string {
	kubeconfig, err := c.loader().RawConfig()
	name := cmp.Or(c.overrides.CurrentContext, kubeconfig.CurrentContext)
	switch {
	case c.overrides.ClusterInfo.Server != "":
		return "the cluster at " + c.overrides.ClusterInfo.Server
	case err != nil || name == "":
		return "the cluster"
	}
	return "the cluster of context " + name
}
