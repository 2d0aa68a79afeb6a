package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/proxy"
)

// twoSecrets makes an Ingress of that name ask for a second Secret.
const twoSecrets = `{"spec":{"tls":[{"hosts":["%[1]s.example.com"],"secretName":"%[1]s-tls"},{"hosts":["%[1]s.example.com"],"secretName":"%[1]s-more"}]}}`

// deletions are the deletions of Certificates that a proxy saw.
type deletions struct {
	lock  sync.Mutex
	names []string
}

func (d *deletions) see(response *http.Response) {
	folder, name, found := cutLast(response.Request.URL.Path)
	if response.Request.Method == http.MethodDelete && found && strings.HasSuffix(folder, "/certificates") {
		d.lock.Lock()
		defer d.lock.Unlock()
		d.names = append(d.names, name)
	}
}

func cutLast(path string) (folder, name string, found bool) {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)], path[i+1:], i >= 0
}

func (d *deletions) all() []string {
	d.lock.Lock()
	defer d.lock.Unlock()
	return slices.Clone(d.names)
}

// A restart may meet an API server whose Ingresses are older than its Certificates.
func TestAStaleListAtARestartDeletesNothing(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	first := d.startFor(t, "first", "--leader-elect=false")
	names := []string{"a", "b", "c", "d", "e"}
	for _, name := range names {
		d.Apply(t, namespace, ingress(name, annotations{issuerKey: "ca"}, name+".example.com"))
		certificates.Object(t, name+"-tls", "to be made", exists)
	}
	stale := must(must(d.Dynamic.Resource(ingresses).List(t.Context(), metav1.ListOptions{}))(t).MarshalJSON())(t)
	var made []*unstructured.Unstructured
	for _, name := range names {
		d.patch(t, ingresses, namespace, name, fmt.Sprintf(twoSecrets, name))
		made = append(made, certificates.Object(t, name+"-more", "to be made", exists))
	}
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	delete(d.running, "first")

	watch, deleted := proxy.Gate{Of: "/ingresses"}, &deletions{}
	watch.Lock()
	flags := []string{"--leader-elect=false", "--kubeconfig=" + d.proxied(t, nil, func(response *http.Response) error {
		deleted.see(response)
		if request := response.Request; request.Method == http.MethodGet && strings.HasSuffix(request.URL.Path, "/ingresses") && request.URL.Query().Get("watch") == "" {
			proxy.Replace(response, http.StatusOK, stale)
		}
		return watch.See(response)
	})}
	if err := d.launchWith(t.Context(), "second", []string{"KUBE_FEATURE_WatchListClient=false"}, flags...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.stop("second") })
	d.untilMetricOf(t, "second", "certshim_initial_reconcile_done", 1)
	if got := deleted.all(); len(got) > 0 {
		t.Errorf("deleted are %v, which their Ingresses name", got)
	}
	if reads := must(d.metric(t, "second", "certshim_live_reads_total"))(t); reads < float64(len(names)) {
		t.Errorf("%v reads from the API server: the list was not stale", reads)
	}
	watch.Unlock()
	d.settled(t, namespace)
	for i, name := range names {
		if now := d.certificate(t, namespace, name+"-more"); now.GetUID() != made[i].GetUID() {
			t.Errorf("%s-more was made again", name)
		}
	}
	if got := deleted.all(); len(got) > 0 {
		t.Errorf("once the watch has caught up, deleted are %v", got)
	}
}

// A Secret is renamed and back while the watch shows certshim the state in between.
func TestARenameTakenBackWhileTheWatchIsBehindDeletesNothing(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	watch, deleted := proxy.Gate{Of: "/ingresses"}, &deletions{}
	create := &proxy.Barrier{Matches: func(r *http.Request) bool {
		return r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "/certificates/renamed")
	}}
	d.launchThrough(t, create.Before, func(response *http.Response) error {
		deleted.see(response)
		return watch.See(response)
	}, "--leader-elect=false")
	d.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
	made := certificates.Object(t, "web-tls", "to be made", exists)

	const rename = `{"spec":{"tls":[{"hosts":["a.example.com"],"secretName":"%s"}]}}`
	create.Shut()
	d.patch(t, ingresses, namespace, "web", fmt.Sprintf(rename, "renamed"))
	if err := cluster.Poll(t.Context(), "certshim to make the new Certificate", func(context.Context) (bool, error) { return create.Count() > 0, nil }); err != nil {
		t.Fatal(err)
	}
	watch.Lock()
	d.patch(t, ingresses, namespace, "web", fmt.Sprintf(rename, "web-tls"))
	create.Open()
	d.untilMetricOf(t, "certshim", "certshim_live_reads_total", 1)
	watch.Unlock()
	certificates.Gone(t, "renamed")
	if now := d.certificate(t, namespace, "web-tls"); now.GetUID() != made.GetUID() || !slices.Equal(deleted.all(), []string{"renamed"}) {
		t.Errorf("deleted are %v", deleted.all())
	}
}

func (d *deployed) untilMetricOf(t *testing.T, name, metric string, least float64) {
	t.Helper()
	if err := cluster.Poll(t.Context(), fmt.Sprintf("%s to be %v", metric, least), func(context.Context) (bool, error) {
		now, err := d.metric(t, name, metric)
		return err == nil && now >= least, nil
	}); err != nil {
		t.Fatal(err)
	}
}

// refuser answers requests to read Ingresses by 403 while it is on, and counts the Certificates
// that are made.
type refuser struct {
	lock    sync.Mutex
	on      bool
	watches []io.Closer
	made    int
}

func (r *refuser) see(response *http.Response) error {
	r.lock.Lock()
	defer r.lock.Unlock()
	request := response.Request
	folder, _, _ := cutLast(request.URL.Path)
	switch {
	case request.Method == http.MethodPatch && strings.HasSuffix(folder, "/certificates") && response.StatusCode == http.StatusCreated:
		r.made++
	case request.Method != http.MethodGet || !strings.HasSuffix(request.URL.Path, "/ingresses"):
	case r.on:
		proxy.Replace(response, http.StatusForbidden, []byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","code":403,"reason":"Forbidden",`+
			`"message":"ingresses.networking.k8s.io is forbidden: User \"x\" cannot watch resource \"ingresses\""}`))
	case request.URL.Query().Get("watch") == "true":
		r.watches = append(r.watches, response.Body)
	}
	return nil
}

// set turns it on, which ends the watches that run, or off.
func (r *refuser) set(on bool) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.on = on
	if !on {
		return
	}
	for _, watch := range r.watches {
		_ = watch.Close()
	}
}

func (r *refuser) count() int {
	r.lock.Lock()
	defer r.lock.Unlock()
	return r.made
}

// The garbage collector removes the Certificate of an Ingress that is deleted; one that is known
// only from before isn't made again for the collector to remove.
func TestNothingIsMadeForSourcesDeletedWhileTheyCanNotBeWatched(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	r := &refuser{}
	d.launchThrough(t, nil, r.see, "--leader-elect=false")
	names := []string{"a", "b", "c", "d", "e"}
	for _, name := range names {
		d.Apply(t, namespace, ingress(name, annotations{issuerKey: "ca"}, name+".example.com"))
	}
	for _, name := range names {
		certificates.Object(t, name+"-tls", "to be made", exists)
	}
	r.set(true)
	forbidden := `certshim_resource_forbidden{resource="ingresses.networking.k8s.io"} `
	d.untilMetric(t, forbidden+"1")
	before := r.count()
	looks := must(d.metric(t, "certshim", "certshim_reconciles_total"))(t)
	for _, name := range names {
		d.delete(t, ingresses, namespace, name)
	}
	for _, name := range names {
		certificates.Gone(t, name+"-tls")
	}
	// Each that goes is looked at, and would be made again.
	d.untilMetricOf(t, "certshim", "certshim_reconciles_total", looks+float64(len(names)))
	if got := r.count() - before; got > 0 {
		t.Errorf("%d Certificates were made while Ingresses can't be watched", got)
	}
	r.set(false)
	d.untilMetric(t, forbidden+"0")
	d.settled(t, namespace)
	// settled makes one itself.
	if got := r.count() - before - 1; got > len(names) {
		t.Errorf("%d Certificates were made for %d Ingresses that are gone", got, len(names))
	}
}
