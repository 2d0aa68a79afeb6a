package faults

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/certshim/certshim/test/cluster"
)

// scene is a namespace with sources, and a certshim that serves it.
type scene struct {
	*history
	namespace    string
	link         *link
	certificates *cluster.Watch
	certshim     *cluster.Certshim
	// config is certshim's configuration, the default one if empty.
	config string
	// healed is when the fault ended.
	healed atomic.Pointer[time.Time]
	// issuesNothing is set where cert-manager meets the fault too: it lets an hour pass after a request that failed.
	issuesNothing bool
	// watches are those that were open before the fault; nil where the process has met the fault from its start.
	watches    map[string]int
	goroutines float64
	// env and flags are those of the process that was started last.
	env, flags []string
	// requests are cert-manager's.
	requests *cluster.Watch
	// overlap is how many other processes work at the same time for a while.
	overlap int
}

// newScene makes one with an Ingress or two, a Gateway and a ListenerSet; certshim doesn't run yet.
func newScene(t *testing.T) *scene {
	t.Helper()
	s := newBareScene(t)
	s.add(t, s.namespace, "Ingress", "web")
	s.add(t, s.namespace, "Ingress", "shop")
	s.add(t, s.namespace, "Gateway", "gateway")
	s.add(t, s.namespace, "ListenerSet", "team")
	return s
}

// newBareScene makes one without sources.
func newBareScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{history: newHistory(shared, *seed, t.Name()), namespace: shared.Namespace(t)}
	s.link = newLink(t, shared, kubeconfig)
	shared.Issuer(t, s.namespace, issuer)
	s.otherIssuer(t)
	s.certificates = shared.Watch(t, cluster.Certificates(), s.namespace)
	s.requests = shared.Watch(t, cluster.CertificateRequests(), s.namespace)
	t.Cleanup(func() {
		if t.Failed() {
			s.logsWrong(t)
		}
	})
	return s
}

// otherIssuer makes the other one of the scene's issuers.
func (s *scene) otherIssuer(t *testing.T) {
	t.Helper()
	shared.Apply(t, s.namespace, fmt.Sprintf("{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {name: %s}, spec: {ca: {secretName: %s-ca}}}", otherIssuer, issuer))
}

// steady is a scene in which all is done, and nothing is wrong yet.
func steady(t *testing.T) *scene {
	t.Helper()
	s := newScene(t)
	s.start(t)
	s.untilRight(t)
	s.measures(t)
	return s
}

// measures notes what the process has before the fault.
func (s *scene) measures(t *testing.T) {
	t.Helper()
	s.goroutines, s.watches = s.metric(t, "go_goroutines"), s.link.open()
}

// start starts the scene's certshim, alone in the namespace, and waits until it is ready.
func (s *scene) start(t *testing.T, flags ...string) {
	t.Helper()
	s.certshim = s.launch(t, s.link, nil, slices.Concat([]string{"--leader-elect=false"}, s.configured(), flags)...)
	if err := s.certshim.UntilReady(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// configured are the flags of certshim's configuration.
func (s *scene) configured() []string {
	if s.config == "" {
		return nil
	}
	return []string{"--config=" + s.config}
}

// launch starts a certshim for the namespace, until the end of the test.
func (s *scene) launch(t *testing.T, through *link, env []string, flags ...string) *cluster.Certshim {
	t.Helper()
	certshim, err := s.tryLaunch(t, through, env, flags...)
	if err != nil {
		t.Fatal(err)
	}
	return certshim
}

func (s *scene) tryLaunch(t *testing.T, through *link, env []string, flags ...string) (*cluster.Certshim, error) {
	s.env, s.flags = env, flags
	flags = append([]string{"--namespace=" + s.namespace, "--kubeconfig=" + through.kubeconfig, "--log-level=debug"}, flags...)
	certshim, err := shared.LaunchCertshim(t.Context(), fmt.Sprintf("%s-%d", s.namespace, time.Now().UnixNano()), env, flags...)
	if err == nil {
		s.started = true
		t.Cleanup(func() {
			// One that was killed has ended with an error.
			_ = certshim.Stop()
			if t.Failed() {
				t.Logf("certshim said last:\n%s", certshim.LogTail())
			}
		})
	}
	return certshim, err
}

// logsWrong says what is wrong by now, wherever the test has ended.
func (s *scene) logsWrong(t *testing.T) {
	t.Helper()
	now := slices.Collect(maps.Values(s.certificates.State()))
	for _, wrong := range judge(s.origins, s.wants, s.seenBeside(now)).all() {
		t.Logf("%s: %s", s.namespace, wrong)
	}
	t.Logf("%s: the edits were\n%s", s.namespace, strings.Join(s.told, "\n"))
}

// untilRight waits until each source has its Certificates, issued, and no other is left.
func (s *scene) untilRight(t *testing.T) {
	t.Helper()
	s.certificates.Until(t, "each source to have its Certificates, issued", func(state cluster.State) bool {
		wrong := judge(s.origins, s.wants, seen{now: madeOf(slices.Collect(maps.Values(state)))}).all()
		for _, o := range s.origins {
			for name := range o.asks() {
				// Labels aren't copied to another namespace.
				if object := state[name]; object != nil && o.elsewhere == "" && object.GetLabels()["touched"] != fmt.Sprint(o.touched) {
					wrong = append(wrong, name+" hasn't the label of its source")
				}
			}
		}
		for name, object := range state {
			if !s.issuesNothing && !ofPlugin(object) && !cluster.IsReady(object) {
				wrong = append(wrong, name+" isn't issued")
			}
		}
		return len(wrong) == 0
	})
}

// heals takes the fault away.
func (s *scene) heals() {
	s.link.put(nil)
	now := time.Now()
	s.healed.Store(&now)
}

// check waits until all is right after the fault, and fails if anything else than what was asked for has happened.
// It counts the fault's strikes; there must have been some.
func (s *scene) check(t *testing.T, fault string, strikes int) {
	t.Helper()
	if strikes == 0 {
		t.Errorf("%s never struck", fault)
	}
	s.untilRight(t)
	quiet := time.Since(*s.healed.Load())
	s.plansNothing(t, s.namespace)
	s.tells(t, "SecretTaken", count(s.guest != nil && s.guest.waits != nil))
	s.writesNothingMore(t)
	s.conclude(t, figure{fault: fault, strikes: strikes, quiet: quiet})
}

// conclude judges what was seen, and completes the figures.
func (s *scene) conclude(t *testing.T, f figure) {
	t.Helper()
	v := judge(s.origins, s.wants, s.seen(t))
	for _, wrong := range v.all() {
		t.Error(wrong)
	}
	for _, tolerated := range v.tolerated {
		t.Logf("tolerated: %s", tolerated)
	}
	s.isAsBefore(t)
	f.edits, f.verdict, f.specs, f.requests = s.edits, v, s.asked(), len(ever(s.requests))
	figures.add(f)
}

// seen is what a list and the watches have shown.
func (s *scene) seen(t *testing.T) seen {
	t.Helper()
	list, err := shared.Dynamic.Resource(cluster.Certificates()).Namespace(s.namespace).List(t.Context(), listAll)
	if err != nil {
		t.Fatal(err)
	}
	var now []*unstructured.Unstructured
	for i := range list.Items {
		now = append(now, &list.Items[i])
	}
	return s.seenBeside(now)
}

// seenBeside is what the watches have shown, beside what is there now.
func (s *scene) seenBeside(now []*unstructured.Unstructured) seen {
	return seen{now: madeOf(now), ever: madeOf(ever(s.certificates)), owners: ownersOf(s.certificates), overlap: s.overlap, requests: s.requested()}
}

// requested are cert-manager's CertificateRequests, as [seen] has them.
func (s *scene) requested() map[types.UID][]request {
	all := ever(s.requests)
	slices.SortFunc(all, func(a, b *unstructured.Unstructured) int {
		return a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time)
	})
	requests := map[types.UID][]request{}
	for _, object := range all {
		owner := metav1.GetControllerOf(object)
		if owner == nil {
			continue
		}
		encoded, _, _ := unstructured.NestedString(object.Object, "spec", "request")
		issuer, _, _ := unstructured.NestedString(object.Object, "spec", "issuerRef", "name")
		requests[owner.UID] = append(requests[owner.UID], request{
			revision: object.GetAnnotations()["cert-manager.io/certificate-revision"], names: namesOf(encoded), issuer: issuer,
		})
	}
	return requests
}

// namesOf are the names of a request in base64 of PEM, as cert-manager writes it.
func namesOf(request string) string {
	text, err := base64.StdEncoding.DecodeString(request)
	if err != nil {
		return err.Error()
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return "no PEM"
	}
	parsed, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return err.Error()
	}
	return strings.Join(parsed.DNSNames, " ")
}

// ownersOf are the owners that each Certificate has had, one after the other.
func ownersOf(w *cluster.Watch) map[types.UID][]types.UID {
	owners := map[types.UID][]types.UID{}
	for _, change := range w.Changes() {
		object, ok := change.Object.(*unstructured.Unstructured)
		if !ok || change.Type == watch.Error {
			continue
		}
		owner := ownerOf(object)
		if had := owners[object.GetUID()]; len(had) == 0 || had[len(had)-1] != owner {
			owners[object.GetUID()] = append(had, owner)
		}
	}
	return owners
}

// ownerOf is the source of a Certificate, by its owner reference or else by its tie; empty for none.
func ownerOf(object *unstructured.Unstructured) types.UID {
	if references := object.GetOwnerReferences(); len(references) > 0 {
		return references[0].UID
	}
	_, tie, _ := strings.Cut(object.GetAnnotations()["certshim.io/source"], " uid=")
	uid, _, _ := strings.Cut(tie, " ")
	return types.UID(uid)
}

// ever are all the objects that a watch has shown, each once.
func ever(w *cluster.Watch) []*unstructured.Unstructured {
	byUID := map[types.UID]*unstructured.Unstructured{}
	for _, change := range w.Changes() {
		if object, ok := change.Object.(*unstructured.Unstructured); ok && change.Type != watch.Error {
			byUID[object.GetUID()] = object
		}
	}
	return slices.Collect(maps.Values(byUID))
}

func madeOf(objects []*unstructured.Unstructured) []made {
	var all []made
	for _, object := range objects {
		owner := ownerOf(object)
		if owner == "" {
			continue
		}
		hosts, _, _ := unstructured.NestedStringSlice(object.Object, "spec", "dnsNames")
		issuer, _, _ := unstructured.NestedString(object.Object, "spec", "issuerRef", "name")
		all = append(all, made{
			uid: object.GetUID(), owner: owner, name: object.GetName(), hosts: hosts, issuer: issuer, specs: int(object.GetGeneration()),
		})
	}
	return all
}

// plansNothing asks plan of the sources of a namespace, which must find nothing to write and nothing wrong, but for a Secret that another source has.
func (s *scene) plansNothing(t *testing.T, namespace string) {
	t.Helper()
	binary, err := cluster.Binary("certshim")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), binary, slices.Concat([]string{"plan", "-n", namespace, "-o", "report", "--kubeconfig=" + shared.Kubeconfig}, s.configured())...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var report struct {
		Sources []struct {
			Kind, Name   string
			Certificates []struct{ Name, Action, Reason string }
			Problems     []struct{ Severity, Reason, Message string }
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil || len(report.Sources) == 0 {
		t.Fatalf("plan: %v, exit status %d, %d sources\n%s", err, command.ProcessState.ExitCode(), len(report.Sources), stderr.String())
	}
	for _, source := range report.Sources {
		waits := s.guest != nil && s.guest.waits != nil && s.guest.name == source.Name
		for _, c := range source.Certificates {
			want := "none"
			if waits && c.Name == s.guest.secret {
				want = "refuse"
			}
			if c.Action != want {
				t.Errorf("plan would %s Certificate %s of %s %s, want %s: %s", c.Action, c.Name, source.Kind, source.Name, want, c.Reason)
			}
		}
		for _, p := range source.Problems {
			if p.Severity == "error" && (!waits || p.Reason != "SecretTaken") {
				t.Errorf("%s %s: %s", source.Kind, source.Name, p.Message)
			}
		}
	}
}

// writesNothingMore makes two more Ingresses, one after the other: each is one write, and there is no other. Of two other Ingresses
// one loses its trigger before and then gains a name, and one gets a value that can't be read: what they have stays as it is.
func (s *scene) writesNothingMore(t *testing.T) {
	t.Helper()
	before := s.link.written()
	silent, broken := s.origins[0], s.origins[1]
	heard := silent.hosts
	silent.silent, silent.hosts = true, append(slices.Clone(heard), "unheard.example.com")
	s.apply(t, s.namespace, silent)
	silent.hosts = heard
	broken.broken = true
	s.apply(t, s.namespace, broken)
	for _, name := range []string{"first", "second"} {
		s.add(t, s.namespace, "Ingress", name)
		s.untilRight(t)
	}
	s.tells(t, "NoLongerKept", 1)
	s.tells(t, "BadConfig", 1)
	if more := s.link.written() - before; more != 2 {
		t.Errorf("after all was right, two new Ingresses led to %d writes of Certificates, want 2", more)
	}
}

// tells waits until certshim knows of so many problems at least.
func (s *scene) tells(t *testing.T, reason string, least int) {
	t.Helper()
	s.await(t, "certshim to tell of "+reason, func() error {
		if n := s.metric(t, "certshim_current_problems", fmt.Sprintf("reason=%q", reason)); int(n) < least {
			return fmt.Errorf("it knows of %v, want %d", n, least)
		}
		return nil
	})
}

// isAsBefore waits until the process has as many watches and goroutines as before, or as another one that is started now, and holds
// its memory to half of deploy/'s limit.
func (s *scene) isAsBefore(t *testing.T) {
	t.Helper()
	watches, goroutines := func() map[string]int { return s.watches }, func() float64 { return s.goroutines }
	if s.watches == nil {
		through, twin := s.twin(t)
		watches, goroutines = through.open, func() float64 { return metricOf(t, twin, "go_goroutines") }
	}
	s.await(t, "the watches to be as they should", func() error {
		if diff := cmp.Diff(watches(), s.link.open()); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
	const few = 12
	s.await(t, "the goroutines to be gone", func() error {
		if now, usual := s.metric(t, "go_goroutines"), goroutines(); now > usual+few {
			return fmt.Errorf("%v, should be %v", now, usual)
		}
		return nil
	})
	const limit = 128 << 20
	if now := s.metric(t, "process_resident_memory_bytes"); now > limit {
		t.Errorf("it has %v bytes of memory", now)
	}
}

// twin starts another process, which has met no fault, and waits until it has looked at all. It has nothing to write.
func (s *scene) twin(t *testing.T) (through *link, twin *cluster.Certshim) {
	t.Helper()
	through = newLink(t, shared, kubeconfig)
	flags := slices.DeleteFunc(slices.Clone(s.flags), func(flag string) bool { return strings.HasPrefix(flag, "--leader-elect") })
	twin = s.launch(t, through, s.env, append(flags, "--leader-elect=false")...)
	s.untilLooked(t, twin)
	return through, twin
}

// untilLooked waits until a process has looked at all sources.
func (s *scene) untilLooked(t *testing.T, certshim *cluster.Certshim) {
	t.Helper()
	if err := certshim.UntilReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.await(t, "all to be looked at", func() error {
		if metricOf(t, certshim, "certshim_initial_reconcile_done") == 0 {
			return errors.New("certshim_initial_reconcile_done is 0")
		}
		return nil
	})
}

// await asks until there is no error: for what no watch tells.
func (s *scene) await(t *testing.T, what string, try func() error) {
	t.Helper()
	if err := cluster.Await(t.Context(), what, func(context.Context) error { return try() }); err != nil {
		t.Fatal(err)
	}
}

// metric is the sum of a metric's series in the scene's certshim, or of those that have all these labels.
func (s *scene) metric(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	return metricOf(t, s.certshim, name, labels...)
}

func metricOf(t *testing.T, certshim *cluster.Certshim, name string, labels ...string) float64 {
	t.Helper()
	total, _, err := cluster.Metric(t.Context(), certshim.Address, name, labels...)
	if err != nil {
		t.Fatal(err)
	}
	return total
}
