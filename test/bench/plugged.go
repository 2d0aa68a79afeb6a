package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/crds"
	"github.com/certshim/certshim/test/process"
)

// plugged is a resolver plugin that runs, with an issuer of its CA, and the configuration of a certshim that asks it, and that limits its requests.
type plugged struct {
	*process.Process
	folder, configuration string
}

const (
	corpGroup, corpKind, corpIssuer = "pki.corp.example", "CorpIssuer", "corp"
	knownToThePlugin                = `{"issuers": [{"kind": %q, "namespace": %q, "name": %q, "maxDays": 90, "usages": ["server auth"]}]}`
	limitedRequests                 = "kubernetesAPI: {qps: 50, burst: 50}\n"
)

// plug starts the example of a plugin, and lets an Ingress name its issuer.
func (b *bench) plug(ctx context.Context) (*plugged, error) {
	// The path of a socket has 107 bytes at most.
	folder, err := os.MkdirTemp("", "corp-ca-")
	if err != nil {
		return nil, err
	}
	p := &plugged{folder: folder, configuration: filepath.Join(folder, "certshim.yaml")}
	program, socket, state := filepath.Join(folder, "plugin"), filepath.Join(folder, "plugin.sock"), filepath.Join(folder, "issuers.json")
	err = errors.Join(
		os.WriteFile(p.configuration, fmt.Appendf(nil, cluster.CorpConfiguration+limitedRequests, socket, os.Getuid()), 0o600),
		os.WriteFile(state, fmt.Appendf(nil, knownToThePlugin, corpKind, shownNamespace, corpIssuer), 0o600),
		buildPlugin(ctx, program),
		b.makeCorpIssuer(ctx),
	)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	p.Process, err = process.Start(ctx, process.Program{
		Path: program, Args: []string{"-socket", socket, "-issuers", state}, Log: filepath.Join(b.Logs, "plugin.log"),
	})
	if err == nil {
		err = cluster.Listens(ctx, p.Process, "unix", socket)
	}
	return p, err
}

func (p *plugged) unplug() {
	_ = p.Stop()
	_ = os.RemoveAll(p.folder)
}

func buildPlugin(ctx context.Context, program string) error {
	certshim, err := cluster.Binary("certshim")
	if err != nil {
		return err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./plugins/examples/go")
	build.Dir = filepath.Dir(filepath.Dir(certshim))
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the plugin: %w\n%s", err, output)
	}
	return nil
}

// makeCorpIssuer makes the plugin's kind, an issuer of it, and an Ingress that names that.
func (b *bench) makeCorpIssuer(ctx context.Context) error {
	var definition unstructured.Unstructured
	if err := yaml.Unmarshal([]byte(cluster.CorpIssuers), &definition.Object); err != nil {
		return err
	}
	if err := crds.InstallAll(ctx, b.Config, &definition); err != nil {
		return err
	}
	issuer := &unstructured.Unstructured{Object: map[string]any{"apiVersion": corpGroup + "/v1", "kind": corpKind, "metadata": map[string]any{"name": corpIssuer}}}
	resource := schema.GroupVersionResource{Group: corpGroup, Version: "v1", Resource: "corpissuers"}
	if _, err := b.Dynamic.Resource(resource).Namespace(shownNamespace).Create(ctx, issuer, metav1.CreateOptions{}); err != nil {
		return err
	}
	asks := ingress(shownNamespace, "corp")
	asks.SetAnnotations(map[string]string{
		"cert-manager.io/issuer": corpIssuer, "cert-manager.io/issuer-kind": corpKind, "cert-manager.io/issuer-group": corpGroup,
	})
	_, err := b.Dynamic.Resource(ingresses).Namespace(shownNamespace).Create(ctx, asks, metav1.CreateOptions{})
	return err
}
