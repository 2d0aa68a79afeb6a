package simulated

import (
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/controller"
)

// infra has the Gateways, and certs their Secrets: no owner reference can tie a Certificate there to its Gateway.
const infra, certs = "infra", "certs"

// Of two looks at an orphan, the first comes before betweenLooks has passed, and the second before longEnough has.
const betweenLooks, longEnough = 5 * time.Minute, 15 * time.Minute

// across is a cluster with such Gateways, and what certshim writes.
type across struct {
	*day
	// wrote are the writes to Certificates, and first is when the first of them came.
	wrote []string
	first time.Time
}

// playAcross plays a scene in simulated time.
func playAcross(t *testing.T, orphans annotations.DeletionPolicy, scene func(t *testing.T, a *across)) {
	t.Helper()
	a := &across{day: &day{t: t, api: emptyAPI(t), people: &people{asked: map[types.NamespacedName]int{}}}}
	a.people.api, a.api.onWrite = a.api, a.note
	a.configure = func(c *configuration.Configuration) {
		c.CrossNamespace.Orphans = orphans
		// Most of what a replica does in these minutes is to renew its Lease.
		c.LeaderElect.LeaseDuration, c.LeaderElect.RenewDeadline, c.LeaderElect.RetryPeriod = time.Minute, 40*time.Second, 20*time.Second
	}
	synctest.Test(t, func(t *testing.T) {
		issuer := issuerIn("", "ca")
		issuer["kind"] = "ClusterIssuer"
		a.create(a.people.resource("cert-manager.io", "clusterissuers"), issuer)
		a.namespace(infra)
		a.namespace(certs)
		scene(t, a)
		for _, r := range a.replicas {
			r.stop()
		}
	})
}

func (a *across) note(w Write) {
	if w.Resource != Certificates() || w.Manager != "certshim" {
		return
	}
	object := w.After
	if w.Verb == "delete" {
		object = w.Before
	}
	if len(a.wrote) == 0 {
		a.first = time.Now()
	}
	a.wrote = append(a.wrote, w.Verb+" "+object.GetName())
}

// written is what was written since it was called last.
func (a *across) written() []string {
	a.api.lock.Lock()
	defer a.api.lock.Unlock()
	wrote := a.wrote
	a.wrote = nil
	return wrote
}

// expect compares what was written since it was called last. The first of that must not come within the time for which a source
// has to be missing, counted from when it was first known to be.
func (a *across) expect(t *testing.T, missing time.Time, want ...string) {
	t.Helper()
	if wrote := a.written(); !slices.Equal(wrote, want) {
		t.Errorf("wrote %q, want %q", wrote, want)
	} else if passed := a.first.Sub(missing); len(want) > 0 && passed < controller.DefaultOrphans().Grace {
		t.Errorf("%s was written after %s", want[0], passed)
	}
}

// join starts a replica that the end of the scene stops.
func (a *across) join(t *testing.T) *replica {
	t.Helper()
	r := a.start(t)
	a.replicas = append(a.replicas, r)
	return r
}

// leave ends the first of the replicas.
func (a *across) leave(how func(*replica)) {
	how(a.replicas[0])
	a.replicas = a.replicas[1:]
}

func (a *across) create(r *resource, object map[string]any) {
	a.api.lock.Lock()
	defer a.api.lock.Unlock()
	a.people.must(r, object)
}

func (a *across) namespaces() *resource { return a.people.resource("", "namespaces") }

func (a *across) namespace(name string) {
	a.create(a.namespaces(), map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}})
}

func (a *across) gateways() *resource { return a.people.gateways() }

func (a *across) grants() *resource { return a.people.resource(gatewayAPI, "referencegrants") }

// make makes Gateways that have a Secret in certs each, and are granted it.
func (a *across) make(names ...string) {
	for _, name := range names {
		a.grant(name)
		a.create(a.gateways(), gatewayAcross(name))
	}
}

// begin starts a replica, which makes the Certificates of such Gateways, and forgets what it wrote.
func (a *across) begin(t *testing.T, names ...string) {
	t.Helper()
	a.make(names...)
	a.join(t)
	if wrote := a.written(); len(wrote) != len(names) {
		t.Fatalf("wrote %q at the beginning", wrote)
	}
}

func gatewayAcross(name string) map[string]any {
	l := listener("https", "HTTPS", name+".example.com", 443)
	l["tls"] = map[string]any{"certificateRefs": []any{map[string]any{"namespace": certs, "name": name + "-tls"}}}
	said := map[string]any{"cert-manager.io/cluster-issuer": "ca"}
	if name == "retained" {
		said["certshim.io/deletion-policy"] = "retain"
	}
	return map[string]any{
		"apiVersion": gatewayAPI + "/v1", "kind": "Gateway", "metadata": map[string]any{"namespace": infra, "name": name, "annotations": said},
		"spec": map[string]any{"gatewayClassName": "any", "listeners": []any{l}},
	}
}

func (a *across) grant(name string) {
	a.create(a.grants(), map[string]any{
		"apiVersion": gatewayAPI + "/v1", "kind": "ReferenceGrant", "metadata": map[string]any{"namespace": certs, "name": name},
		"spec": map[string]any{
			"from": []any{map[string]any{"group": gatewayAPI, "kind": "Gateway", "namespace": infra}},
			"to": []any{
				map[string]any{"group": "", "kind": "Secret", "name": name + "-tls"},
				map[string]any{"group": "cert-manager.io", "kind": "Certificate", "name": name + "-tls"},
			},
		},
	})
}

// drop deletes an object.
func (a *across) drop(r *resource, namespace, name string) *unstructured.Unstructured {
	a.api.lock.Lock()
	defer a.api.lock.Unlock()
	object := r.objects[types.NamespacedName{Namespace: namespace, Name: name}]
	a.api.remove(r, "delete", "kubectl", object)
	return object
}

// move lets a Gateway have no Secret any more.
func (a *across) move(name string) {
	a.api.lock.Lock()
	defer a.api.lock.Unlock()
	object := a.gateways().objects[types.NamespacedName{Namespace: infra, Name: name}]
	a.people.change(a.gateways(), "kubectl-edit", object, func(object *unstructured.Unstructured) {
		object.Object["spec"].(map[string]any)["listeners"] = []any{listener("http", "HTTP", "", 80)}
	})
}

// restore puts an object back, its uid too, as who repairs an etcd does.
func (a *across) restore(r *resource, object *unstructured.Unstructured) {
	a.api.lock.Lock()
	defer a.api.lock.Unlock()
	a.api.revision++
	object = object.DeepCopy()
	object.SetResourceVersion(strconv.FormatInt(a.api.revision, 10))
	r.objects[nameOf(object)] = object
	r.tell(event{watch.Added, a.api.revision, object})
}

// Gateways go while certshim is down. The Certificate of one goes later, once, and nothing else is written: what is to be retained stays,
// and what isn't granted any more, and what a living Gateway has or had. The grant counts though no source is left that asks for it.
func TestAnOrphanIsDeletedOnce(t *testing.T) {
	for name, others := range map[string][]string{"alone": nil, "among others": {"lives", "moved", "retained", "revoked"}} {
		t.Run(name, func(t *testing.T) {
			playAcross(t, annotations.DeleteUnneeded, func(t *testing.T, a *across) {
				a.begin(t, append([]string{"gone"}, others...)...)
				a.leave((*replica).stop)
				a.drop(a.gateways(), infra, "gone")
				if others != nil {
					a.drop(a.gateways(), infra, "retained")
					a.drop(a.gateways(), infra, "revoked")
					a.drop(a.grants(), certs, "revoked")
					a.move("moved")
				}
				started := time.Now()
				a.join(t)
				pass(longEnough)
				a.expect(t, started, "delete gone-tls")
			})
		})
	}
}

// By default a Certificate outlives its source.
func TestOrphansStayByDefault(t *testing.T) {
	playAcross(t, configuration.Default().CrossNamespace.Orphans, func(t *testing.T, a *across) {
		a.begin(t, "gone", "lives")
		a.drop(a.gateways(), infra, "gone")
		pass(longEnough)
		a.expect(t, time.Time{})
	})
}

// A Gateway that is back keeps its Certificate. When it goes again, its time begins anew.
func TestASourceThatIsBackKeepsItsCertificate(t *testing.T) {
	playAcross(t, annotations.DeleteUnneeded, func(t *testing.T, a *across) {
		a.begin(t, "edge")
		gateway := a.drop(a.gateways(), infra, "edge")
		pass(betweenLooks)
		a.restore(a.gateways(), gateway)
		pass(longEnough)
		a.expect(t, time.Time{})
		a.drop(a.gateways(), infra, "edge")
		again := time.Now()
		pass(longEnough)
		a.expect(t, again, "delete edge-tls")
	})
}

// Without the grant nothing is deleted, and once it is back nothing is written for a Gateway that is back, too.
func TestAGrantThatIsBack(t *testing.T) {
	playAcross(t, annotations.DeleteUnneeded, func(t *testing.T, a *across) {
		a.begin(t, "edge")
		gateway := a.drop(a.gateways(), infra, "edge")
		pass(betweenLooks)
		grant := a.drop(a.grants(), certs, "edge")
		pass(longEnough)
		a.restore(a.gateways(), gateway)
		pass(betweenLooks)
		a.restore(a.grants(), grant)
		pass(longEnough)
		a.expect(t, time.Time{})
	})
}

// A Namespace that is restored is there before its Gateways: a look from before it went doesn't count.
func TestANamespaceThatIsBack(t *testing.T) {
	playAcross(t, annotations.DeleteUnneeded, func(t *testing.T, a *across) {
		a.begin(t, "edge")
		gateway := a.drop(a.gateways(), infra, "edge")
		pass(betweenLooks)
		namespace := a.drop(a.namespaces(), "", infra)
		pass(longEnough)
		a.restore(a.namespaces(), namespace)
		pass(betweenLooks)
		a.restore(a.gateways(), gateway)
		pass(longEnough)
		a.expect(t, time.Time{})
	})
}

// Another Gateway of the name doesn't keep what the former one had. Once that is gone, it gets its own.
func TestAnotherSourceOfTheName(t *testing.T) {
	playAcross(t, annotations.DeleteUnneeded, func(t *testing.T, a *across) {
		a.begin(t, "edge")
		a.drop(a.gateways(), infra, "edge")
		gone := time.Now()
		pass(betweenLooks)
		a.create(a.gateways(), gatewayAcross("edge"))
		pass(longEnough)
		a.expect(t, gone, "delete edge-tls", "apply edge-tls")
	})
}

// Whoever leads next, or is started again, knows of no look but its own.
func TestANewLeaderLooksTwice(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, a *across){
		"killed while another one stands by": func(t *testing.T, a *across) { a.leave((*replica).kill) },
		"started again":                      func(t *testing.T, a *across) { a.leave((*replica).stop); a.leave((*replica).stop); a.join(t) },
	} {
		t.Run(name, func(t *testing.T) {
			playAcross(t, annotations.DeleteUnneeded, func(t *testing.T, a *across) {
				a.begin(t, "edge")
				a.join(t)
				a.drop(a.gateways(), infra, "edge")
				pass(betweenLooks)
				changed := time.Now()
				change(t, a)
				pass(longEnough)
				a.expect(t, changed, "delete edge-tls")
			})
		})
	}
}

// The replica that takes over has seen a Certificate, and not the Gateway that it is for. It goes by what the API server says.
func TestASourceThatNoWatchHasShown(t *testing.T) {
	playAcross(t, annotations.DeleteUnneeded, func(t *testing.T, a *across) {
		a.begin(t, "lives")
		second := a.join(t)
		second.wire.hide("gateways")
		a.make("late")
		pass(betweenLooks)
		a.expect(t, time.Time{}, "apply late-tls")
		a.leave((*replica).kill)
		pass(longEnough)
		second.wire.show()
		pass(longEnough)
		a.expect(t, time.Time{})
	})
}
