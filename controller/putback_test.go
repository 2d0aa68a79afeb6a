package controller

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

var nameOfTLS = types.NamespacedName{Namespace: "shop", Name: "tls"}

// putsBack is a decision that takes the duration back from kubectl-edit.
func putsBack() certificate.Decision {
	return certificate.Decision{
		Namespace: "shop", Name: "tls", Action: certificate.Apply, Force: true, Version: "7",
		Config: map[string]any{"metadata": map[string]any{"name": "tls"}, "spec": map[string]any{"duration": "2h0m0s"}},
		Guard:  certificate.Guard{UID: "u", ResourceVersion: "7"},
		PutBack: []certificate.PutBack{{
			Conflict: certificate.Conflict{Field: ".spec.duration", Manager: "kubectl-edit", Operation: "Update"},
			Problem:  problem.Problem{Severity: problem.Warning, Reason: problem.EditPutBack, Message: "it is put back"},
		}},
	}
}

// Ten an hour are put back at once, then one every six minutes.
func TestPutBackSlowsDown(t *testing.T) {
	d, decision, now := newDisputes(Fights{}), putsBack(), noon
	try := func() time.Duration {
		wait, may := d.mayApply(decision, now)
		if may {
			d.wasPutBack("u", nil, now)
		}
		return wait
	}
	for i := range promptPutBacks {
		if wait := try(); wait != 0 {
			t.Fatalf("the %dth waits %s", i+1, wait)
		}
		now = now.Add(time.Second)
	}
	for range 20 {
		wait := try()
		if wait <= putBackInterval-2*time.Second || wait > putBackInterval {
			t.Fatalf("after ten within the hour the next waits %s", wait)
		}
		now = now.Add(wait)
		if wait := try(); wait != 0 {
			t.Fatalf("it waits %s more", wait)
		}
	}
	decision.Guard.UID = "another"
	if wait := try(); wait != 0 {
		t.Errorf("another Certificate waits %s", wait)
	}
	decision.Guard.UID = "u"
	now = now.Add(peace)
	if wait := try(); wait != 0 {
		t.Errorf("after an hour it waits %s", wait)
	}
	decision.PutBack = nil
	if wait := try(); wait != 0 {
		t.Errorf("a change of the source waits %s", wait)
	}
}

// What isn't sent doesn't find out whether a webhook is back, and takes the turn of none that does.
func TestAPutBackThatWaitsProbesNoWebhook(t *testing.T) {
	c := newTestController(t, &script{})
	look := lookAt(t, c, see(t, c, ingress(issuer, "tls")))
	now := time.Now()
	c.breaker.failed("w", look.Key(), now.Add(-2*firstPause))
	d := certificate.Decision{Namespace: "shop", Name: "tls", Action: certificate.Apply, Guard: certificate.Guard{UID: "u"}}
	c.disputes.inVain("u", d.Want, d.Have, now)
	if _, may := c.mayWrite(look, source.Ref{}, d); may {
		t.Fatal("it may be written")
	}
	if wait := c.breaker.wait(at("shop", "other"), now); wait != 0 {
		t.Errorf("another write waits %s to try the webhook", wait)
	}
}

// One Event for each field and manager, until an hour passes without.
func TestPutBackIsToldOncePerFight(t *testing.T) {
	d := newDisputes(Fights{})
	edit := certificate.Conflict{Field: ".spec.duration", Manager: "kubectl-edit", Operation: "Update"}
	helm := certificate.Conflict{Field: ".spec.duration", Manager: "helm", Operation: "Update"}
	now := noon
	for i, step := range []struct {
		after time.Duration
		uid   string
		by    certificate.Conflict
		news  bool
	}{
		{0, "u", edit, true},
		{time.Minute, "u", edit, false},
		{0, "u", helm, true},
		{0, "v", edit, true},
		{59 * time.Minute, "u", edit, false},
		{59 * time.Minute, "u", edit, false},
		{time.Hour, "u", edit, true},
		{time.Second, "u", edit, false},
	} {
		now = now.Add(step.after)
		if news := d.isNews(step.uid, step.by, now); news != step.news {
			t.Errorf("step %d: news %v", i, news)
		}
	}
}

func TestDisputesAreBounded(t *testing.T) {
	d := newDisputes(Fights{})
	for i := range 3 * maxDisputes {
		uid, now := fmt.Sprint("u", i), noon.Add(time.Duration(i)*time.Second)
		d.wasPutBack(uid, nil, now)
		if len(d.of) > maxDisputes {
			t.Fatalf("%d Certificates are remembered", len(d.of))
		}
	}
	for i := range 3 * maxDisputedFields {
		d.isNews("u", certificate.Conflict{Field: fmt.Sprint(i)}, noon)
	}
	for i := range 3 * maxDisputedFields {
		d.wasPutBack("u", []certificate.PutBack{{Conflict: certificate.Conflict{Field: fmt.Sprint(i)}}}, noon)
	}
	if known := d.of["u"]; len(known.told) > maxDisputedFields || len(known.contests) > maxDisputedFields || len(known.putBack) > promptPutBacks {
		t.Errorf("of one Certificate %d changes, %d fields and %d times are remembered", len(known.told), len(known.contests), len(known.putBack))
	}
}

func TestPutBackIsForcedAndTold(t *testing.T) {
	live := putsBack().Config
	live["metadata"].(map[string]any)["resourceVersion"] = "8"
	writer := &script{version: "8", live: live}
	c := newTestController(t, writer)
	look := lookAt(t, c, see(t, c, ingress(issuer, "tls")))
	ref := source.Ref{Namespace: "shop", Name: "web", Kind: "Ingress", UID: "s"}
	for range 2 {
		if r := c.execute(t.Context(), look, ref, putsBack()); r.err != nil {
			t.Fatal(r.err)
		}
		c.inventory.ExpectNothing(nameOfTLS)
	}
	if diff := cmp.Diff([]string{"force tls", "get tls", "force tls", "get tls"}, writer.requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if got := toldOf(c, problem.EditPutBack); got != 1 {
		t.Errorf("told %v times", got)
	}
	if l, found := c.recorder.normals.take(); !found || l.reason != updatedReason {
		t.Error("no Event tells of the update")
	}
}

// What is put back and what admission then gives another value isn't told as put back: the apply took
// the field from its holder, and set no value.
func TestPutBackThatAdmissionUndoes(t *testing.T) {
	decision := putsBack()
	decision.Config["spec"].(map[string]any)["commonName"] = "a"
	decision.PutBack = append(decision.PutBack, certificate.PutBack{
		Conflict: certificate.Conflict{Field: ".spec.commonName", Manager: "kubectl-edit", Operation: "Update"},
		Problem:  problem.Problem{Severity: problem.Warning, Reason: problem.EditPutBack, Message: "it is put back"},
	})
	for commonName, want := range map[string]float64{"a": 1, "b": 0} {
		live := map[string]any{"metadata": map[string]any{"name": "tls", "resourceVersion": "8"}, "spec": map[string]any{"duration": "3h0m0s", "commonName": commonName}}
		writer := &script{version: "8", live: live}
		c := newTestController(t, writer)
		look := lookAt(t, c, see(t, c, ingress(issuer, "tls")))
		for range 2 {
			c.execute(t.Context(), look, source.Ref{Namespace: "shop", Name: "web"}, decision)
			c.inventory.ExpectNothing(nameOfTLS)
		}
		if diff := cmp.Diff([]string{"force tls", "get tls"}, writer.requests); diff != "" {
			t.Errorf("common name %s: requests (-want +got):\n%s", commonName, diff)
		}
		if admitted, putBack := toldOf(c, problem.ChangedOnAdmission), toldOf(c, problem.EditPutBack); admitted != 1 || putBack != want {
			t.Errorf("common name %s: told %v times of admission, and %v times of what is put back", commonName, admitted, putBack)
		}
		if _, found := c.recorder.normals.take(); found != (want > 0) {
			t.Errorf("common name %s: an update is told: %v", commonName, found)
		}
	}
}

// Somebody who edits again before that was read is no admission.
func TestPutBackThatSomebodyUndoes(t *testing.T) {
	live := map[string]any{"metadata": map[string]any{"name": "tls", "resourceVersion": "9"}, "spec": map[string]any{"duration": "3h0m0s"}}
	c := newTestController(t, &script{version: "8", live: live})
	look := lookAt(t, c, see(t, c, ingress(issuer, "tls")))
	c.execute(t.Context(), look, source.Ref{Namespace: "shop", Name: "web"}, putsBack())
	if admitted, putBack := toldOf(c, problem.ChangedOnAdmission), toldOf(c, problem.EditPutBack); admitted != 0 || putBack != 1 {
		t.Errorf("told %v times of admission, and %v times of what is put back", admitted, putBack)
	}
	again := putsBack()
	again.Have = certificate.Observe(live).Have
	if wait, may := c.disputes.mayApply(again, time.Now()); !may {
		t.Errorf("it isn't put back again; wait %s", wait)
	}
}

// What was changed in the meantime is decided about again, and nothing is told.
func TestPutBackOfWhatChangedMeanwhile(t *testing.T) {
	outdated := apierrors.NewConflict(schema.GroupResource{Resource: "certificates"}, "tls", errors.New("modified"))
	writer := &script{version: "8", answers: []error{outdated}}
	c := newTestController(t, writer)
	look := lookAt(t, c, see(t, c, ingress(issuer, "tls")))
	if r := c.execute(t.Context(), look, source.Ref{}, putsBack()); r.answer != "outdated" {
		t.Errorf("the answer is taken as %q", r.answer)
	}
	for range 3 * promptPutBacks {
		c.inventory.ExpectNothing(nameOfTLS)
		writer.answers = append(writer.answers, outdated)
		if r := c.execute(t.Context(), look, source.Ref{}, putsBack()); r.held {
			t.Fatal("what wasn't put back counts as put back")
		}
	}
	if got := toldOf(c, problem.EditPutBack); got != 0 {
		t.Errorf("told %v times", got)
	}
}

// Once a take-over has taken a field from its holder, nothing records who that was. If the apply that puts
// it back then fails, it is told all the same; the rest stays with its holder until the next try.
func TestTakenBackThoughTheApplyFailed(t *testing.T) {
	decision := putsBack()
	decision.TakeOver = []byte("[]")
	decision.PutBack = append(decision.PutBack, certificate.PutBack{
		Conflict: certificate.Conflict{Field: ".spec.secretName", Manager: "kubectl-edit", Operation: "Update"}, ByTakeOver: true,
		Problem: problem.Problem{Severity: problem.Warning, Reason: problem.EditPutBack, Message: "it is put back"},
	})
	outdated := apierrors.NewConflict(schema.GroupResource{Resource: "certificates"}, "tls", errors.New("modified"))
	for name, test := range map[string]struct {
		answers []error
		told    float64
	}{
		"the take-over failed": {[]error{outdated}, 0},
		"the apply failed":     {[]error{nil, outdated}, 1},
	} {
		c := newTestController(t, &script{answers: test.answers})
		look := lookAt(t, c, see(t, c, ingress(issuer, "tls")))
		c.execute(t.Context(), look, source.Ref{Namespace: "shop", Name: "web"}, decision)
		known := c.disputes.of["u"]
		if told := toldOf(c, problem.EditPutBack); told != test.told || (known != nil) != (told > 0) {
			t.Errorf("%s: told %v times; remembered: %+v", name, told, known)
		}
		if known != nil && len(known.contests) != 1 {
			t.Errorf("%s: contests about %d fields are remembered", name, len(known.contests))
		}
	}
}

// An apply after which the Certificate has the same resourceVersion changed nothing, because
// admission gave a field another value: that is told once, and not tried again until something
// changes.
func TestApplyInVain(t *testing.T) {
	live := map[string]any{"metadata": map[string]any{"name": "tls", "resourceVersion": "7"}, "spec": map[string]any{"duration": "3h0m0s"}}
	writer := &script{version: "7", live: live}
	c := newTestController(t, writer)
	look := lookAt(t, c, see(t, c, ingress(issuer, "tls")))
	decision := putsBack()
	decision.PutBack, decision.Force, decision.Want, decision.Have = nil, false, certificate.Digest{Sum: 1}, certificate.Digest{}
	execute := func() {
		t.Helper()
		if r := c.execute(t.Context(), look, source.Ref{Namespace: "shop", Name: "web"}, decision); r.err != nil || r.after != 0 {
			t.Fatalf("%+v", r)
		}
		c.inventory.ExpectNothing(nameOfTLS)
	}
	for range 3 {
		execute()
	}
	decision.Have.Sum++
	execute()
	decision.Want.Sum++
	execute()
	if diff := cmp.Diff([]string{"apply tls", "get tls", "apply tls", "get tls", "apply tls", "get tls"}, writer.requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if got := toldOf(c, problem.ChangedOnAdmission); got != 1 {
		t.Errorf("told %v times", got)
	}
	if l, found := c.recorder.normals.take(); found {
		t.Errorf("an Event %s tells of a write that changed nothing", l.reason)
	}

	writer.live["spec"] = map[string]any{"duration": "2h0m0s"}
	decision.Want.Sum++
	execute()
	if got := toldOf(c, problem.ChangedOnAdmission); got != 1 {
		t.Error("the Certificate was as wanted before, and that is told as a change by admission")
	}
}

// toldOf is how often a reason was told.
func toldOf(c *Controller, reason problem.Reason) float64 {
	return testutil.ToFloat64(c.metrics.problems.WithLabelValues(string(reason), string(problem.Warning)))
}
