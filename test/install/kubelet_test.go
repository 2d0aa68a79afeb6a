package install

import (
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certshim/certshim/test/cluster"
)

// runAsPod starts certshim anew, and shows it to the API server as a kubelet would: as a ready Pod of the Deployment,
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
	for i, served := range pod.Spec.Containers[0].Ports {
		if served.Name == "http" && r.reachable {
			pod.Spec.Containers[0].Ports[i].ContainerPort = int32(port)
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
