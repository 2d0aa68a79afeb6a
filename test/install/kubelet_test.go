package install

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
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

// run starts all containers of a new Pod, and returns when they are ready.
func (r *release) run(t *testing.T) {
	t.Helper()
	r.stop(t)
	r.create(t)
	r.pod = newPod(t, r.object.Spec, func(volume corev1.Volume) map[string]string { return r.files(t, volume) })
	for _, spec := range r.pod.spec.InitContainers {
		if spec.RestartPolicy == nil {
			t.Fatalf("init container %s isn't a sidecar, and no other is played here", spec.Name)
		}
	}
	for _, spec := range r.pod.containers() {
		c := &container{spec: spec, log: filepath.Join(r.Logs, r.name+"-"+spec.Name+r.replica+".log")}
		if spec.Name == "certshim" {
			c.ports = map[string]string{"http": r.metrics, "healthz": r.healthz}
		}
		r.pod.brings(t, r.image(t, spec), entrypoint(spec))
		r.start(t, c)
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

// create makes the Pod, as the Deployment's controllers do. The API server adds what Pods have by default, such as the volume with the token of the
// ServiceAccount.
func (r *release) create(t *testing.T) {
	t.Helper()
	r.vanish(t)
	template := r.deployment(t).Spec.Template
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.Name = r.podName(t)
	r.metrics, r.healthz = freeAddress(t), freeAddress(t)
	ip, port := cluster.AsPod(t, r.metrics)
	r.ip = ip
	for _, c := range pod.Spec.Containers {
		for i, served := range c.Ports {
			if served.Name == "http" && ip != "" {
				c.Ports[i].ContainerPort = int32(port)
			}
		}
	}
	var err error
	if r.object, err = r.client.CoreV1().Pods(r.name).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// image is the program that stands for a container's image.
func (r *release) image(t *testing.T, c corev1.Container) string {
	t.Helper()
	program := r.images[c.Image]
	if c.Name == "certshim" {
		program = r.program
	}
	if program == "" || len(c.Command) > 0 {
		t.Fatalf("no program stands for the image %s, or it isn't what runs: %q", c.Image, c.Command)
	}
	return program
}

// entrypoint is that of an image which has nothing but its program, as certshim's has.
func entrypoint(c corev1.Container) string { return "/" + c.Name }

// start starts a container as its user, and returns when the next may be started.
func (r *release) start(t *testing.T, c *container) {
	t.Helper()
	arguments := slices.Clone(c.spec.Args)
	if c.spec.Name == "certshim" {
		// It has no network of its own.
		arguments = append(arguments, "--metrics-listen-address="+r.metrics, "--healthz-listen-address="+r.healthz)
	}
	program := r.pod.program(c.spec, entrypoint(c.spec), r.environment(t, c.spec), arguments...)
	program.Log = c.log
	var err error
	if c.process, err = process.Start(t.Context(), program); err != nil {
		cannotStart(t, err)
	}
	if err := c.answers(t, c.spec.StartupProbe); err != nil {
		t.Fatal(err)
	}
}

// exec runs certshim in its container with other arguments, as `kubectl exec` does.
func (r *release) exec(t *testing.T, arguments ...string) (stdout, stderr string, exit int) {
	t.Helper()
	c := r.pod.container(t, "certshim")
	return ends(t, r.pod.program(c, entrypoint(c), r.environment(t, c), arguments...))
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
	for _, c := range r.running {
		if c.spec.Name != name {
			continue
		}
		if err := c.process.Kill(); err != nil {
			t.Fatal(err)
		}
		r.start(t, c)
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

// environment is that of a container: its own, and what runtime and kubelet add to it.
func (r *release) environment(t *testing.T, c corev1.Container) []string {
	t.Helper()
	server, err := url.Parse(r.Config.Host)
	if err != nil {
		t.Fatal(err)
	}
	all := []string{"HOME=/", "KUBERNETES_SERVICE_HOST=" + server.Hostname(), "KUBERNETES_SERVICE_PORT=" + server.Port()}
	for _, variable := range c.Env {
		value := variable.Value
		if variable.ValueFrom != nil {
			value = r.field(variable.ValueFrom.FieldRef)
		}
		all = append(all, variable.Name+"="+value)
	}
	return all
}

// field is what the downward API says of the Pod.
func (r *release) field(ref *corev1.ObjectFieldSelector) string {
	return map[string]string{
		"metadata.name": r.object.Name, "metadata.namespace": r.object.Namespace, "metadata.uid": string(r.object.UID),
	}[ref.FieldPath]
}

// files are those of a volume; an empty one has none.
func (r *release) files(t *testing.T, volume corev1.Volume) map[string]string {
	t.Helper()
	switch {
	case volume.ConfigMap != nil:
		return r.configMap(t, volume.ConfigMap.Name)
	case volume.Secret != nil:
		return r.secret(t, volume.Secret.SecretName)
	case volume.Projected == nil:
		return nil
	}
	files := map[string]string{}
	for _, source := range volume.Projected.Sources {
		switch {
		case source.ServiceAccountToken != nil:
			files[source.ServiceAccountToken.Path] = r.podToken(t, source.ServiceAccountToken)
		case source.ConfigMap != nil:
			data := r.configMap(t, source.ConfigMap.Name)
			for _, item := range source.ConfigMap.Items {
				files[item.Path] = data[item.Key]
			}
		case source.DownwardAPI != nil:
			for _, item := range source.DownwardAPI.Items {
				files[item.Path] = r.field(item.FieldRef)
			}
		}
	}
	return files
}

// configMap is what one has. That with the API server's certificate authority is in each namespace of a cluster, by a controller that doesn't run here.
func (r *release) configMap(t *testing.T, name string) map[string]string {
	t.Helper()
	if name == "kube-root-ca.crt" {
		return map[string]string{"ca.crt": string(r.Config.CAData)}
	}
	found, err := r.client.CoreV1().ConfigMaps(r.name).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return found.Data
}

func (r *release) secret(t *testing.T, name string) map[string]string {
	t.Helper()
	found, err := r.client.CoreV1().Secrets(r.name).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for key, content := range found.Data {
		files[key] = string(content)
	}
	return files
}

// podToken is what the kubelet asks for: a token of the ServiceAccount, which counts for as long as the Pod is there.
func (r *release) podToken(t *testing.T, projected *corev1.ServiceAccountTokenProjection) string {
	t.Helper()
	token, err := r.client.CoreV1().ServiceAccounts(r.name).CreateToken(t.Context(), r.object.Spec.ServiceAccountName, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{
			ExpirationSeconds: projected.ExpirationSeconds,
			BoundObjectRef:    &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: r.object.Name, UID: r.object.UID},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return token.Status.Token
}

// runAsPod starts the containers of a new Pod, and tells the API server as a kubelet would: it is ready, and serves its metrics.
func (r *release) runAsPod(t *testing.T) {
	t.Helper()
	r.run(t)
	r.object.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: r.ip, PodIPs: []corev1.PodIP{{IP: r.ip}}}
	if r.ip != "" {
		if _, err := r.client.CoreV1().Pods(r.name).UpdateStatus(t.Context(), r.object, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	r.RunsReplicas(t, r.name, r.deployment(t).Name, 1)
}

// vanish takes the Pod away.
func (r *release) vanish(t *testing.T) {
	t.Helper()
	err := r.client.CoreV1().Pods(r.name).Delete(t.Context(), r.podName(t), metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
}

// podName is that of the machine, as certshim writes the latter into its Lease.
func (r *release) podName(t *testing.T) string { return hostname(t) + r.replica }

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
