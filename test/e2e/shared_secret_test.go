package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/proxy"
)

// sharing is an Ingress whose Secret has another name than it would have by itself.
func sharing(name, secret string, set annotations) string {
	return strings.Replace(ingress(name, set, name+".example.com"), name+"-tls", secret, 1)
}

// madeFor says whether a Certificate is that of an object.
func madeFor(name string) func(*unstructured.Unstructured) bool {
	return func(c *unstructured.Unstructured) bool {
		owner := metav1.GetControllerOf(c)
		return owner != nil && owner.Name == name
	}
}

// An older source that is refused for its own mistake keeps the Secret from nobody, and mended
// it takes it away from nobody.
func TestFirstSourceOfASecretThatIsWrong(t *testing.T) {
	for name, row := range map[string]struct {
		key, wrong, mended, reason string
	}{
		"duration":    {"cert-manager.io/duration", "90d", "2160h", "BadConfig"},
		"issuer kind": {"cert-manager.io/issuer-kind", "Isuer", "Issuer", "BadIssuer"},
	} {
		t.Run(name, func(t *testing.T) {
			namespace := shared.Namespace(t)
			certificates := shared.Watch(t, cluster.Certificates(), namespace)
			events := shared.Watch(t, cluster.Events(), namespace)
			// Of two that are made within a second, the first by name counts as older.
			shared.Apply(t, namespace, sharing("a-older", "web-tls", annotations{issuerKey: "ca", row.key: row.wrong}))
			awaitWarning(t, events, "a-older", row.reason)
			shared.Apply(t, namespace, sharing("b-newer", "web-tls", annotations{issuerKey: "ca"}))
			made := certificates.Object(t, "web-tls", "to be made for the newer one", madeFor("b-newer"))

			shared.annotate(t, ingresses, namespace, "a-older", row.key, &row.mended)
			awaitWarning(t, events, "a-older", "SecretTaken")
			shared.settled(t, namespace)
			now := shared.certificate(t, namespace, "web-tls")
			if now.GetUID() != made.GetUID() || !madeFor("b-newer")(now) {
				t.Errorf("the Certificate was taken away: %v", now.GetOwnerReferences())
			}
			if got := warningsAbout(events.State(), "b-newer"); got["SecretTaken"] > 0 {
				t.Errorf("Events about the newer one: %v, want no SecretTaken", got)
			}
		})
	}
}

// A Certificate that is put right frees the Secret for whoever was refused meanwhile.
func TestSecretThatAnEditedCertificateTookComesFree(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	writes := &proxy.Barrier{Matches: func(r *http.Request) bool {
		return r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "/certificates/foo-tls")
	}}
	d.launchThrough(t, writes.Before, nil, "--leader-elect=false")
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	events := d.Watch(t, cluster.Events(), namespace)
	d.Apply(t, namespace, ingress("foo", annotations{issuerKey: "ca"}, "a.example.com"))
	certificates.Object(t, "foo-tls", "to be made", exists)
	d.settled(t, namespace)

	writes.Shut()
	d.patch(t, cluster.Certificates(), namespace, "foo-tls", `{"spec":{"secretName":"web-tls"}}`)
	d.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "b.example.com"))
	wantIn(t, fmt.Sprint(field(awaitWarning(t, events, "web", "SecretTaken"), "note")), "foo-tls")
	writes.Open()

	certificates.Object(t, "foo-tls", "to be put right", func(c *unstructured.Unstructured) bool {
		return field(c, "spec|secretName") == "foo-tls"
	})
	certificates.Object(t, "web-tls", "to be made", madeFor("web"))
}

// flood is a burst of edits to many Ingresses that name one Secret.
const (
	floodSources = 300
	floodEdits   = 4000
	floodWorkers = 4
	// rounds is how many Certificates another tenant must get while it lasts.
	rounds = 5
)

// One tenant's burst of edits to sources of one Secret doesn't keep another tenant waiting.
func TestManySourcesOfOneSecretStallNobodyElse(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	d.startFor(t, "certshim", "--leader-elect=false")
	crowd, good := d.Namespace(t), d.Namespace(t)
	for i := range floodSources {
		d.Apply(t, crowd, sharing(fmt.Sprintf("web-%d", i), "one", annotations{issuerKey: "ca"}))
	}
	d.settled(t, crowd)
	certificates := d.Watch(t, cluster.Certificates(), good)

	var over atomic.Bool
	flooded := make(chan error, 1)
	go func() {
		err := d.flood(t, crowd)
		over.Store(true)
		flooded <- err
	}()
	served, worst := 0, time.Duration(0)
	for !over.Load() {
		asked := time.Now()
		name := fmt.Sprintf("good-%d", served)
		d.Apply(t, good, ingress(name, annotations{issuerKey: "ca"}, name+".example.com"))
		certificates.Object(t, name+"-tls", "to be made", exists)
		worst = max(worst, time.Since(asked))
		if !over.Load() {
			served++
		}
	}
	if err := <-flooded; err != nil {
		t.Fatal(err)
	}
	t.Logf("%d Certificates of another tenant during the flood, the last of all after %s", served, worst)
	if served < rounds {
		t.Errorf("another tenant got %d Certificates during the flood, want %d at least", served, rounds)
	}
	d.calm(t, good)
}

// flood edits the sources as fast as the server takes it.
func (d *deployed) flood(t *testing.T, namespace string) error {
	t.Helper()
	client := d.Dynamic.Resource(ingresses).Namespace(namespace)
	group, ctx := errgroup.WithContext(t.Context())
	var next atomic.Int64
	for range floodWorkers {
		group.Go(func() error {
			for i := next.Add(1); i <= floodEdits; i = next.Add(1) {
				patch := fmt.Sprintf(`{"metadata":{"annotations":{"cert-manager.io/common-name":"d%d.example.com"}}}`, i)
				if _, err := client.Patch(ctx, fmt.Sprintf("web-%d", i%floodSources), types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// calm waits until plan finds nothing to do in the whole cluster, and fails if certshim writes
// after that.
func (d *deployed) calm(t *testing.T, namespace string) {
	t.Helper()
	if err := cluster.Poll(t.Context(), "plan to find nothing to do", func(context.Context) (bool, error) {
		var plan report
		err := json.Unmarshal([]byte(d.planOf(t, "-A", "-o", "report").stdout), &plan)
		return len(plan.Sources) > 0 && plan.changes() == 0, err
	}); err != nil {
		t.Fatal(err)
	}
	before := d.writes(t)
	d.settled(t, namespace)
	// settled makes one Certificate itself.
	if got := d.writes(t) - before; got != 1 {
		t.Errorf("%v writes after plan has found nothing to do, want that of the marker alone", got)
	}
}

// changes counts what would be written.
func (r report) changes() int {
	count := 0
	for _, source := range r.Sources {
		for _, certificate := range source.Certificates {
			switch certificate.Action {
			case "create", "apply", "delete":
				count++
			}
		}
	}
	return count
}
