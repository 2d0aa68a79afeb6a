package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// renamed is a controller that has made Certificate old for an Ingress, and others if given, and by whose memory the
// Ingress names new alone. The API server answers what it has as the Ingress.
func renamed(t *testing.T, annotations map[string]any, now func() (*unstructured.Unstructured, error), others ...string) (*Controller, *script, key) {
	t.Helper()
	c := newTestController(t, nil)
	c.writer = newStore(t, c)
	c.reconcile(t.Context(), see(t, c, ingress(issuer, append(others, "old")...)))
	edited := ingress(annotations, "new")
	edited.SetResourceVersion("6")
	k := see(t, c, edited)
	queued(c)
	writer := &script{}
	c.writer = writer
	reads(c, now)
	return c, writer, k
}

// reads lets the controller read a source from the API server.
func reads(c *Controller, now func() (*unstructured.Unstructured, error)) {
	c.readSource = func(_ context.Context, r cluster.Resource, _ source.Ref) (any, error) {
		object, err := now()
		if err != nil {
			return nil, err
		}
		return r.Transform(object)
	}
}

// A Certificate that has gone, or that another process has written, may be that of a source which this process hasn't seen yet:
// it is made again, or gets another certificate, only if the source as it is now asks for just that.
func TestWhatMayBeLateIsConfirmedByTheSourceAsItIsNow(t *testing.T) {
	forbidden := status(403, `ingresses.networking.k8s.io "web" is forbidden: User "x" cannot get resource "ingresses"`)
	vanishes := func(t *testing.T, c *Controller, made *unstructured.Unstructured) {
		r := certificatesOf(c)
		item, err := r.Transform(made)
		if err != nil {
			t.Fatal(err)
		}
		r.Handler.OnDelete(item)
		// What vanishes soon after it was made is made again after a while.
		clear(c.creates.by)
	}
	another := func(t *testing.T, c *Controller, made *unstructured.Unstructured) {
		made.SetResourceVersion("9")
		if err := unstructured.SetNestedStringSlice(made.Object, []string{"tls.example.com", "more.example.com"}, "spec", "dnsNames"); err != nil {
			t.Fatal(err)
		}
		show(t, c, made)
	}
	both := ingress(issuer, "tls")
	both.Object["spec"] = map[string]any{"tls": []any{map[string]any{"hosts": []any{"tls.example.com", "more.example.com"}, "secretName": "tls"}}}
	for name, tt := range map[string]struct {
		happens func(*testing.T, *Controller, *unstructured.Unstructured)
		now     func() (*unstructured.Unstructured, error)
		sent    string
		retry   bool
	}{
		"it vanished, and is asked for":          {vanishes, func() (*unstructured.Unstructured, error) { return ingress(issuer, "tls"), nil }, "apply tls", false},
		"it vanished, another is asked for":      {vanishes, func() (*unstructured.Unstructured, error) { return ingress(issuer, "new"), nil }, "", false},
		"it vanished, as its source did":         {vanishes, func() (*unstructured.Unstructured, error) { return nil, gone(source.Ref{Name: "web"}) }, "", false},
		"it vanished, the server fails":          {vanishes, func() (*unstructured.Unstructured, error) { return nil, status(500, "oops") }, "", true},
		"it vanished, the permission is gone":    {vanishes, func() (*unstructured.Unstructured, error) { return nil, forbidden }, "apply tls", false},
		"it was changed, and isn't asked for so": {another, func() (*unstructured.Unstructured, error) { return ingress(issuer, "tls"), nil }, "apply tls", false},
		"it was changed, and another wants that": {another, func() (*unstructured.Unstructured, error) { return both, nil }, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTestController(t, nil)
			store := newStore(t, c)
			c.writer = store
			k := see(t, c, ingress(issuer, "tls"))
			c.reconcile(t.Context(), k)
			made := stored(store.all()["tls"])
			tt.happens(t, c, made)
			writer := &script{live: made.Object, version: "10"}
			c.writer = writer
			reads(c, tt.now)
			next := c.reconcile(t.Context(), k)
			got := ""
			for _, request := range writer.requests {
				if !strings.HasPrefix(request, "get ") {
					got += request
				}
			}
			if got != tt.sent || next.retry != tt.retry {
				t.Errorf("requests %v, requeue %+v", writer.requests, next)
			}
		})
	}
}

func TestADeletionIsProvenByTheSourceAsItIsNow(t *testing.T) {
	forbidden := status(403, `ingresses.networking.k8s.io "web" is forbidden: User "x" cannot get resource "ingresses"`)
	changed := func(change func(*unstructured.Unstructured), secrets ...string) func() (*unstructured.Unstructured, error) {
		return func() (*unstructured.Unstructured, error) {
			object := ingress(issuer, secrets...)
			object.SetResourceVersion("9")
			change(object)
			return object, nil
		}
	}
	fails := func(err error) func() (*unstructured.Unstructured, error) {
		return func() (*unstructured.Unstructured, error) { return nil, err }
	}
	same := func(*unstructured.Unstructured) {}
	for name, tt := range map[string]struct {
		now     func() (*unstructured.Unstructured, error)
		deletes bool
		retry   bool
		told    []problem.Reason
	}{
		"it names the new Secret alone":     {now: changed(same, "new"), deletes: true},
		"it names the old one again":        {now: changed(same, "old")},
		"it names both":                     {now: changed(same, "new", "old")},
		"it names yet another new one":      {now: changed(same, "newest")},
		"it has no trigger any more":        {now: changed(func(u *unstructured.Unstructured) { u.SetAnnotations(nil) }, "new")},
		"it is being deleted":               {now: changed(func(u *unstructured.Unstructured) { now := metav1.Now(); u.SetDeletionTimestamp(&now) }, "new")},
		"it can't be understood":            {now: changed(func(u *unstructured.Unstructured) { u.Object["spec"] = "text" })},
		"it is another by now":              {now: changed(func(u *unstructured.Unstructured) { u.SetUID(types.UID("another")) }, "new"), deletes: true},
		"it is another and names it":        {now: changed(func(u *unstructured.Unstructured) { u.SetUID(types.UID("another")) }, "old"), deletes: true},
		"it is gone":                        {now: fails(gone(source.Ref{Name: "web"})), deletes: true},
		"its kind isn't served":             {now: fails(status(404, "the server could not find the requested resource")), retry: true},
		"the server fails":                  {now: fails(status(500, "oops")), retry: true},
		"the server can't be reached":       {now: fails(errors.New("connection refused")), retry: true},
		"the server doesn't know us":        {now: fails(status(401, "Unauthorized")), retry: true},
		"the permission to read it is gone": {now: fails(forbidden), retry: true, told: []problem.Reason{problem.NoLongerKept}},
	} {
		t.Run(name, func(t *testing.T) {
			c, writer, k := renamed(t, issuer, tt.now, "new")
			if next := c.reconcile(t.Context(), k); next.retry != tt.retry || (next.after > 0) == (tt.retry || tt.deletes) {
				t.Errorf("requeue %+v", next)
			}
			if got := slices.Contains(writer.requests, "delete old"); got != tt.deletes {
				t.Errorf("requests %v", writer.requests)
			}
			if got := warnings(c); !slices.Equal(got, tt.told) {
				t.Errorf("told %v", got)
			}
		})
	}
}

// The permission to read sources is taken away for an hour. Once it is back, all that waited for it is deleted at once.
func TestADeletionIsMadeSoonAfterThePermissionToReadIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestController(t, nil)
		defer c.queue.ShutDown()
		c.writer = newStore(t, c)
		forbidden, reads := true, 0
		c.readSource = func(_ context.Context, r cluster.Resource, ref source.Ref) (any, error) {
			if reads++; forbidden {
				return nil, noPermission()
			}
			return r.Transform(named(ingress(issuer, ref.Name+"-new"), ref.Name))
		}
		names := []string{"a", "b", "c"}
		for _, name := range names {
			c.reconcile(t.Context(), see(t, c, named(ingress(issuer, name+"-new", name+"-old"), name)))
			edited := named(ingress(issuer, name+"-new"), name)
			edited.SetResourceVersion("6")
			see(t, c, edited)
		}
		writer := &script{}
		c.writer = writer
		for begun := time.Now(); time.Since(begun) < time.Hour; {
			c.workOnOne(t.Context(), t.Context())
		}
		synctest.Wait()
		drain(t, c)
		if most := 200; len(writer.requests) > 0 || reads > most {
			t.Errorf("requests %v after %d reads, want none after at most %d", writer.requests, reads, most)
		}
		if told := warnings(c); len(told) != len(names) {
			t.Errorf("told %v, want each once", told)
		}
		forbidden = false
		back := time.Now()
		for len(writer.requests) < len(names) {
			c.workOnOne(t.Context(), t.Context())
		}
		if waited := time.Since(back); waited > longestPause {
			t.Errorf("they were deleted after %s", waited)
		}
	})
}

// cert-manager writes the status of the old Certificate while the source is read.
func TestADeletionIsGuardedByTheCertificateAsItIsByThen(t *testing.T) {
	c := newTestController(t, nil)
	store := newStore(t, c)
	c.writer = store
	c.reconcile(t.Context(), see(t, c, ingress(issuer, "old")))
	k := see(t, c, ingress(issuer, "new"))
	writer := &script{}
	c.writer = writer
	c.readSource = func(_ context.Context, r cluster.Resource, _ source.Ref) (any, error) {
		old := stored(store.all()["old"])
		old.SetResourceVersion("2")
		show(t, c, old)
		return r.Transform(ingress(issuer, "new"))
	}
	c.reconcile(t.Context(), k)
	if !slices.Equal(writer.requests, []string{"apply new", "delete old"}) {
		t.Fatalf("requests %v", writer.requests)
	}
	if got := writer.guards[1]; got.ResourceVersion != "2" {
		t.Errorf("the deletion is guarded by %+v", got)
	}
}

// The old Certificate is what serves as long as the new one isn't there, whatever the reason.
func TestNothingIsDeletedBeforeTheNewIsMade(t *testing.T) {
	now := func() (*unstructured.Unstructured, error) { return ingress(issuer, "new"), nil }
	for name, answer := range map[string]error{
		"refused":         status(422, "invalid"),
		"failed":          status(500, "oops"),
		"no permission":   noPermission(),
		"exists already":  status(409, "exists"),
		"webhook is down": status(500, `Internal error occurred: failed calling webhook "w": refused`),
	} {
		c, writer, k := renamed(t, issuer, now)
		writer.answers = []error{answer}
		c.reconcile(t.Context(), k)
		if !slices.Equal(writer.requests, []string{"apply new"}) {
			t.Errorf("%s: requests %v", name, writer.requests)
		}
		if name != "webhook is down" {
			c.reconcile(t.Context(), k)
			if !slices.Equal(writer.requests, []string{"apply new", "apply new", "delete old"}) {
				t.Errorf("%s, then made: requests %v", name, writer.requests)
			}
		}
	}
	c, writer, k := renamed(t, map[string]any{"cert-manager.io/issuer": "ca", "cert-manager.io/duration": "90d"}, now)
	if c.reconcile(t.Context(), k); len(writer.requests) > 0 {
		t.Errorf("the new one is refused for a bad value: requests %v", writer.requests)
	}
}

// A Certificate in another namespace goes some time after its source, if the operator wants that, and only
// by answers of the API server that leave no doubt.
func TestOrphansAreDeletedByProof(t *testing.T) {
	gateway := func(uid string) *unstructured.Unstructured {
		object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway"}}
		object.SetNamespace("infra")
		object.SetName("edge")
		object.SetUID(types.UID(uid))
		return object
	}
	fails := func(err error) func() (*unstructured.Unstructured, error) {
		return func() (*unstructured.Unstructured, error) { return nil, err }
	}
	forbidden := noPermission()
	there := func() (*unstructured.Unstructured, error) { return gateway("u"), nil }
	another := func() (*unstructured.Unstructured, error) { return gateway("other"), nil }
	missing := fails(gone(source.Ref{Name: "edge"}))
	found := func() (*unstructured.Unstructured, error) { return &unstructured.Unstructured{}, nil }
	type answer = func() (*unstructured.Unstructured, error)
	for name, row := range map[string]struct {
		gateway   []answer
		namespace answer
		before    func(*Controller)
		deletes   bool
	}{
		"gone twice":                  {gateway: []answer{missing, missing}, namespace: found, deletes: true},
		"another of its name":         {gateway: []answer{another, another}, namespace: found, deletes: true},
		"there again":                 {gateway: []answer{missing, there}, namespace: found},
		"there":                       {gateway: []answer{there, there}, namespace: found},
		"forbidden":                   {gateway: []answer{fails(forbidden), fails(forbidden)}, namespace: found},
		"its kind isn't served":       {gateway: []answer{fails(status(404, "the server could not find the requested resource")), missing}, namespace: found},
		"its namespace is gone":       {gateway: []answer{missing, missing}, namespace: fails(gone(source.Ref{Name: "infra"}))},
		"its namespace is unreadable": {gateway: []answer{missing, missing}, namespace: fails(forbidden)},
		"it is to be retained": {gateway: []answer{missing, missing}, namespace: found, before: func(c *Controller) {
			object := tiedElsewhere()
			object.SetAnnotations(map[string]string{certificate.TieKey: object.GetAnnotations()[certificate.TieKey], annotations.DeletionKey: "retain"})
			show(t, c, object)
		}},
		"the grant is taken back": {gateway: []answer{missing, missing}, namespace: found, before: func(c *Controller) {
			c.inventory.Grants().Clear()
		}},
		"Gateways can't be known": {gateway: []answer{missing, missing}, namespace: found, before: func(c *Controller) {
			c.inventory.Know(resolver.GroupKind{Group: source.GatewayGroup, Kind: source.GatewayKind}, inventory.Unreadable)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			writer := &script{}
			c := newTestController(t, writer, func(config *Config) { config.Policy.CrossNamespace = certshim.CrossGrant })
			c.inventory.Know(inventory.GrantKind(), inventory.Whole)
			c.inventory.Know(resolver.GroupKind{Group: source.GatewayGroup, Kind: source.GatewayKind}, inventory.Whole)
			show(t, c, tiedElsewhere())
			takeGrant(t, c)
			asked := 0
			c.readSource = func(_ context.Context, r cluster.Resource, _ source.Ref) (any, error) {
				if r.GVR == namespacesResource() {
					return row.namespace()
				}
				object, err := row.gateway[min(asked, len(row.gateway)-1)]()
				if asked++; err != nil {
					return nil, err
				}
				return r.Transform(object)
			}
			if row.before != nil {
				row.before(c)
			}
			seen := orphans{}
			for _, after := range []time.Duration{0, time.Minute, DefaultOrphans().Grace} {
				if len(writer.requests) > 0 {
					t.Errorf("deleted within %s", after)
				}
				c.sweep(t.Context(), seen, noon.Add(after))
			}
			if got := slices.Equal(writer.requests, []string{"delete edge-tls"}); got != row.deletes || !row.deletes && len(writer.requests) > 0 {
				t.Errorf("requests %v", writer.requests)
			}
			if row.deletes && (writer.guards[0].UID != "c" || writer.guards[0].ResourceVersion != "7") {
				t.Errorf("guarded by %+v", writer.guards[0])
			}
		})
	}
}

// A deletion waits for a create that isn't sent. One that the watch shows between the decision and its proof was sent, and
// nothing wakes the source once more.
func TestADeletionWaitsForACreateThatIsNotSentAlone(t *testing.T) {
	c, _, k := renamed(t, issuer, func() (*unstructured.Unstructured, error) { return ingress(issuer, "new"), nil })
	look := c.inventory.Look(k)
	defer look.Close()
	outcome := c.decide(look)
	byAction := map[certificate.Action]certificate.Decision{}
	for _, d := range outcome.Certificates {
		byAction[d.Action] = d
	}
	create, deletion := byAction[certificate.Create], byAction[certificate.Delete]
	for _, step := range []struct {
		what  string
		does  func()
		found bool
	}{
		{"not sent", func() {}, false},
		{"sent, and not shown", func() { c.execute(t.Context(), look, outcome.Source, create) }, true},
		{"shown", func() { show(t, c, stored(create.Config)) }, true},
	} {
		step.does()
		if _, found := c.repeated(outcome, deletion); found != step.found {
			t.Errorf("the create is %s, and the deletion is proven: %t", step.what, found)
		}
	}
}

// Orphans that stay, as the namespace of their source is gone, too, keep no others from their turn.
func TestEachOrphanGetsItsTurn(t *testing.T) {
	writer := &script{}
	c := newTestController(t, writer, func(config *Config) { config.Policy.CrossNamespace = certshim.CrossGrant })
	c.inventory.Know(inventory.GrantKind(), inventory.Whole)
	c.inventory.Know(resolver.GroupKind{Group: source.GatewayGroup, Kind: source.GatewayKind}, inventory.Whole)
	for n := range 2 * orphansAtOnce {
		show(t, c, tiedTo("left", fmt.Sprintf("a%d-tls", n), fmt.Sprint("a", n)))
		takeGrantOf(t, c, "left", fmt.Sprintf("a%d-tls", n))
	}
	show(t, c, tiedElsewhere())
	takeGrant(t, c)
	c.readSource = func(_ context.Context, r cluster.Resource, ref source.Ref) (any, error) {
		if r.GVR == namespacesResource() && ref.Name != "left" {
			return &unstructured.Unstructured{}, nil
		}
		return nil, gone(ref)
	}
	seen := orphans{}
	for minute := range 20 {
		c.sweep(t.Context(), seen, noon.Add(time.Duration(minute)*time.Minute))
	}
	if len(writer.requests) == 0 || slices.ContainsFunc(writer.requests, func(r string) bool { return r != "delete edge-tls" }) {
		t.Errorf("requests %v", writer.requests)
	}
}

// tiedElsewhere is a Certificate that is tied to a Gateway of another namespace, as certshim applied it.
func tiedElsewhere() *unstructured.Unstructured { return tiedTo("infra", "edge-tls", "c") }

func tiedTo(namespace, name, uid string) *unstructured.Unstructured {
	tie := "gateway.networking.k8s.io/Gateway:" + namespace + "/edge uid=u for=certs/" + name
	return &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{
			"namespace": "certs", "name": name, "uid": uid, "resourceVersion": "7", "annotations": map[string]any{certificate.TieKey: tie},
			"managedFields": []any{map[string]any{
				"manager": certificate.FieldManager, "operation": "Apply", "apiVersion": "cert-manager.io/v1", "fieldsType": "FieldsV1",
				"fieldsV1": map[string]any{"f:metadata": map[string]any{"f:annotations": map[string]any{"f:" + certificate.TieKey: map[string]any{}}}},
			}},
		},
		"spec": map[string]any{"secretName": name},
	}}
}

// takeGrant lets Gateways of infra have that Certificate.
func takeGrant(t *testing.T, c *Controller) { takeGrantOf(t, c, "infra", "edge-tls") }

func takeGrantOf(t *testing.T, c *Controller, namespace, name string) {
	t.Helper()
	packed, err := c.inventory.Grants().Pack(&unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"namespace": "certs", "name": "edge-" + name},
		"spec": map[string]any{
			"from": []any{map[string]any{"group": source.GatewayGroup, "kind": source.GatewayKind, "namespace": namespace}},
			"to":   []any{map[string]any{"group": "", "kind": "Secret"}, map[string]any{"group": "cert-manager.io", "kind": "Certificate", "name": name}},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	c.inventory.Grants().Put(packed)
}
