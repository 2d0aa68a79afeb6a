package install

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/process"
)

// container is one of the Pod that runs.
type container struct {
	spec    corev1.Container
	process *process.Process
	// ports is where its ports are on this machine, by their names.
	ports map[string]string
	log   string
}

// run starts all containers anew, and returns when they are ready.
func (r *release) run(t *testing.T) {
	t.Helper()
	r.stop(t)
	d, manifests := r.deployment(t)
	r.pod = newPod(t, manifests)
	for _, spec := range r.pod.spec.InitContainers {
		if spec.RestartPolicy == nil {
			t.Fatalf("init container %s isn't a sidecar, and no other is played here", spec.Name)
		}
	}
	for _, spec := range r.pod.containers() {
		c := &container{spec: spec, log: filepath.Join(r.Logs, r.name+"-"+spec.Name+".log")}
		r.start(t, d, c)
		r.running = append(r.running, c)
	}
	for _, c := range r.running {
		for _, probe := range []*corev1.Probe{c.spec.ReadinessProbe, c.spec.LivenessProbe} {
			if err := c.answers(t, probe); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// start starts a container as its user, and returns when the next may be started.
func (r *release) start(t *testing.T, d *appsv1.Deployment, c *container) {
	t.Helper()
	path, arguments := r.images[c.spec.Image], r.pod.allHere(c.spec.Args)
	if len(c.spec.Command) > 0 {
		path, arguments = r.pod.here(c.spec.Command[0]), append(r.pod.allHere(c.spec.Command[1:]), arguments...)
	}
	if c.spec.Name == "certshim" {
		path, arguments = r.program, append(arguments, r.flags(t, d, c)...)
	}
	if path == "" {
		t.Fatalf("no program stands for the image %s", c.spec.Image)
	}
	var err error
	c.process, err = process.Start(t.Context(), process.Program{
		Path: r.pod.brings(t, path), Args: arguments, Env: environment(c.spec.Env, d), Credential: r.pod.credential(c.spec), Log: c.log,
	})
	if err == nil {
		err = c.answers(t, c.spec.StartupProbe)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// flags are those that certshim needs here beyond the container's own, since it has no network and no token of a Pod.
func (r *release) flags(t *testing.T, d *appsv1.Deployment, c *container) []string {
	t.Helper()
	kubeconfig, err := r.AccountKubeconfig(t.Context(), r.name, d.Spec.Template.Spec.ServiceAccountName)
	if err != nil {
		t.Fatal(err)
	}
	r.metrics = freeAddress(t)
	c.ports = map[string]string{"http": r.metrics, "healthz": freeAddress(t)}
	return []string{"--kubeconfig=" + r.pod.brings(t, kubeconfig), "--metrics-listen-address=" + r.metrics, "--healthz-listen-address=" + c.ports["healthz"]}
}

// answers waits until a probe succeeds, where there is one.
func (c *container) answers(t *testing.T, probe *corev1.Probe) error {
	t.Helper()
	if probe == nil {
		return nil
	}
	if probe.HTTPGet == nil || c.ports[probe.HTTPGet.Port.String()] == "" {
		return fmt.Errorf("container %s has the probe %s: only httpGet at a port of certshim, by its name, is played here", c.spec.Name, probe)
	}
	url := "http://" + c.ports[probe.HTTPGet.Port.String()] + probe.HTTPGet.Path
	if err := cluster.Answers(context.WithoutCancel(t.Context()), c.process, http.DefaultClient, url); err != nil {
		log, _ := os.ReadFile(c.log)
		return fmt.Errorf("container %s: %w\n%s", c.spec.Name, err, log)
	}
	return nil
}

// crashes kills a container, and starts it again alone.
func (r *release) crashes(t *testing.T, name string) {
	t.Helper()
	d, _ := r.deployment(t)
	for _, c := range r.running {
		if c.spec.Name != name {
			continue
		}
		if err := c.process.Kill(); err != nil {
			t.Fatal(err)
		}
		r.start(t, d, c)
		return
	}
	t.Fatalf("there is no container %s", name)
}

// stop ends the containers, sidecars last. Each has run until now, and was alive.
func (r *release) stop(t *testing.T) {
	t.Helper()
	for _, c := range slices.Backward(r.running) {
		select {
		case <-c.process.Done():
			t.Errorf("container %s has ended: %v", c.spec.Name, c.process.Result())
			continue
		default:
		}
		if err := errors.Join(c.answers(t, c.spec.LivenessProbe), c.process.Stop()); err != nil {
			t.Error(err)
		}
	}
	r.running = nil
}

// environment is that of a container; what is told of the Pod is made up.
func environment(variables []corev1.EnvVar, d *appsv1.Deployment) []string {
	var all []string
	for _, variable := range variables {
		value := variable.Value
		if variable.ValueFrom != nil {
			value = map[string]string{
				"metadata.name": d.Name + "-1", "metadata.namespace": d.Namespace, "metadata.uid": string(d.UID),
			}[variable.ValueFrom.FieldRef.FieldPath]
		}
		all = append(all, variable.Name+"="+value)
	}
	return all
}

// runAsPod starts the containers anew, and shows it to the API server as a kubelet would: as a ready Pod of the Deployment,
// which serves its metrics.
func (r *release) runAsPod(t *testing.T) {
	t.Helper()
	r.run(t)
	r.vanish(t)
	d, _ := r.deployment(t)
	template := d.Spec.Template.DeepCopy()
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.Name = hostname(t)
	ip, port := cluster.AsPod(t, r.metrics)
	r.reachable = ip != ""
	for _, c := range pod.Spec.Containers {
		for i, served := range c.Ports {
			if served.Name == "http" && r.reachable {
				c.Ports[i].ContainerPort = int32(port)
			}
		}
	}
	pod, err := r.client.CoreV1().Pods(r.name).Create(t.Context(), pod, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}}}
	if r.reachable {
		_, err = r.client.CoreV1().Pods(r.name).UpdateStatus(t.Context(), pod, metav1.UpdateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	r.RunsReplicas(t, d.Namespace, d.Name, 1)
}

// vanish takes the Pod away.
func (r *release) vanish(t *testing.T) {
	t.Helper()
	err := r.client.CoreV1().Pods(r.name).Delete(t.Context(), hostname(t), metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
}

func hostname(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// showCertManager is what cert-manager's chart makes of its controller, whose stand-in runs without leader election.
func (r *release) showCertManager(t *testing.T) {
	t.Helper()
	r.CertManagerDeployment(t, `"--controllers=*,-ingress-shim"`, "--leader-elect=false")
	r.RunsReplicas(t, "cert-manager", "cert-manager", 1)
}
