package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"

	settings "github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/controller"
	"github.com/certshim/certshim/test/cluster"
)

// takenDuration is what others set in these tests; the source asks for 2000h.
const takenDuration = `{"spec":{"duration":"3000h0m0s"}}`

func hasDuration(duration string) func(c *unstructured.Unstructured) bool {
	return func(c *unstructured.Unstructured) bool { return field(c, "spec|duration") == duration }
}

// The third time that somebody takes a field, it is left to them: that is told once, counted, and the rest is applied.
// Once they give it up, it is set at once.
func TestAFightIsToldOnceAndEnds(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	d.startFor(t, "certshim", "--leader-elect=false")
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	events := d.Watch(t, cluster.Events(), namespace)
	d.Apply(t, namespace, editedIngress)
	certificates.Object(t, "web-tls", "to be made", exists)
	for range 2 {
		edited := d.updateAs(t, namespace, "web-tls", "manager", takenDuration)
		certificates.Object(t, "web-tls", "to be put back", func(c *unstructured.Unstructured) bool {
			return c.GetGeneration() > edited.GetGeneration() && hasDuration("2000h0m0s")(c)
		})
	}
	d.updateAs(t, namespace, "web-tls", "manager", takenDuration)
	note := fmt.Sprint(field(awaitWarning(t, events, "web", "FieldContested"), "note"))
	wantIn(t, note, `field manager "manager" has taken .spec.duration of Certificate web-tls from certshim 3 times`, `"3000h0m0s", by Update`, `(value "2000h0m0s")`)
	before := d.quiet(t, namespace, certificates, "web-tls")
	d.untilMetricOf(t, "certshim", "certshim_contested_fields", 1)

	d.patch(t, ingresses, namespace, "web", `{"metadata":{"annotations":{"cert-manager.io/common-name":"a.example.com"}}}`)
	rest := certificates.Object(t, "web-tls", "to get the rest", func(c *unstructured.Unstructured) bool { return field(c, "spec|commonName") == "a.example.com" })
	if !hasDuration("3000h0m0s")(rest) {
		t.Errorf("the duration isn't left: %v", rest.Object["spec"])
	}
	if got := d.quiet(t, namespace, certificates, "web-tls"); got != before+1 {
		t.Errorf("it was written %d times for one change", got-before)
	}
	if got := told(events, "web", "FieldContested"); len(got) != 1 {
		t.Errorf("told %d times: %q", len(got), got)
	}

	d.updateAs(t, namespace, "web-tls", "manager", `{"spec":{"duration":null}}`)
	certificates.Object(t, "web-tls", "to be set again, once it is given up", hasDuration("2000h0m0s"))
	if err := cluster.Poll(t.Context(), "no field to be contested", func(context.Context) (bool, error) {
		contested, err := d.metric(t, "certshim", "certshim_contested_fields")
		return contested == 0, err
	}); err != nil {
		t.Fatal(err)
	}
}

// controls runs a controller in this process until the end of the test, with the permissions of deploy/ and other settings
// than the program takes.
func (d *deployed) controls(t *testing.T, set func(*controller.Config)) {
	t.Helper()
	config := controller.Config{Configuration: settings.Default(), Version: "test"}
	config.LeaderElect.Enabled = false
	config.HealthzListenAddress = "0"
	config.MetricsListenAddress = must(cluster.FreeAddress(t.Context()))(t)
	set(&config)
	config.Policy = must(config.Configuration.Policy(settings.Surroundings{}))(t)
	as := must(clientcmd.BuildConfigFromFlags("", d.kubeconfig))(t)
	c := must(controller.New(config, as, slog.New(slog.DiscardHandler), prometheus.NewRegistry()))(t)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// What is left is tried again after a pause, and left again as often as it is lost, until the other one stops.
func TestAFightIsTriedAgain(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	d.controls(t, func(c *controller.Config) {
		c.Fights = controller.Fights{Within: time.Minute, Pause: 500 * time.Millisecond, LongestPause: time.Second}
	})
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	events := d.Watch(t, cluster.Events(), namespace)
	d.Apply(t, namespace, editedIngress)
	certificates.Object(t, "web-tls", "to be made", hasDuration("2000h0m0s"))
	const rounds = 6
	for lost := 1; lost <= rounds; lost++ {
		edited := d.updateAs(t, namespace, "web-tls", "manager", takenDuration)
		if lost >= 3 {
			events.Until(t, fmt.Sprintf("the loss number %d to be told", lost), func(cluster.State) bool {
				return strings.Contains(strings.Join(told(events, "web", "FieldContested"), "\n"), fmt.Sprintf("from certshim %d times", lost))
			})
		}
		certificates.Object(t, "web-tls", "to be put back, or tried again", func(c *unstructured.Unstructured) bool {
			return c.GetGeneration() > edited.GetGeneration() && hasDuration("2000h0m0s")(c)
		})
	}
	d.quietFor(t, namespace, certificates)
	if got := told(events, "web", "FieldContested"); len(got) != rounds-2 {
		t.Errorf("told %d times: %q", len(got), got)
	}
}

// quietFor waits until certshim has done something else after all that it has to do about web-tls, and fails if that is written
// meanwhile.
func (d *deployed) quietFor(t *testing.T, namespace string, certificates *cluster.Watch) {
	t.Helper()
	before := d.certificate(t, namespace, "web-tls")
	d.quiet(t, namespace, certificates, "web-tls")
	if now := d.certificate(t, namespace, "web-tls"); now.GetResourceVersion() != before.GetResourceVersion() {
		t.Errorf("it goes on being written: %v", now.Object)
	}
}

// restlessPolicy makes the API server give Certificates another duration each time that they are written.
const restlessPolicy = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: restless}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  matchConstraints:
    resourceRules:
    - {apiGroups: [cert-manager.io], apiVersions: [v1], resources: [certificates], operations: [CREATE, UPDATE]}
  mutations:
  - patchType: JSONPatch
    jsonPatch:
      expression: >-
        [JSONPatch{op: "add", path: "/spec/duration", value:
        oldObject != null && has(oldObject.spec.duration) && oldObject.spec.duration == "3000h0m0s" ? "3001h0m0s" : "3000h0m0s"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: restless}
spec: {policyName: restless}
`

// Admission that gives a field another value at each write is no reason to write for ever, and nor is what
// somebody writes beside it.
func TestAdmissionThatIsNeverContent(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	d.startFor(t, "certshim", "--leader-elect=false")
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	events := d.Watch(t, cluster.Events(), namespace)
	d.enforce(t, restlessPolicy)
	d.Apply(t, namespace, editedIngress)
	awaitWarning(t, events, "web", "ChangedOnAdmission")
	if got := d.quiet(t, namespace, certificates, "web-tls"); got > 4 {
		t.Errorf("it was written %d times", got)
	}
	for i := range 8 {
		d.updateAs(t, namespace, "web-tls", "manager", fmt.Sprintf(`{"metadata":{"labels":{"beat":"%d"}}}`, i))
		d.settled(t, namespace)
		d.delete(t, ingresses, namespace, "settled")
		certificates.Gone(t, "settled-tls")
	}
	if got := d.quiet(t, namespace, certificates, "web-tls"); got > 4+2*8 {
		t.Errorf("it was written %d times, 8 of them by another", got)
	}
}

// gitops are programs that apply what is in Git, as they call kubectl's own code. They do so again and again.
var gitops = map[string][]string{
	"kustomize-controller": {"--server-side", "--force-conflicts"},
	"helm-controller":      {"--server-side", "--force-conflicts"},
	"argocd-controller":    {"--server-side", "--force-conflicts"},
	"helm":                 {"--server-side", "--force-conflicts"},
}

// Flux, Argo CD and Helm 4 keep what they apply, however often they do; nobody fights, one Event tells, and the audit
// names them.
func TestGitOpsToolsAreNoFight(t *testing.T) {
	for manager, how := range gitops {
		t.Run(manager, func(t *testing.T) {
			t.Parallel()
			namespace := shared.Namespace(t)
			certificates := shared.Watch(t, cluster.Certificates(), namespace)
			events := shared.Watch(t, cluster.Events(), namespace)
			shared.Apply(t, namespace, editedIngress)
			certificates.Object(t, "web-tls", "to be made", exists)
			for i := range 5 {
				shared.applyPart(t, namespace, manager, fmt.Sprintf("{sync: %q}", fmt.Sprint(i)), how...)
			}
			note := fmt.Sprint(field(awaitWarning(t, events, "web", "FieldConflict"), "note"))
			wantIn(t, note, fmt.Sprintf("field manager %q", manager), `"3000h0m0s"`, "by Apply; it stays theirs")
			shared.settled(t, namespace)
			if now := shared.certificate(t, namespace, "web-tls"); !hasDuration("3000h0m0s")(now) || field(now, "metadata|labels|sync") != "4" {
				t.Errorf("it isn't theirs: %v", now.Object)
			}
			if told := len(told(events, "web", "FieldConflict")) + len(told(events, "web", "EditPutBack")) + len(told(events, "web", "FieldContested")); told != 1 {
				t.Errorf("told %d times", told)
			}
			if found := shared.verdicts(t, namespace, "web-tls"); found[".spec.duration"] != "yielded" || found[".metadata.labels.sync"] != "foreign" {
				t.Errorf("verdicts: %v", found)
			}
			shared.auditOf(t, "-n", namespace, "-o", "wide").says(t, 0, manager+" (Apply)")
		})
	}
}

// Argo CD and Helm without server-side apply update: that is a real fight, which is told once, and ends.
func TestGitOpsToolsThatUpdateAreAFight(t *testing.T) {
	namespace := shared.Namespace(t)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	events := shared.Watch(t, cluster.Events(), namespace)
	shared.Apply(t, namespace, editedIngress)
	certificates.Object(t, "web-tls", "to be made", exists)
	for lost := 1; lost <= 3; lost++ {
		shared.applyPart(t, namespace, "argocd-controller", fmt.Sprintf("{sync: %q}", fmt.Sprint(lost)))
		if lost < 3 {
			certificates.Object(t, "web-tls", "to be put back", func(c *unstructured.Unstructured) bool {
				return field(c, "metadata|labels|sync") == fmt.Sprint(lost) && hasDuration("2000h0m0s")(c)
			})
		}
	}
	note := fmt.Sprint(field(awaitWarning(t, events, "web", "FieldContested"), "note"))
	wantIn(t, note, `field manager "argocd-controller"`, "3 times", "by Update")
	for i := range 5 {
		shared.applyPart(t, namespace, "argocd-controller", fmt.Sprintf("{sync: %q}", fmt.Sprint("more-", i)))
	}
	shared.settled(t, namespace)
	if now := shared.certificate(t, namespace, "web-tls"); !hasDuration("3000h0m0s")(now) {
		t.Errorf("it goes on: %v", now.Object["spec"])
	}
	if got := told(events, "web", "FieldContested"); len(got) != 1 {
		t.Errorf("told %d times: %q", len(got), got)
	}
	shared.auditOf(t, "-n", namespace, "-o", "wide").says(t, 0, "argocd-controller (Update)")
}

// Helm 4 doesn't force unless it is told to: the API server refuses, for certshim's sake, and nothing changes.
func TestAnUnforcedApplyChangesNothing(t *testing.T) {
	namespace := shared.Namespace(t)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	events := shared.Watch(t, cluster.Events(), namespace)
	shared.Apply(t, namespace, editedIngress)
	certificates.Object(t, "web-tls", "to be made", exists)
	shared.settled(t, namespace)
	before := shared.certificate(t, namespace, "web-tls")
	err := shared.tryPart(t, namespace, "helm", "{sync: never}", "--server-side")
	if err == nil || !strings.Contains(err.Error(), `conflict with "certshim"`) || !strings.Contains(err.Error(), ".spec.duration") {
		t.Errorf("kubectl says %v", err)
	}
	shared.settled(t, namespace)
	now := shared.certificate(t, namespace, "web-tls")
	if now.GetGeneration() != before.GetGeneration() || !hasDuration("2000h0m0s")(now) || slices.Contains(managersOf(now), "helm Apply") {
		t.Errorf("it changed: %v", now.Object)
	}
	if told := len(told(events, "web", "FieldConflict")) + len(told(events, "web", "FieldContested")); told != 0 {
		t.Errorf("told %d times", told)
	}
}

// applyPart applies a part of web-tls by kubectl, as another field manager.
func (d *deployed) applyPart(t *testing.T, namespace, manager, labels string, flags ...string) {
	t.Helper()
	if err := d.tryPart(t, namespace, manager, labels, flags...); err != nil {
		t.Fatal(err)
	}
}

// tryPart is applyPart where that may be refused.
func (d *deployed) tryPart(t *testing.T, namespace, manager, labels string, flags ...string) error {
	t.Helper()
	file := filepath.Join(t.TempDir(), "certificate.yaml")
	manifest := fmt.Sprintf(`
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web-tls, namespace: %s, labels: %s}
spec:
  secretName: web-tls
  duration: 3000h0m0s
  issuerRef: {name: ca, kind: Issuer, group: cert-manager.io}
`, namespace, labels)
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	arguments := append([]string{"apply", "-f", file, "--field-manager=" + manager}, flags...)
	return d.Kubectl(t.Context(), arguments...)
}

// What somebody removes stays out where the operator wants that, also for the next certshim, until the source asks for
// another value.
func TestRemovedByHandIsRespected(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	file := filepath.Join(t.TempDir(), "certshim.yaml")
	respecting := "apiVersion: certshim.io/v1alpha1\nkind: ControllerConfiguration\nownership: {removedByHand: respect}\n"
	if err := os.WriteFile(file, []byte(respecting), 0o600); err != nil {
		t.Fatal(err)
	}
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	events := d.Watch(t, cluster.Events(), namespace)
	d.startFor(t, "first", "--leader-elect=false", "--config="+file)
	d.Apply(t, namespace, editedIngress)
	certificates.Object(t, "web-tls", "to be made", exists)
	d.updateAs(t, namespace, "web-tls", "kubectl-edit", `{"spec":{"duration":null},"metadata":{"labels":{"app":null}}}`)
	certificates.Object(t, "web-tls", "to list what was removed", func(c *unstructured.Unstructured) bool {
		list := c.GetAnnotations()["certshim.io/respected"]
		return strings.Contains(list, ".spec.duration=") && strings.Contains(list, ".metadata.labels.app=")
	})
	events.Until(t, "it to be told", func(cluster.State) bool { return len(told(events, "web", "RemovalRespected")) == 2 })
	isOut := func(when string) {
		t.Helper()
		d.quietFor(t, namespace, certificates)
		if now := d.certificate(t, namespace, "web-tls"); field(now, "spec|duration") != nil || field(now, "metadata|labels|app") != nil {
			t.Errorf("%s it is put back: %v", when, now.Object)
		}
	}
	isOut("at once")
	d.stop("first")
	d.startFor(t, "second", "--leader-elect=false", "--config="+file)
	isOut("after a restart")
	if found := d.run(t, "audit", "-n", namespace, "-o", "wide", "--config="+file).stdout; !strings.Contains(found, "somebody removed it") {
		t.Errorf("the audit says\n%s", found)
	}

	d.patch(t, ingresses, namespace, "web", `{"metadata":{"annotations":{"cert-manager.io/duration":"2001h"}}}`)
	changed := certificates.Object(t, "web-tls", "to get another duration", hasDuration("2001h0m0s"))
	if list := changed.GetAnnotations()["certshim.io/respected"]; strings.Contains(list, "duration") || !strings.Contains(list, "app") || field(changed, "metadata|labels|app") != nil {
		t.Errorf("listed now: %s, labels %v", list, changed.GetLabels())
	}
	d.stop("second")
	d.startFor(t, "restoring", "--leader-elect=false")
	restored := certificates.Object(t, "web-tls", "to be restored", func(c *unstructured.Unstructured) bool { return field(c, "metadata|labels|app") == "web" })
	if list, listed := restored.GetAnnotations()["certshim.io/respected"]; listed {
		t.Errorf("listed now: %s", list)
	}
}
