package install

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/certshim/certshim/test/cluster"
)

// A release with each value that makes an object: the API server sorts its requests by its FlowSchemas, an upgrade leaves the replicas to
// whoever else sets them, and after it is uninstalled the cluster has what it had before.
func TestTheLifeOfAReleaseWithEverything(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	installMonitorKinds(t, c)
	r := newRelease(t, c, "whole")
	c.Apply(t, "", "{apiVersion: v1, kind: Namespace, metadata: {name: whole}}")
	r.kubectl(t, "wait", "--for=create", "serviceaccount/default", "--namespace=whole", "--timeout=60s")
	before := r.everythingThere(t)

	values := strings.Replace(everything, "commonLabels:", "replicaCount: null\ncommonLabels:", 1)
	r.helm(t, values, append([]string{"install", r.name, "deploy/chart", "--values=-"}, withTypes()...)...)
	if made := len(r.everythingThere(t)) - len(before); made < 20 {
		t.Errorf("the release has %d objects", made)
	}
	r.isSorted(t)

	r.kubectl(t, "scale", "--namespace=whole", "deployment/whole-certshim", "--replicas=5")
	r.helm(t, strings.Replace(values, "commonLabels:", "logLevel: debug\ncommonLabels:", 1), append([]string{"upgrade", r.name, "deploy/chart", "--values=-"}, withTypes()...)...)
	if d := r.deployment(t); *d.Spec.Replicas != 5 || !slices.Contains(d.Spec.Template.Spec.Containers[0].Args, "--log-level=debug") {
		t.Errorf("after the upgrade there are %d replicas with the arguments %q, want 5 of the new ones", *d.Spec.Replicas, d.Spec.Template.Spec.Containers[0].Args)
	}

	r.helm(t, "", "uninstall", r.name)
	err := cluster.Await(t.Context(), "all to be as it was", func(context.Context) error {
		after := r.everythingThere(t)
		if left := slices.DeleteFunc(slices.Clone(after), func(object string) bool { return slices.Contains(before, object) }); len(left) > 0 || len(after) != len(before) {
			return fmt.Errorf("there are %d objects, and were %d; these are left: %q", len(after), len(before), left)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func (r *release) kubectl(t *testing.T, arguments ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), filepath.Join(r.repository, "bin/kubectl"), arguments...)
	command.Env = append(os.Environ(), "KUBECONFIG="+r.Kubeconfig)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("kubectl %q: %v: %s", arguments, err, output)
	}
}

// everythingThere are all objects of the cluster of all kinds that can be listed, but for Events.
func (r *release) everythingThere(t *testing.T) (all []string) {
	t.Helper()
	lists, err := discovery.ServerPreferredResources(r.client.Discovery())
	if err != nil {
		t.Fatal(err)
	}
	listable := discovery.SupportsAllVerbs{Verbs: []string{"list", "delete"}}
	for _, list := range discovery.FilteredBy(listable, lists) {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		for _, resource := range list.APIResources {
			if resource.Name == "events" {
				continue
			}
			found, err := r.Dynamic.Resource(version.WithResource(resource.Name)).List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range found.Items {
				all = append(all, resource.Name+"."+version.Group+" "+item.GetNamespace()+"/"+item.GetName())
			}
		}
	}
	return all
}

// isSorted sends requests, and wants those of the release's account in the FlowSchemas of the chart, at their priority levels, and no others.
func (r *release) isSorted(t *testing.T) {
	t.Helper()
	const certificates = "/apis/cert-manager.io/v1/certificates"
	for _, row := range []struct{ account, path, flow, level string }{
		{"whole-certshim", certificates, "whole-certshim", "workload-low"},
		{"whole-certshim", "/apis/networking.k8s.io/v1/namespaces/default/ingresses", "whole-certshim", "workload-low"},
		{"whole-certshim", "/apis/coordination.k8s.io/v1/namespaces/whole/leases/whole-certshim", "whole-certshim-lease", "leader-election"},
		{"whole-certshim", "/apis/coordination.k8s.io/v1/namespaces/default/leases/whole-certshim", "whole-certshim", "workload-low"},
		{"default", certificates, "service-accounts", "workload-low"},
	} {
		flows, levels := r.client.FlowcontrolV1().FlowSchemas(), r.client.FlowcontrolV1().PriorityLevelConfigurations()
		err := cluster.Await(t.Context(), row.path+" to be sorted", func(ctx context.Context) error {
			flow, err := flows.Get(ctx, row.flow, metav1.GetOptions{})
			if err != nil {
				return err
			}
			level, err := levels.Get(ctx, row.level, metav1.GetOptions{})
			if err != nil {
				return err
			}
			header, err := r.answered(ctx, row.account, row.path)
			if err != nil {
				return err
			}
			if header.Get("X-Kubernetes-Pf-Flowschema-Uid") != string(flow.UID) || header.Get("X-Kubernetes-Pf-Prioritylevel-Uid") != string(level.UID) {
				return fmt.Errorf("the request of %s isn't in %s at %s: %v", row.account, row.flow, row.level, header)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// answered is the header of the answer to a ServiceAccount, whatever it may.
func (r *release) answered(ctx context.Context, account, path string) (http.Header, error) {
	kubeconfig, err := r.AccountKubeconfig(ctx, r.name, account)
	if err != nil {
		return nil, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, config.Host+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	return response.Header, response.Body.Close()
}
