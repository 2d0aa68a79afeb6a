package external

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/crds"
	"github.com/certshim/certshim/test/external/privateca"
	"github.com/certshim/certshim/test/process"
)

// AWSPCA is aws-privateca-issuer with the API that it calls.
type AWSPCA struct {
	API        *privateca.Server
	controller *process.Process
	server     *httptest.Server
}

// StartAWSPCA installs the issuer's CRDs, starts its controller against a stand-in for AWS's API, and returns when it is
// ready. The caller calls Stop.
func StartAWSPCA(ctx context.Context, c *cluster.Cluster) (*AWSPCA, error) {
	if err := crds.Install(ctx, c.Config, crds.AWSPCA); err != nil {
		return nil, err
	}
	api, err := privateca.New()
	if err != nil {
		return nil, fmt.Errorf("private CA: %w", err)
	}
	a := &AWSPCA{API: api, server: httptest.NewServer(api)}
	if err := a.start(ctx, c); err != nil {
		return nil, errors.Join(err, a.Stop())
	}
	return a, nil
}

// start starts the controller with AWS's API at the stand-in's address, and with no other way to credentials than those
// of an issuer's Secret.
func (a *AWSPCA) start(ctx context.Context, c *cluster.Cluster) error {
	path, err := cluster.Binary("aws-privateca-issuer")
	if err != nil {
		return err
	}
	health, err := cluster.FreeAddress(ctx)
	if err != nil {
		return err
	}
	a.controller, err = process.Start(ctx, process.Program{
		Path: path,
		Args: []string{
			"--kubeconfig=" + c.Kubeconfig, "--metrics-bind-address=0", "--health-probe-bind-address=" + health,
			"--disable-client-side-rate-limiting",
		},
		Env: []string{
			"AWS_ENDPOINT_URL=" + a.URL(), "AWS_EC2_METADATA_DISABLED=true",
			"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
			"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_REGION=",
		},
		Log: filepath.Join(c.Logs, "aws-privateca-issuer.log"),
	})
	if err != nil {
		return err
	}
	return cluster.Answers(ctx, a.controller, http.DefaultClient, "http://"+health+"/readyz")
}

// URL is where the API is, as AWS_ENDPOINT_URL takes it.
func (a *AWSPCA) URL() string { return a.server.URL }

// Authority is the CA that a Secret of such an issuer must lead to.
func (a *AWSPCA) Authority() cluster.Authority {
	return cluster.Authority{Kind: "AWSPCAIssuer", Name: privateca.ARN, Certificate: a.API.Root()}
}

// Stop ends the controller and the stand-in.
func (a *AWSPCA) Stop() error {
	var err error
	if a.controller != nil {
		err = a.controller.Stop()
	}
	a.server.Close()
	return err
}
