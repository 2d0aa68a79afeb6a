package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/differential"
)

// cases are how many cases of the differential generator plan and controller are compared on.
const cases = 150

// What a plan of documents can't say: that something isn't there which isn't among them.
var untoldByDocuments = []problem.Reason{problem.IssuerNotFound, problem.IssuerKindNotInstalled, problem.ParentNotFound}

// What a controller says otherwise, by what it has done meanwhile: who has a Secret goes by whose
// Certificate was made, and what the API server refuses is known once it was sent.
var saidAfterwards = []problem.Reason{problem.SecretTaken, problem.SecretShared, problem.CertificateNotOurs, problem.Refused}

// outcomes are what a plan reports, by the kind, namespace and name of the source.
type outcomes map[string]reportedSource

type reportedSource struct {
	Kind, Namespace, Name, Ignored string
	Certificates                   []reportedCertificate
	Problems                       []reportedProblem
}

type reportedCertificate struct {
	Namespace, Name, Action, Reason string
	Manifest                        map[string]any
}

type reportedProblem struct {
	Severity                                     problem.Severity
	Path, Key, Value, Allowed, Suggestion, Lines string
	Certificate                                  string
	Reason                                       problem.Reason
	Message                                      string
}

func (s reportedSource) String() string { return s.Kind + "/" + s.Namespace + "/" + s.Name }

func (s reportedSource) has(reasons []problem.Reason) bool {
	return slices.ContainsFunc(s.Problems, func(p reportedProblem) bool { return slices.Contains(reasons, p.Reason) })
}

// lacksItsGateway is about a ListenerSet that asks for nothing, so that there is no problem that it is left alone.
func (s reportedSource) lacksItsGateway() bool {
	return s.Kind == "ListenerSet" && strings.HasSuffix(s.Ignored, " isn't there")
}

// note is what an Event says of the problem, as far as it tells it from others.
func (p reportedProblem) note() string {
	whole := problem.Problem{
		Severity: p.Severity, Path: p.Path, Key: p.Key, Value: p.Value, Allowed: p.Allowed,
		Suggestion: p.Suggestion, Lines: p.Lines, Certificate: p.Certificate, Reason: p.Reason, Message: p.Message,
	}
	return distinct(p.Reason, whole.Error())
}

// distinct is a reason with the begin of a note, without the characters that Events don't have.
func distinct(reason problem.Reason, note string) string {
	const enough = 200
	runes := []rune(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, note))
	return string(reason) + ": " + string(runes[:min(enough, len(runes))])
}

// world is a cluster full of the generator's objects.
type world struct {
	*deployed
	flags []string
	cases []*differential.Case
	// namespaces of each case.
	namespaces []map[string]string
	// refused are objects that the API server takes from nobody.
	refused int
}

// The same objects lead to the same in a plan of the cluster, in a plan of its dump, and in the
// controller, problem by problem.
func TestPlanAndControllerAgree(t *testing.T) {
	w := newWorld(t)
	w.send(t, func(o differential.Objects) []*unstructured.Unstructured { return o.Before })
	w.work(t, func() bool { return true })
	w.edit(t)
	w.send(t, func(o differential.Objects) []*unstructured.Unstructured { return o.Now })

	ofCluster := w.report(t, "-A")
	ofDump := w.report(t, "-f", w.dump(t))
	w.compareDump(t, ofCluster, ofDump)
	before, told := w.certificates(t), w.told(t)
	w.work(t, func() bool { return len(w.untold(t, ofCluster)) == 0 })
	w.compareWrites(t, ofCluster, before, w.certificates(t))
	w.compareProblems(t, ofCluster, told, w.told(t))
}

func newWorld(t *testing.T) *world {
	t.Helper()
	config := filepath.Join(t.TempDir(), "config.yaml")
	text := "apiVersion: certshim.io/v1alpha1\nkind: ControllerConfiguration\ntakeover: {changesPerMinute: 60000}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &world{
		deployed: startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook()),
		flags: []string{
			"--config=" + config, "--default-issuer-name=default", "--default-issuer-kind=ClusterIssuer",
			"--extra-certificate-annotations=venafi.cert-manager.io/custom-fields", "--gateway-api-extra-protocols=example.com/quic",
		},
	}
	const issuers = "apiVersion: cert-manager.io/v1\nkind: %s\nmetadata: {name: %s}\nspec: {selfSigned: {}}\n---\n"
	w.Apply(t, "", fmt.Sprintf(issuers+issuers, "ClusterIssuer", "ca", "ClusterIssuer", "default"))
	for seed := range uint64(cases) {
		w.cases = append(w.cases, differential.Generate(seed))
		namespaces := map[string]string{"shop": w.Namespace(t)}
		if gateway := w.cases[seed].Gateway; gateway != nil && gateway.Namespace == "infra" {
			namespaces["infra"] = w.Namespace(t)
		}
		w.namespaces = append(w.namespaces, namespaces)
		w.Apply(t, namespaces["shop"], fmt.Sprintf(issuers, "Issuer", "ca"))
	}
	return w
}

// send applies objects of all cases. What the API server doesn't take is left out.
func (w *world) send(t *testing.T, which func(differential.Objects) []*unstructured.Unstructured) {
	t.Helper()
	sent := 0
	for n, c := range w.cases {
		objects, err := c.Objects(w.namespaces[n])
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range which(objects) {
			err := w.sendOne(t, object)
			switch {
			case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
				w.refused++
			case err != nil:
				t.Fatalf("case %d: %s %s: %v", n, object.GetKind(), object.GetName(), err)
			default:
				sent++
			}
		}
	}
	if sent < w.refused {
		t.Fatalf("the API server took %d objects, and refused %d", sent, w.refused)
	}
}

func (w *world) sendOne(t *testing.T, object *unstructured.Unstructured) error {
	resource := map[string]schema.GroupVersionResource{
		"Ingress": ingresses, "Gateway": gateways, "ListenerSet": listenerSets, "Certificate": cluster.Certificates(),
	}[object.GetKind()]
	_, err := w.Dynamic.Resource(resource).Namespace(object.GetNamespace()).Apply(
		t.Context(), object.GetName(), object, metav1.ApplyOptions{FieldManager: "kubectl", Force: true})
	return err
}

// work lets a controller do all that there is to do, until all is told or time is over.
func (w *world) work(t *testing.T, told func() bool) {
	t.Helper()
	if err := w.start(t.Context(), "certshim", w.flags...); err != nil {
		t.Fatal(err)
	}
	defer w.stop("certshim")
	if err := cluster.Poll(t.Context(), "everything to be looked at", func(context.Context) (bool, error) {
		done, err := w.metric(t, "certshim", "certshim_initial_reconcile_done")
		return done == 1, err
	}); err != nil {
		t.Fatal(err)
	}
	w.settled(t, w.Namespace(t))
	// What is missing at the end is named by the comparison.
	_ = cluster.Poll(t.Context(), "everything to be told", func(context.Context) (bool, error) { return told(), nil })
}

// untold are the planned problems of which there is no Event.
func (w *world) untold(t *testing.T, planned outcomes) []string {
	t.Helper()
	after := w.told(t)
	var untold []string
	for name, source := range planned {
		for _, p := range source.Problems {
			if !slices.Contains(saidAfterwards, p.Reason) && !slices.Contains(after[name], p.note()) {
				untold = append(untold, name+": "+p.note())
			}
		}
	}
	return untold
}

// edit does what others do to the Certificates.
func (w *world) edit(t *testing.T) {
	t.Helper()
	for n, c := range w.cases {
		for _, certificate := range w.list(t, w.namespaces[n]["shop"]) {
			if !c.Edit(&certificate) {
				continue
			}
			_, err := w.Dynamic.Resource(cluster.Certificates()).Namespace(certificate.GetNamespace()).Update(
				t.Context(), &certificate, metav1.UpdateOptions{FieldManager: "kubectl-edit"})
			if err != nil {
				t.Fatalf("case %d: edit %s: %v", n, certificate.GetName(), err)
			}
		}
	}
}

// report is what plan says of the cluster or of files, of the sources of the cases.
func (w *world) report(t *testing.T, arguments ...string) outcomes {
	t.Helper()
	p := w.planOf(t, slices.Concat([]string{"-o", "report"}, arguments, w.flags)...)
	var all struct{ Sources []reportedSource }
	if err := json.Unmarshal([]byte(p.stdout), &all); err != nil || p.exit > 1 {
		t.Fatalf("exit status %d, %v:\n%s", p.exit, err, p.stderr)
	}
	r := outcomes{}
	for _, source := range all.Sources {
		r[source.String()] = source
	}
	return r
}

// dump writes all that the server has of the kinds that plan reads into a file.
func (w *world) dump(t *testing.T) string {
	t.Helper()
	certManager := schema.GroupVersion{Group: "cert-manager.io", Version: "v1"}
	items := []any{}
	for _, resource := range []schema.GroupVersionResource{
		{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}, {Version: "v1", Resource: "namespaces"},
		certManager.WithResource("issuers"), certManager.WithResource("clusterissuers"), cluster.Certificates(),
		ingresses, gateways, listenerSets,
	} {
		list, err := w.Dynamic.Resource(resource).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range list.Items {
			items = append(items, item.Object)
		}
	}
	content, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "dump.json")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// compareDump holds the plan of a dump to that of the cluster.
func (w *world) compareDump(t *testing.T, ofCluster, ofDump outcomes) {
	t.Helper()
	compared := 0
	for _, name := range slices.Sorted(maps.Keys(ofCluster)) {
		if ofCluster[name].has(untoldByDocuments) || ofCluster[name].lacksItsGateway() {
			continue
		}
		compared++
		if diff := cmp.Diff(ofCluster[name], ofDump[name]); diff != "" {
			t.Errorf("%s (-cluster +dump)\n%s", name, diff)
		}
	}
	t.Logf("%d of %d sources are the same in a dump; the API server refused %d objects", compared, len(ofCluster), w.refused)
	if len(ofCluster) != len(ofDump) || compared < len(ofCluster)/2 {
		t.Errorf("of the cluster there are %d sources, of the dump %d; %d were compared", len(ofCluster), len(ofDump), compared)
	}
}

// certificates are those of the cluster, by namespace and name.
func (w *world) certificates(t *testing.T) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for _, certificate := range w.list(t, metav1.NamespaceAll) {
		all[certificate.GetNamespace()+"/"+certificate.GetName()] = certificate.Object
	}
	return all
}

// compareWrites holds what the controller has done to the plan.
func (w *world) compareWrites(t *testing.T, planned outcomes, before, after map[string]map[string]any) {
	t.Helper()
	written := map[string]bool{}
	actions := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(planned)) {
		for _, c := range planned[name].Certificates {
			key := c.Namespace + "/" + c.Name
			actions[c.Action]++
			switch c.Action {
			case "create", "apply":
				written[key] = true
				if missing := lacks(after[key], c.Manifest); missing != "" {
					t.Errorf("%s: %s of %s: afterwards %s", name, c.Action, key, missing)
				}
			case "delete":
				written[key] = true
				if deleted := after[key]; deleted != nil && reflect.DeepEqual(deleted["metadata"], before[key]["metadata"]) {
					t.Errorf("%s: %s is still there", name, key)
				}
			}
		}
	}
	for key, certificate := range before {
		if !written[key] && !reflect.DeepEqual(certificate["spec"], after[key]["spec"]) {
			t.Errorf("%s: nothing was planned\n%s", key, cmp.Diff(certificate["spec"], after[key]["spec"]))
		}
	}
	t.Logf("planned and done: %v", actions)
	for _, action := range []string{"create", "apply", "none", "delete", "refuse"} {
		if actions[action] == 0 {
			t.Errorf("no case leads to the action %s", action)
		}
	}
}

// lacks says what of a manifest an object doesn't have.
func lacks(object, manifest map[string]any) string {
	if object == nil {
		return "it isn't there"
	}
	got, _ := object["spec"].(map[string]any)
	for field, want := range manifest["spec"].(map[string]any) {
		if !reflect.DeepEqual(numbers(got[field]), numbers(want)) {
			return fmt.Sprintf("its %s is %v, planned %v", field, got[field], want)
		}
	}
	return ""
}

// numbers makes values comparable that were decoded in different ways.
func numbers(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// told are the notes of the Warning Events, by what they are about.
func (w *world) told(t *testing.T) map[string][]string {
	t.Helper()
	list, err := w.Dynamic.Resource(cluster.Events()).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	told := map[string][]string{}
	for _, event := range list.Items {
		if field(&event, "type") != "Warning" || field(&event, "reportingController") != "certshim" {
			continue
		}
		about := fmt.Sprintf("%v/%v/%v", field(&event, "regarding|kind"), field(&event, "regarding|namespace"), field(&event, "regarding|name"))
		told[about] = append(told[about], distinct(problem.Reason(fmt.Sprint(field(&event, "reason"))), fmt.Sprint(field(&event, "note"))))
	}
	return told
}

// compareProblems compares what the controller reported with the plan.
func (w *world) compareProblems(t *testing.T, planned outcomes, before, after map[string][]string) {
	t.Helper()
	compared := 0
	for _, name := range slices.Sorted(maps.Keys(planned)) {
		var want []string
		for _, p := range planned[name].Problems {
			if slices.Contains(saidAfterwards, p.Reason) {
				continue
			}
			compared++
			want = append(want, p.note())
			if !slices.Contains(after[name], p.note()) {
				t.Errorf("%s: planned, and not reported: %s\nreported: %q", name, p.note(), after[name])
			}
		}
		for _, note := range after[name] {
			reason, _, _ := strings.Cut(note, ": ")
			known := slices.Contains(want, note) || slices.Contains(before[name], note)
			if !known && !slices.Contains(saidAfterwards, problem.Reason(reason)) {
				t.Errorf("%s: reported, and not planned: %s\nplanned: %q", name, note, want)
			}
		}
	}
	t.Logf("%d problems were planned and reported", compared)
	if compared < cases/3 {
		t.Errorf("only %d problems were compared", compared)
	}
}
