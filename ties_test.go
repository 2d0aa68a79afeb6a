package certshim_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/source"
)

const planned = "cert-manager.io/issuer: ca"

// plannedOf is what a server has once the manifest of an object from a file was applied.
func plannedOf(t *testing.T, annotations, tls string) map[string]any {
	t.Helper()
	object := read(t, ingress(annotations, tls))
	object.SetUID("")
	c := newCluster(t, newPolicy(t, func(p *certshim.Policy) { p.Offline = true }))
	out := c.ask(object)
	if action(t, out) != certificate.Create {
		t.Fatal(lines(out))
	}
	return stored(t, out.Certificates[0].Config)
}

// A Certificate that was planned before its object was there is the object's once it is.
func TestPlannedCertificateIsTakenOver(t *testing.T) {
	made := plannedOf(t, planned, webTLS)
	c := newCluster(t, newPolicy(t))
	c.store(made)
	web := c.add(ingress(planned, webTLS))
	compare(t, []string{"wait web-tls: live-needed"}, c.decide(web))
	out := c.decide(web, made)
	compare(t, []string{"apply web-tls: reclaimed"}, out)
	c.carryOut(out)
	compare(t, []string{"none web-tls: up-to-date"}, c.decide(web))
}

// It is left alone while it is in doubt whose it is, and taken over once it isn't.
func TestPlannedCertificateOfASecretThatOthersName(t *testing.T) {
	const told = "; Ingress other names Secret web-tls too"
	made := plannedOf(t, planned, webTLS)
	c := newCluster(t, newPolicy(t))
	c.store(made)
	web := c.add(ingress(planned, webTLS))
	other := c.add("{kind: Ingress, metadata: {name: other, annotations: {" + planned + "}}, spec: {tls: [" + webTLS + "]}}")
	const exists = "Certificate web-tls exists and has no controller owner"
	compare(t, []string{
		"refuse web-tls: no-owner(web-tls); other-source(Ingress other, web-tls)",
		"error CertificateNotOurs spec.tls[0]: " + exists + told + ` (value "web-tls")`,
	}, c.decide(web))
	compare(t, []string{
		"refuse web-tls: no-owner(web-tls); tie-to-other(Ingress shop/web)",
		"error CertificateNotOurs spec.tls[0]: " + exists + `; its annotation certshim.io/source ties it to Ingress shop/web (value "web-tls")`,
	}, c.decide(other))
	c.woken()
	c.add("{kind: Ingress, metadata: {name: other, annotations: {" + planned + "}}, spec: {tls: [{hosts: [b.example.com], secretName: other-tls}]}}")
	if woken := c.woken(); !slices.Contains(woken, "web") {
		t.Errorf("woken are %v", woken)
	}
	if out := c.decide(web, made); action(t, out) != certificate.Apply {
		t.Error(lines(out))
	}
}

const retain = planned + ", certshim.io/deletion-policy: retain"

// made is what a server has once a source has got its Certificate.
func made(t *testing.T, c *cluster, web inventory.Key) map[string]any {
	t.Helper()
	out := c.decide(web)
	if action(t, out) != certificate.Create {
		t.Fatal(lines(out))
	}
	object := stored(t, out.Certificates[0].Config)
	c.store(object)
	return object
}

// ownerOf is the uid in the owner reference of a configuration, and its tie.
func ownerOf(config map[string]any) (uid, tie any) {
	metadata := config["metadata"].(map[string]any)
	if owners, _ := metadata["ownerReferences"].([]any); len(owners) > 0 {
		uid = owners[0].(map[string]any)["uid"]
	}
	set, _ := metadata["annotations"].(map[string]any)
	return uid, set[certificate.TieKey]
}

// outlived is a kind whose Certificates outlive their objects.
type outlived struct{ source.Kind }

func (outlived) Outlived() bool { return true }

// Whatever else becomes of a source, its Certificate loses the owner reference once it is to outlive
// it.
func TestRetainComesFirst(t *testing.T) {
	const kept = ", certshim.io/deletion-policy: retain"
	for name, row := range map[string]struct {
		annotations, tls, more string
		policy                 func(*certshim.Policy)
		// then is what is decided once that is done.
		then string
	}{
		"nothing else":               {annotations: retain, tls: webTLS, then: "none web-tls: up-to-date"},
		"a value that can't be read": {annotations: planned + ", certshim.io/deletion-policy: keep", tls: webTLS, then: "none web-tls: up-to-date"},
		"by the operator's default":  {annotations: planned, tls: webTLS, policy: func(p *certshim.Policy) { p.RetainUnneeded = true }, then: "none web-tls: up-to-date"},
		"another value":              {annotations: retain + ", cert-manager.io/duration: 2160h", tls: webTLS, then: "apply web-tls: differs"},
		"a broken annotation":        {annotations: retain + ", cert-manager.io/duration: 90d", tls: webTLS, then: "none web-tls: up-to-date"},
		"by how its kind is declared": {annotations: planned, tls: webTLS, policy: func(p *certshim.Policy) {
			kind, _ := p.Kinds.Lookup("networking.k8s.io", "Ingress")
			p.Kinds = source.NewKinds(outlived{kind})
		}, then: "none web-tls: up-to-date"},
		"an issuer that isn't known":  {annotations: "cert-manager.io/issuer: a, cert-manager.io/cluster-issuer: b" + kept, tls: webTLS, then: "keep web-tls: "},
		"a TLS entry more":            {annotations: retain, tls: webTLS + ", {hosts: [b.example.com], secretName: b-tls}", then: "none web-tls: up-to-date"},
		"no valid host":               {annotations: retain, tls: "{hosts: ['*'], secretName: web-tls}", then: "keep web-tls: no-valid-entry"},
		"no trigger":                  {annotations: "certshim.io/deletion-policy: retain", tls: webTLS, then: "keep web-tls: no-longer-kept; no-trigger"},
		"marked to be ignored":        {annotations: retain + `, certshim.io/ignore: "true"`, tls: webTLS, then: "keep web-tls: no-longer-kept; ignored"},
		"it is being deleted":         {annotations: retain, tls: webTLS, more: ", deletionTimestamp: '2026-01-01T00:00:00Z'"},
		"the TLS entry is taken away": {annotations: retain, then: "keep web-tls: outlives-source"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, newPolicy(t))
			web := c.add(ingress(planned, webTLS))
			object := made(t, c, web)
			if row.policy != nil {
				c = newCluster(t, newPolicy(t, row.policy))
				c.store(object)
			}
			c.add("{kind: Ingress, metadata: {name: web, annotations: {" + row.annotations + "}" + row.more + "}, spec: {tls: [" + row.tls + "]}}")
			out := c.decide(web, object)
			found := slices.IndexFunc(out.Certificates, func(d certificate.Decision) bool { return d.Name == "web-tls" })
			if found < 0 {
				t.Fatal(lines(out))
			}
			d := out.Certificates[found]
			if d.Action != certificate.Apply || d.Reason.Cause != certificate.CauseRetained {
				t.Fatal(lines(out))
			}
			if uid, tie := ownerOf(d.Config); uid != nil || tie != "networking.k8s.io/Ingress:shop/web uid=Ingress/web for=shop/web-tls" {
				t.Errorf("owner %v, tie %v", uid, tie)
			}
			c.store(stored(t, d.Config))
			then := c.decide(web)
			if got := lines(then); row.then != "" && !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, row.then) }) {
				t.Errorf("then %v", got)
			}
			if slices.ContainsFunc(then.Certificates, func(d certificate.Decision) bool { return d.Action == certificate.Delete }) {
				t.Error("deleted")
			}
		})
	}
}

// It outlives its source, and is an object's of the same name again that asks for the same.
func TestRetainedCertificateComesBack(t *testing.T) {
	c := newCluster(t, newPolicy(t))
	web := c.add(ingress(retain, webTLS))
	object := made(t, c, web)
	if uid, tie := ownerOf(object); uid != nil || tie == nil {
		t.Fatalf("owner %v, tie %v", uid, tie)
	}
	later := read(t, ingress(planned, webTLS))
	later.SetUID("later")
	c.put(later)
	out := c.decide(web, object)
	compare(t, []string{"apply web-tls: reclaimed"}, out)
	if uid, tie := ownerOf(out.Certificates[0].Config); uid != "later" || tie != nil {
		t.Errorf("owner %v, tie %v", uid, tie)
	}
}

// What the Gateway says of its own Certificates says nothing of a ListenerSet's.
func TestRetainIsNotInherited(t *testing.T) {
	c := newCluster(t, newPolicy(t))
	c.add("{kind: Gateway, metadata: {name: edge, annotations: {" + retain + "}}, spec: {allowedListeners: {namespaces: {from: Same}}, listeners: []}}")
	team := c.add("{kind: ListenerSet, metadata: {name: team}, spec: {parentRef: {name: edge}, listeners: [{name: a, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: web-tls}]}}]}}")
	out := c.decide(team)
	if action(t, out) != certificate.Create {
		t.Fatal(lines(out))
	}
	if uid, tie := ownerOf(out.Certificates[0].Config); uid == nil || tie != nil {
		t.Errorf("owner %v, tie %v", uid, tie)
	}
}

// A shim's Certificate that is taken over by hand keeps its owner reference until then, whatever the source says.
func TestWhatIsLeftToAdoptIsNotRetained(t *testing.T) {
	c := newCluster(t, newPolicy(t))
	web := c.add(ingress(planned, webTLS))
	object := made(t, c, web)
	for _, item := range object["metadata"].(map[string]any)["managedFields"].([]any) {
		entry := item.(map[string]any)
		entry["manager"], entry["operation"] = "cert-manager-ingress-shim", "Update"
	}
	for name, row := range map[string]struct {
		policy          certificate.Policy
		named, notNamed certificate.Cause
	}{
		"by hand":          {certificate.Policy{ManualTakeOver: true}, certificate.CauseLeftToAdopt, certificate.CauseLeftToAdopt},
		"by itself":        {certificate.Policy{}, certificate.CauseRetained, certificate.CauseRetained},
		"while it adopted": {certificate.Policy{ManualTakeOver: true, Adoption: &certificate.Adoption{}}, certificate.CauseTakenOverDiffer, certificate.CauseRetained},
	} {
		c = newCluster(t, newPolicy(t, func(p *certshim.Policy) { p.Certificate = row.policy }))
		c.store(object)
		web = c.add(ingress(retain, webTLS))
		d := c.decide(web, object).Certificates[0]
		if d.Reason.Cause != row.named {
			t.Errorf("%s: %s, want %s", name, d.Reason.Cause, row.named)
		}
		if d.Config != nil {
			if uid, tie := ownerOf(d.Config); uid != nil || tie == nil {
				t.Errorf("%s: owner %v, tie %v", name, uid, tie)
			}
		}
		c.add("{kind: Ingress, metadata: {name: web, annotations: {" + retain + "}}}")
		if got := c.decide(web, object).Certificates[0].Reason.Cause; got != row.notNamed {
			t.Errorf("%s, no longer named: %s, want %s", name, got, row.notNamed)
		}
	}
}
