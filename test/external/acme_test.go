package external

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/external/router"
)

const (
	challengePath = "/.well-known/acme-challenge/"
	editInPlace   = "acme.cert-manager.io/http01-edit-in-place"
)

func challenges() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "acme.cert-manager.io", Version: "v1", Resource: "challenges"}
}

func issuerResource(plural string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: plural}
}

// acmeIssuer is a manifest of an issuer with these solvers, and more fields of its own.
func acmeIssuer(kind, name, solvers string, more ...string) string {
	return fmt.Sprintf(`
apiVersion: cert-manager.io/v1
kind: %s
metadata: {name: %s}
spec:
  acme:
    server: %s
    caBundle: %s
    privateKeySecretRef: {name: %[2]s-account}
    solvers: [%[5]s]
    %[6]s
`, kind, name, shared.Pebble.Directory, base64.StdEncoding.EncodeToString(shared.Pebble.CABundle), solvers, strings.Join(more, "\n    "))
}

// byIngresses is a solver that makes Ingresses of that class.
func byIngresses(class string) string {
	return "{http01: {ingress: {ingressClassName: " + class + "}}}"
}

// watches are what an ACME order leaves in a namespace.
type watches struct {
	certificates, secrets, ingresses, challenges *cluster.Watch
}

func watch(t *testing.T, namespace string) watches {
	t.Helper()
	return watches{
		certificates: shared.Watch(t, cluster.Certificates(), namespace),
		secrets:      shared.Watch(t, cluster.Secrets(), namespace),
		ingresses:    shared.Watch(t, ingresses, namespace),
		challenges:   shared.Watch(t, challenges(), namespace),
	}
}

// challengeRules are the paths for challenges among the rules of an Ingress.
func challengeRules(ingress *unstructured.Unstructured) []string {
	var paths []string
	rules, _, _ := unstructured.NestedSlice(ingress.Object, "spec", "rules")
	for _, rule := range rules {
		list, _, _ := unstructured.NestedSlice(rule.(map[string]any), "http", "paths")
		for _, item := range list {
			if path, _ := item.(map[string]any)["path"].(string); strings.HasPrefix(path, challengePath) {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

// wantAskedByBoth wants that the self-check and the ACME server have each had the key from the router.
func wantAskedByBoth(t *testing.T, host string) {
	t.Helper()
	for _, agent := range []string{"cert-manager", "LetsEncrypt-Pebble-VA"} {
		if !slices.ContainsFunc(shared.Router.Requests(), func(r router.Request) bool {
			return r.Host == host && strings.HasPrefix(r.Path, challengePath) && r.Status == http.StatusOK &&
				strings.Contains(r.UserAgent, agent)
		}) {
			t.Errorf("%s has had no key for %s; requests: %+v", agent, host, shared.Router.Requests())
		}
	}
}

func TestEditInPlace(t *testing.T) {
	t.Parallel()
	namespace := shared.Namespace(t)
	host := namespace + ".example.com"
	w := watch(t, namespace)
	issuers := shared.Watch(t, issuerResource("issuers"), namespace)
	shared.Apply(t, namespace, acmeIssuer("Issuer", "acme", byIngresses(Class)))
	issuers.Ready(t, "acme")

	// Nobody serves the Ingress yet, so the challenge stays open.
	shared.Apply(t, namespace, ingress("web", "", annotations{issuerKey: "acme", editInPlace: "true"}, host))

	certificate := w.certificates.Object(t, "web-tls", "to be made", exists)
	for key, want := range map[string]string{
		"acme.cert-manager.io/http01-override-ingress-name": "web",
		"cert-manager.io/issue-temporary-certificate":       "true",
	} {
		if got := certificate.GetAnnotations()[key]; got != want {
			t.Errorf("Certificate has %s=%q, want %q", key, got, want)
		}
	}
	edited := w.ingresses.Object(t, "web", "to have the challenge", func(i *unstructured.Unstructured) bool {
		return len(challengeRules(i)) == 1
	})
	w.secrets.Object(t, "web-tls", "to hold a temporary certificate", func(secret *unstructured.Unstructured) bool {
		return temporary(secret, host)
	})
	w.challenges.Until(t, "the challenge to wait for its self-check", func(state cluster.State) bool {
		for _, challenge := range state {
			return field(challenge, "status|state") == "pending" && field(challenge, "status|presented") == true
		}
		return false
	})
	if names := names(w.ingresses.State()); !slices.Equal(names, []string{"web"}) {
		t.Errorf("Ingresses %q, want the one that is edited and no other", names)
	}

	patch(t, ingresses, namespace, "web", fmt.Sprintf(`{"spec":{"ingressClassName":%q}}`, Class))

	w.secrets.Signed(t, "web-tls", shared.Pebble.Authority(), host)
	w.certificates.Ready(t, "web-tls")
	w.ingresses.Object(t, "web", "to have lost the challenge", func(i *unstructured.Unstructured) bool {
		return i.GetGeneration() > edited.GetGeneration() && len(challengeRules(i)) == 0
	})
	wantAskedByBoth(t, host)
	wantNoWarnings(t, namespace, "web")
	if names := names(w.certificates.State()); !slices.Equal(names, []string{"web-tls"}) {
		t.Errorf("Certificates %q, want one", names)
	}
}

// temporary tells whether a Secret holds a certificate for the host that nobody of ours has signed.
func temporary(secret *unstructured.Unstructured, host string) bool {
	authority := shared.Pebble.Authority()
	if cluster.SignedBy(secret, authority, host) == nil {
		return false
	}
	chain, err := cluster.Chain(secret)
	return err == nil && slices.Equal(chain[0].DNSNames, []string{host}) && chain[0].Issuer.CommonName != authority.Certificate.Subject.CommonName
}

func names(state cluster.State) []string {
	var names []string
	for name := range state {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestSolverIngress(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// class is the issuer's, set what the Ingress says of it.
		class string
		set   annotations
	}{
		"issuer":           {Class, nil},
		"ingressclassname": {"nobody", annotations{"acme.cert-manager.io/http01-ingress-ingressclassname": Class}},
		"class":            {"nobody", annotations{"acme.cert-manager.io/http01-ingress-class": Class}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := shared.Namespace(t)
			host := namespace + ".example.com"
			w := watch(t, namespace)
			issuers := shared.Watch(t, issuerResource("issuers"), namespace)
			shared.Apply(t, namespace, acmeIssuer("Issuer", "acme", byIngresses(c.class)))
			issuers.Ready(t, "acme")
			set := annotations{issuerKey: "acme"}
			for key, value := range c.set {
				set[key] = value
			}

			applied := shared.Apply(t, namespace, ingress("web", "", set, host))[0]

			w.secrets.Signed(t, "web-tls", shared.Pebble.Authority(), host)
			w.ingresses.Until(t, "the Ingress of the solver to be gone", func(state cluster.State) bool { return len(state) == 1 })
			wantSolverIngress(t, w.ingresses)
			if got := w.ingresses.State()["web"].GetGeneration(); got != applied.GetGeneration() {
				t.Errorf("the Ingress itself is of generation %d, want it as it was: %d", got, applied.GetGeneration())
			}
			wantAskedByBoth(t, host)
			wantNoWarnings(t, namespace, "web")
		})
	}
}

// wantSolverIngress wants that there was an Ingress of the served class with a challenge, beside the one that asked.
func wantSolverIngress(t *testing.T, watch *cluster.Watch) {
	t.Helper()
	for _, change := range watch.Changes() {
		ingress := change.Object.(*unstructured.Unstructured)
		class := field(ingress, "spec|ingressClassName") == Class || ingress.GetAnnotations()["kubernetes.io/ingress.class"] == Class
		if ingress.GetName() != "web" && class && len(challengeRules(ingress)) == 1 {
			return
		}
	}
	t.Errorf("no Ingress for the challenge was seen: %v", watch.Changes())
}

// Which of an issuer's solvers proves a name depends on the names and the labels of the Certificate, which come from the
// source.
func TestSolverByNamesAndLabels(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// selector is that of the DNS-01 solver, which is after an HTTP-01 solver for everything.
		selector, labels string
		apex, wildcard   string
	}{
		"no-selector":  {"", "", "HTTP-01", "DNS-01"},
		"zone":         {"{dnsZones: [HOST]}", "", "DNS-01", "DNS-01"},
		"name":         {"{dnsNames: ['*.HOST'], dnsZones: [HOST]}", "", "HTTP-01", "DNS-01"},
		"label":        {"{matchLabels: {solver: dns}}", "{solver: dns}", "DNS-01", "DNS-01"},
		"label-absent": {"{matchLabels: {solver: dns}}", "{solver: http}", "HTTP-01", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := shared.Namespace(t)
			host := namespace + ".example.com"
			w := watch(t, namespace)
			issuers := shared.Watch(t, issuerResource("issuers"), namespace)
			fields := []string{unchecked}
			if c.selector != "" {
				fields = append(fields, "selector: "+strings.ReplaceAll(c.selector, "HOST", host))
			}
			shared.Apply(t, namespace, acmeIssuer("Issuer", "acme", byIngresses(Class)+", "+shared.DNS.Solver("acme-dns", fields...))+DNSAccounts("acme-dns", host))
			issuers.Ready(t, "acme")
			set, names, want := annotations{issuerKey: "acme"}, []string{host}, map[string]string{host: c.apex}
			if c.wildcard != "" {
				set[am+"alt-names"] = "*." + host
				names, want["*."+host] = append(names, "*."+host), c.wildcard
			}

			shared.Apply(t, namespace, strings.Replace(ingress("web", "", set, host), "metadata:\n", "metadata:\n  labels: "+cmp.Or(c.labels, "{}")+"\n", 1))

			w.secrets.Signed(t, "web-tls", shared.Pebble.Authority(), names...)
			if got := challengeTypes(w.challenges); !maps.Equal(got, want) {
				t.Errorf("proved by %v, want %v", got, want)
			}
			wantNoWarnings(t, namespace, "web")
		})
	}
}

// challengeTypes are the types of the challenges that there were, by the names that they were for.
func challengeTypes(watch *cluster.Watch) map[string]string {
	types := map[string]string{}
	for _, change := range watch.Changes() {
		challenge := change.Object.(*unstructured.Unstructured)
		name := fmt.Sprint(field(challenge, "spec|dnsName"))
		if field(challenge, "spec|wildcard") == true {
			name = "*." + name
		}
		types[name] = fmt.Sprint(field(challenge, "spec|type"))
	}
	return types
}

func TestDefaultIssuerByTLSACME(t *testing.T) {
	t.Parallel()
	namespace := shared.Namespace(t)
	host := namespace + ".example.com"
	w := watch(t, namespace)
	issuers := shared.Watch(t, issuerResource("clusterissuers"), "")
	t.Cleanup(func() { shared.Delete(t, issuerResource("clusterissuers"), "", "letsencrypt") })
	shared.Apply(t, "", acmeIssuer("ClusterIssuer", "letsencrypt", byIngresses(Class)))
	issuers.Ready(t, "/letsencrypt")

	shared.Apply(t, namespace, ingress("web", "", annotations{"kubernetes.io/tls-acme": "true"}, host))

	secret := w.secrets.Signed(t, "web-tls", shared.Pebble.Authority(), host)
	if got := secret.GetAnnotations()["cert-manager.io/issuer-kind"]; got != "ClusterIssuer" {
		t.Errorf("issued by a %q, want a ClusterIssuer", got)
	}
	wantAskedByBoth(t, host)
}

// The router must not say yes to whatever it is asked: a challenge that no rule leads to stays open.
func TestUnroutedChallengeIsNotValidated(t *testing.T) {
	t.Parallel()
	namespace := shared.Namespace(t)
	host := namespace + ".example.com"
	w := watch(t, namespace)
	issuers := shared.Watch(t, issuerResource("issuers"), namespace)
	shared.Apply(t, namespace, acmeIssuer("Issuer", "acme", byIngresses("nobody")))
	issuers.Ready(t, "acme")

	shared.Apply(t, namespace, ingress("web", "", annotations{issuerKey: "acme"}, host))

	w.challenges.Until(t, "the self-check to fail", func(state cluster.State) bool {
		for _, challenge := range state {
			reason, _ := field(challenge, "status|reason").(string)
			return strings.Contains(reason, "404")
		}
		return false
	})
	secrets, err := shared.Dynamic.Resource(cluster.Secrets()).Namespace(namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range secrets.Items {
		if secrets.Items[i].GetName() == "web-tls" {
			t.Error("there is a Secret, temporary or not: nothing asked for one yet")
		}
	}
}
