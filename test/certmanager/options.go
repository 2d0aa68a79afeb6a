package main

import (
	"flag"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/cert-manager/cert-manager/pkg/controller"
)

// options are the flags; names and defaults are those of cert-manager's controller where it has such a flag.
type options struct {
	kubeconfig        string
	controllers       []string
	namespace         string
	workers           int
	serverSideApply   bool
	certificateOwners bool
	shim              controller.IngressShimOptions
	extraProtocols    []string
	gatewayAPI        bool
	solverImage       string
	selfCheckRetry    time.Duration
	nameservers       []string
	nameserversOnly   bool
}

func parseOptions(arguments []string) (options, error) {
	o := options{
		controllers: issuingControllers(),
		shim:        controller.IngressShimOptions{DefaultAutoCertificateAnnotations: []string{"kubernetes.io/tls-acme"}},
	}
	flags := flag.NewFlagSet("certmanager", flag.ContinueOnError)
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "path of the kubeconfig file")
	flags.Func("controllers", "comma list of controllers; * stands for the default, the issuing ones, and -NAME takes "+
		"one out (ingress-shim, gateway-shim and listenerset are the shims; orders, challenges and "+
		"certificaterequests-issuer-acme are ACME)", list(&o.controllers))
	flags.StringVar(&o.namespace, "namespace", "", "the only namespace to work in (default: all)")
	flags.IntVar(&o.workers, "concurrent-workers", 5, "workers of each controller")
	flags.BoolVar(&o.serverSideApply, "server-side-apply", false, "cert-manager's feature gate ServerSideApply")
	flags.BoolVar(&o.certificateOwners, "enable-certificate-owner-ref", false, "make a Certificate the owner of its Secret")
	flags.StringVar(&o.shim.DefaultIssuerName, "default-issuer-name", "", "issuer of objects that name none")
	flags.StringVar(&o.shim.DefaultIssuerKind, "default-issuer-kind", "Issuer", "kind of the default issuer")
	flags.StringVar(&o.shim.DefaultIssuerGroup, "default-issuer-group", "cert-manager.io", "group of the default issuer")
	flags.Func("auto-certificate-annotations", "comma list of annotations that ask for the default issuer "+
		"(default: kubernetes.io/tls-acme)", list(&o.shim.DefaultAutoCertificateAnnotations))
	flags.Func("extra-certificate-annotations", "comma list of annotations copied to the Certificate",
		list(&o.shim.ExtraCertificateAnnotations))
	flags.Func("gateway-api-extra-protocols", "comma list of listener protocols counted as TLS", list(&o.extraProtocols))
	flags.BoolVar(&o.gatewayAPI, "enable-gateway-api", false, "solve HTTP-01 challenges by HTTPRoutes; the shims of Gateways are on by --controllers")
	flags.StringVar(&o.solverImage, "acme-http01-solver-image", "acmesolver", "image of the Pods that answer HTTP-01 challenges")
	flags.DurationVar(&o.selfCheckRetry, "dns01-check-retry-period", 10*time.Second,
		"pause between two self-checks of a challenge, HTTP-01 included")
	flags.Func("dns01-recursive-nameservers", "comma list of ADDRESS:PORT that are asked for the records of DNS-01 challenges", list(&o.nameservers))
	flags.BoolVar(&o.nameserversOnly, "dns01-recursive-nameservers-only", false, "ask them alone, not the nameservers of the zone")
	err := flags.Parse(arguments)
	return o, err
}

// list reads a comma list; empty text is no item.
func list(into *[]string) func(string) error {
	return func(text string) error {
		*into = nil
		if text != "" {
			*into = strings.Split(text, ",")
		}
		return nil
	}
}

// contextOptions is what upstream's command builds from the same flags; the rest are its defaults.
func (o options) contextOptions() controller.ContextOptions {
	return controller.ContextOptions{
		Kubeconfig:         o.kubeconfig,
		KubernetesAPIQPS:   20,
		KubernetesAPIBurst: 50,
		Namespace:          o.namespace,
		IssuerOptions: controller.IssuerOptions{
			ClusterResourceNamespace:        "kube-system",
			ClusterIssuerAmbientCredentials: true,
		},
		ACMEOptions: controller.ACMEOptions{
			HTTP01SolverImage:                 o.solverImage,
			HTTP01SolverResourceRequestCPU:    resource.MustParse("10m"),
			HTTP01SolverResourceRequestMemory: resource.MustParse("64Mi"),
			HTTP01SolverResourceLimitsCPU:     resource.MustParse("100m"),
			HTTP01SolverResourceLimitsMemory:  resource.MustParse("64Mi"),
			ACMEHTTP01SolverRunAsNonRoot:      true,
			DNS01CheckRetryPeriod:             o.selfCheckRetry,
			DNS01Nameservers:                  o.nameservers,
			DNS01CheckAuthoritative:           !o.nameserversOnly,
		},
		IngressShimOptions: o.shimOptions(),
		CertificateOptions: o.certificateOptions(),
		SchedulerOptions:   controller.SchedulerOptions{MaxConcurrentChallenges: 60},
		ConfigOptions:      o.configOptions(),
	}
}

// copiedAnnotations go from a Certificate to its requests.
func copiedAnnotations() []string {
	return []string{"*", "-kubectl.kubernetes.io/", "-fluxcd.io/", "-argocd.argoproj.io/"}
}
