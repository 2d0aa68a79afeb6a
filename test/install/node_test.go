package install

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/certshim/certshim/test/cluster"
)

// node is what people see of Pods that run: it tells the API server that they are ready, serves their logs to it, and ends those that are deleted.
type node struct {
	client kubernetes.Interface
	name   string

	lock sync.Mutex
	// replicas are by the names of their Pods.
	replicas map[string]*release
}

func newNode(t *testing.T, client kubernetes.Interface) *node {
	t.Helper()
	n := &node{client: client, name: "node", replicas: map[string]*release{}}
	kubelet := httptest.NewTLSServer(n)
	t.Cleanup(kubelet.Close)
	listens, err := url.Parse(kubelet.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(listens.Port())
	if err != nil {
		t.Fatal(err)
	}
	object, err := client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: n.name}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	object.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: listens.Hostname()}}
	object.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(port)
	if _, err := client.CoreV1().Nodes().UpdateStatus(t.Context(), object, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	pods, err := client.CoreV1().Pods(metav1.NamespaceAll).Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for event := range pods.ResultChan() {
			if pod, is := event.Object.(*corev1.Pod); is && pod.DeletionTimestamp != nil {
				n.end(t, pod)
			}
		}
	}()
	return n
}

// ServeHTTP serves the log of a container at /containerLogs/NAMESPACE/POD/CONTAINER, as a kubelet does.
func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	n.lock.Lock()
	defer n.lock.Unlock()
	if len(path) != 4 || path[0] != "containerLogs" || n.replicas[path[2]] == nil {
		http.NotFound(w, r)
		return
	}
	for _, c := range n.replicas[path[2]].running {
		if c.spec.Name != path[3] {
			continue
		}
		log, err := os.ReadFile(c.log)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		lines := strings.SplitAfter(strings.TrimSuffix(string(log), "\n"), "\n")
		if tail, err := strconv.Atoi(r.FormValue("tailLines")); err == nil {
			lines = lines[max(0, len(lines)-tail):]
		}
		_, _ = fmt.Fprintln(w, strings.Join(lines, ""))
	}
}

// runs starts a release's replicas anew, in Pods that the Deployment owns, and returns when all are ready, and the Deployment says so.
func (n *node) runs(t *testing.T, replicas []*release) {
	t.Helper()
	for _, r := range replicas {
		r.run(t)
		n.shows(t, r)
	}
	d := replicas[0].deployment(t)
	if d.Spec.Replicas == nil || int(*d.Spec.Replicas) != len(replicas) {
		t.Fatalf("the Deployment wants %v replicas, and %d are played here", d.Spec.Replicas, len(replicas))
	}
	status := fmt.Sprintf(`{"status":{"observedGeneration":%[1]d,"replicas":%[2]d,"updatedReplicas":%[2]d,"readyReplicas":%[2]d,"availableReplicas":%[2]d}}`,
		d.Generation, len(replicas))
	_, err := n.client.AppsV1().Deployments(d.Namespace).Patch(t.Context(), d.Name, types.MergePatchType, []byte(status), metav1.PatchOptions{}, "status")
	if err != nil {
		t.Fatal(err)
	}
}

// shows tells the API server of a replica that runs.
func (n *node) shows(t *testing.T, r *release) {
	t.Helper()
	n.lock.Lock()
	n.replicas[r.object.Name] = r
	n.lock.Unlock()
	d, pods := r.deployment(t), n.client.CoreV1().Pods(r.name)
	bound := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: r.object.Name}, Target: corev1.ObjectReference{Kind: "Node", Name: n.name}}
	if err := pods.Bind(t.Context(), bound, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	pod, err := pods.Get(t.Context(), r.object.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: d.Name, UID: d.UID}}
	if pod, err = pods.Update(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
	if r.ip != "" {
		pod.Status.PodIP, pod.Status.PodIPs = r.ip, []corev1.PodIP{{IP: r.ip}}
	}
	for _, c := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}},
		})
	}
	if _, err := pods.UpdateStatus(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// end stops what runs in a Pod that is to be deleted, which is gone after that.
func (n *node) end(t *testing.T, pod *corev1.Pod) {
	n.lock.Lock()
	defer n.lock.Unlock()
	if r := n.replicas[pod.Name]; r != nil {
		delete(n.replicas, pod.Name)
		for _, c := range slices.Backward(r.running) {
			if err := c.process.Stop(); err != nil {
				t.Error(err)
			}
		}
		r.running = nil
	}
	// It may be gone already.
	_ = n.client.CoreV1().Pods(pod.Namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
}

// replace deletes the Pods of a release, and runs new ones, as its Deployment does once its template has changed.
func (n *node) replace(t *testing.T, replicas []*release) {
	t.Helper()
	if err := n.client.CoreV1().Pods(replicas[0].name).DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
		t.Fatal(err)
	}
	n.isEmpty(t)
	n.runs(t, replicas)
}

// isEmpty waits until all replicas have ended and their Pods are gone.
func (n *node) isEmpty(t *testing.T) {
	t.Helper()
	err := cluster.Await(t.Context(), "the Pods to be gone", func(ctx context.Context) error {
		pods, err := n.client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
		if err == nil && len(pods.Items) > 0 {
			err = fmt.Errorf("there are %d", len(pods.Items))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
