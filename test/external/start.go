package external

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/external/router"
	"github.com/certshim/certshim/test/process"
)

// Class is the class of the Ingresses and Gateways that are served.
const Class = "loopback"

// approver is the namespace and the name of the ServiceAccount that cert-manager's approver runs under.
const approver = "cert-manager"

// Stage is a cluster with real external issuers and with certshim in it.
type Stage struct {
	*cluster.Cluster
	Router *router.Router
	AWSPCA *AWSPCA
	Pebble *Pebble
	DNS    *DNSProvider

	certshim, approver *process.Process
}

// Start starts everything and returns when it is ready. The logs go into the folder, where they stay; if none is given, they
// go with the cluster. The flags are certshim's. The caller calls Stop.
func Start(ctx context.Context, logs string, certshimFlags ...string) (*Stage, error) {
	return StartWithProgress(ctx, logs, func(string) {}, certshimFlags...)
}

// StartWithProgress is Start, and calls the function as soon as each part is up, with the part's name.
func StartWithProgress(ctx context.Context, logs string, up func(part string), certshimFlags ...string) (*Stage, error) {
	if err := Build(ctx); err != nil {
		return nil, err
	}
	routing, err := router.Listen(ctx)
	if err != nil {
		return nil, err
	}
	pebble, err := NewPebble(ctx)
	if err != nil {
		return nil, errors.Join(err, routing.Close())
	}
	s := &Stage{Router: routing, Pebble: pebble}
	s.Cluster, err = cluster.StartMain(ctx, cluster.WithLogs(logs), cluster.WithProgress(up),
		cluster.WithCertManagerFlags("--controllers=*,-certificaterequests-approver,orders,challenges,certificaterequests-issuer-acme", "--enable-gateway-api"),
		cluster.WithCertManagerFlags(pebble.SelfCheckFlags()...),
		cluster.WithCertManagerEnv("HTTP_PROXY="+routing.URL(), "NO_PROXY=", "no_proxy="))
	if err != nil {
		return nil, errors.Join(err, routing.Close())
	}
	if err := s.furnish(ctx, up, certshimFlags); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// furnish starts what runs in the cluster.
func (s *Stage) furnish(ctx context.Context, up func(part string), certshimFlags []string) error {
	err := s.Router.ServeCluster(s.Config, Class)
	if err != nil {
		return err
	}
	if err := s.Pebble.Start(ctx, s.Logs, s.Router.Port()); err != nil {
		return err
	}
	if s.DNS, err = StartDNSProvider(ctx, s.Pebble); err != nil {
		return err
	}
	up("the ACME server pebble")
	if s.AWSPCA, err = StartAWSPCA(ctx, s.Cluster); err != nil {
		return err
	}
	up("aws-privateca-issuer")
	if err := s.startApprover(ctx); err != nil {
		return err
	}
	up("cert-manager's approver")
	kubeconfig, err := s.Deploy(ctx)
	if err != nil {
		return err
	}
	if s.certshim, err = s.StartCertshim(ctx, kubeconfig, certshimFlags...); err == nil {
		up("certshim")
	}
	return err
}

// startApprover runs cert-manager's approver under the permissions that its chart gives it.
func (s *Stage) startApprover(ctx context.Context) error {
	if err := s.Kubectl(ctx, "apply", "-f", filepath.Join("test", "external", "approver.yaml")); err != nil {
		return err
	}
	kubeconfig, err := s.AccountKubeconfig(ctx, approver, approver)
	if err != nil {
		return err
	}
	s.approver, err = s.RunAs(ctx, kubeconfig, "approver", "certmanager", "--controllers=certificaterequests-approver")
	return err
}

// Stop ends everything, the cluster last.
func (s *Stage) Stop() error {
	var errs []error
	for _, running := range []*process.Process{s.certshim, s.approver} {
		if running != nil {
			errs = append(errs, running.Stop())
		}
	}
	if s.AWSPCA != nil {
		errs = append(errs, s.AWSPCA.Stop())
	}
	if s.DNS != nil {
		errs = append(errs, s.DNS.Close())
	}
	return errors.Join(append(errs, s.Pebble.Stop(), s.Cluster.Stop(), s.Router.Close())...)
}
