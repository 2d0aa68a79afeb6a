package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/clientmetrics"
	"github.com/certshim/certshim/controller"
	"github.com/certshim/certshim/source"
)

type controllerOptions struct {
	settings   *settings
	logs       logFlags
	connection connectionFlags
	streams    Streams
	build      build
}

func newController(streams Streams, b build) *cobra.Command {
	o := &controllerOptions{streams: streams, build: b}
	cmd := &cobra.Command{
		Use:   "controller",
		Short: "Keep Certificates in step with their sources in a cluster",
		Long: `Watches Ingresses, Gateways and ListenerSets, and keeps one Certificate for each TLS Secret
that they ask for. In a pod it uses the pod's ServiceAccount, elsewhere the kubeconfig.

Flags have the names that they have in cert-manager. What cert-manager's own shims did must
be switched off there: --controllers=*,-ingress-shim,-gateway-shim.

` + exitHelp,
		Example: `  certshim controller --kubeconfig ~/.kube/config --leader-elect=false`,
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.settings = newSettings(cmd.Flags(), bindController)
	o.logs.bind(cmd)
	bindCarriedOver(cmd.Flags())
	o.connection.bind(cmd)
	return cmd
}

func (o *controllerOptions) run(cmd *cobra.Command) error {
	log, failed := o.logs.logger(o.streams.ErrOut)
	configuration, err := o.settings.configuration(cmd.Flags())
	if err = errors.Join(failed, err); err != nil {
		return err
	}
	reloader := newReloader(configuration, o.build, log)
	policy, err := newPolicy(configuration, o.build)
	if err != nil {
		return err
	}
	if flags := meaningless(cmd.Flags()); len(flags) > 0 {
		log.Warn("these flags have no meaning here, remove them", slog.String("flags", strings.Join(flags, " ")))
	}
	connection, err := o.connection.config()
	if err != nil {
		return err
	}
	host, err := o.build.plugins(configuration, policy.Registry, log)
	if err != nil {
		return err
	}
	version := readVersion()
	config := controller.Config{
		Configuration: configuration, Policy: policy, AfterPeak: afterPeak, Pod: ownPod(), Version: version.Version, Revision: version.Commit,
	}
	metrics := prometheus.NewRegistry()
	clientmetrics.Install(metrics)
	if host != nil {
		config.Plugins = host
		metrics.MustRegister(host)
	}
	if len(configuration.Resolvers.Types) > 0 {
		policies := make(chan *certshim.Policy)
		config.Policies = policies
		metrics.MustRegister(reloader.good)
		go reloader.run(cmd.Context(), policy, policies)
	}
	return runController(cmd.Context(), config, connection, log, metrics)
}

// ownPod is the Pod that this program runs in, as deploy/ tells it by the downward API.
func ownPod() source.Ref {
	return source.Ref{
		Version: "v1", Kind: "Pod", Namespace: os.Getenv("POD_NAMESPACE"), Name: os.Getenv("POD_NAME"), UID: os.Getenv("POD_UID"),
	}
}

func runController(ctx context.Context, config controller.Config, connection *rest.Config, log *slog.Logger, metrics *prometheus.Registry) error {
	c, err := controller.New(config, connection, log, metrics)
	if err != nil {
		return err
	}
	limitGarbage(controllerGarbage)
	if err := c.Run(ctx); err != nil {
		return failure{err}
	}
	return nil
}
