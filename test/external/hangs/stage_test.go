package hangs

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/retry"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/external"
	"github.com/certshim/certshim/test/external/authority"
	"github.com/certshim/certshim/test/external/router"
	"github.com/certshim/certshim/test/process"
)

// The namespaces: in works cert-manager with all that it has, unapproved without its approver, and
// in silent it doesn't work.
const (
	works      = "works"
	unapproved = "unapproved"
	silent     = "silent"
)

// class is the ingress class that is served.
const class = "loopback"

// stage is what all tests share.
type stage struct {
	*cluster.Cluster
	pebble   *external.Pebble
	dns      *external.DNSProvider
	router   *router.Router
	second   *process.Process
	refusing map[int]*httptest.Server
}

var shared *stage

func TestMain(m *testing.M) {
	code, err := play(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "hangs:", err)
		code = 1
	}
	os.Exit(code)
}

func play(m *testing.M) (code int, err error) {
	ctx := context.Background()
	if err := external.BuildPebble(ctx); err != nil {
		return 1, err
	}
	shared = &stage{refusing: map[int]*httptest.Server{}}
	if shared.router, err = router.Listen(ctx); err != nil {
		return 1, err
	}
	if shared.pebble, err = external.NewPebble(ctx); err != nil {
		return 1, errors.Join(err, shared.router.Close())
	}
	shared.Cluster, err = cluster.StartMain(ctx,
		cluster.WithCertManagerFlags("--namespace="+works, "--controllers=*,orders,challenges,certificaterequests-issuer-acme"),
		cluster.WithCertManagerFlags(shared.pebble.SelfCheckFlags()...),
		cluster.WithCertManagerEnv("HTTP_PROXY="+shared.router.URL(), "NO_PROXY=", "no_proxy="))
	if err != nil {
		return 1, errors.Join(err, shared.router.Close())
	}
	defer func() { err = errors.Join(err, shared.stop()) }()
	if err := shared.furnish(ctx); err != nil {
		return 1, err
	}
	code = m.Run()
	if isWhole := flag.Lookup("test.run").Value.String() == ""; code == 0 && isWhole {
		err = tested.check()
	}
	return code, err
}

// furnish makes the namespaces and starts what else runs.
func (s *stage) furnish(ctx context.Context) error {
	err := s.router.ServeCluster(s.Config, class)
	if err != nil {
		return err
	}
	if err := s.pebble.Start(ctx, s.Logs, s.router.Port()); err != nil {
		return err
	}
	if s.dns, err = external.StartDNSProvider(ctx, s.pebble, "unshown.example.com"); err != nil {
		return err
	}
	for _, name := range []string{works, unapproved, silent} {
		if err := s.Kubectl(ctx, "create", "namespace", name); err != nil {
			return err
		}
	}
	s.second, err = s.Run(ctx, "unapproved", "certmanager", "--namespace="+unapproved, "--controllers=*,-certificaterequests-approver")
	if err != nil {
		return err
	}
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		if s.refusing[status], err = s.refuseOrders(status); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) stop() error {
	var errs []error
	for _, server := range s.refusing {
		server.Close()
	}
	if s.dns != nil {
		errs = append(errs, s.dns.Close())
	}
	if s.second != nil {
		errs = append(errs, s.second.Stop())
	}
	errs = append(errs, s.pebble.Stop())
	return errors.Join(append(errs, s.Stop(), s.router.Close())...)
}

// refuseOrders is the ACME server by way of a proxy that answers new orders with a status.
func (s *stage) refuseOrders(status int) (*httptest.Server, error) {
	target, err := url.Parse(s.pebble.Directory)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.pebble.CABundle)
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host },
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.URL.Path, "order-plz") {
			proxy.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"type": "urn:ietf:params:acme:error:rateLimited", "status": %d, "detail": "too many certificates (5) already issued for this exact set of identifiers, retry after 2099-01-02 03:04:05 UTC"}`, status)
	}))
	ca, err := authority.Root("refusing ACME server")
	if err != nil {
		return nil, err
	}
	certificate, key, err := ca.Server()
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	server.Config.ErrorLog = nil
	s.refusingCA(status, authority.PEM(ca.Certificate))
	return server, nil
}

// bundles are the CAs of the servers that refuse orders.
var bundles = map[int][]byte{}

func (s *stage) refusingCA(status int, bundle []byte) { bundles[status] = bundle }

// explanation is what explain says, as programs read it.
type explanation struct {
	Outcome      string
	Hangs, Notes []struct{ Code, Why, Certificate string }
	Steps        []struct{ Outcome, Text string }
	Certificates []struct {
		Name    string
		Issued  bool
		NextTry *time.Time
	}
	Unread []string

	text string
}

func (e explanation) says(code string) bool {
	for _, hang := range append(e.Hangs, e.Notes...) {
		if hang.Code == code {
			return true
		}
	}
	return false
}

// explain runs bin/certshim for one object.
func explain(t *testing.T, kubeconfig, namespace, object string) explanation {
	t.Helper()
	binary, err := cluster.Binary("certshim")
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(t.Context(), binary, "explain", object, "-n", namespace, "-o", "json", "--kubeconfig", kubeconfig)
	command.Stdout, command.Stderr = &stdout, &stderr
	exit := new(exec.ExitError)
	if err = command.Run(); errors.As(err, &exit) && exit.ExitCode() == 1 {
		err = nil // something is broken, which is what it is asked for
	}
	if err != nil {
		t.Fatalf("explain %s: %v\n%s", object, err, stderr.String())
	}
	e := explanation{text: stdout.String()}
	if err := json.Unmarshal(stdout.Bytes(), &e); err != nil {
		t.Fatalf("explain %s: %v\n%s", object, err, stdout.String())
	}
	return e
}

// patience ends a wait that will not succeed.
const patience = 2 * time.Minute

// await explains an object until a condition holds for the explanation.
func await(t *testing.T, namespace, object, what string, holds func(explanation) bool) explanation {
	t.Helper()
	timeout := time.After(patience)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		e := explain(t, shared.Kubeconfig, namespace, object)
		if holds(e) {
			return e
		}
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("waited %s for %s to %s; explain says\n%s", patience, object, what, e.text)
		}
	}
}

// hangsAt waits until a Certificate is said to hang at a code, nearest to the cause, with these parts in what is said: what
// others have to say may come a moment later.
func hangsAt(t *testing.T, namespace, object, code string, parts ...string) explanation {
	t.Helper()
	defer tested.notes(t, &tested.said, code)
	return await(t, namespace, object, fmt.Sprintf("hang at %s and say %q", code, parts), func(e explanation) bool {
		isMissing := func(part string) bool { return !strings.Contains(e.text, part) }
		return len(e.Hangs) > 0 && e.Hangs[0].Code == code && !slices.ContainsFunc(parts, isMissing)
	})
}

// goesOn waits until a Certificate is issued, and wants that it never hangs at one of the codes.
func goesOn(t *testing.T, namespace, object string, codes ...string) {
	t.Helper()
	await(t, namespace, object, "be issued", func(e explanation) bool {
		for _, code := range codes {
			if e.says(code) {
				t.Errorf("the healthy %s is said to hang at %s:\n%s", object, code, e.text)
			}
		}
		return e.Outcome == "ok"
	})
	for _, code := range codes {
		tested.notes(t, &tested.spared, code)
	}
}

// get reads a Certificate.
func get(t *testing.T, namespace, name string) *unstructured.Unstructured {
	t.Helper()
	object, err := shared.Dynamic.Resource(cluster.Certificates()).Namespace(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// addCondition adds a condition to a CertificateRequest, as approvers and the controllers of issuers do.
func addCondition(t *testing.T, namespace, name, kind, status, reason, message string) {
	t.Helper()
	setCondition(t, cluster.CertificateRequests(), namespace, name, kind, status, reason, message)
}

// setCondition sets one condition of an object's status; the others stay.
func setCondition(t *testing.T, of schema.GroupVersionResource, namespace, name, kind, status, reason, message string) {
	t.Helper()
	client := shared.Dynamic.Resource(of).Namespace(namespace)
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		object, err := client.Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
		conditions = slices.DeleteFunc(conditions, func(one any) bool { return one.(map[string]any)["type"] == kind })
		conditions = append(conditions, map[string]any{
			"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": time.Now().UTC().Format(time.RFC3339),
		})
		if err := unstructured.SetNestedSlice(object.Object, conditions, "status", "conditions"); err != nil {
			return err
		}
		_, err = client.UpdateStatus(t.Context(), object, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		t.Fatalf("set the condition %s of %s: %v", kind, name, err)
	}
}
