package app

import (
	"context"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/doctor"
	"github.com/certshim/certshim/problem"
)

// dryRunName is that of the Certificates which are sent as a dry run, and of who sends them.
const dryRunName = "certshim-doctor"

// tooShort is a duration that the schema of Certificates allows, and cert-manager's webhook doesn't.
const tooShort = "1m0s"

// dryRun sends two Certificates as a dry run. The wrong one tells nothing new where the right one doesn't get through.
func (e *examination) dryRun(ctx context.Context) *doctor.DryRun {
	d := &doctor.DryRun{Namespace: e.plan.release}
	if d.Right = e.dryWrite(ctx, ""); d.Right.Why == "" && d.Right.Value.Refusal == "" {
		d.Wrong = e.dryWrite(ctx, tooShort)
	}
	return d
}

// dryWrite is the API server's answer to a Certificate of a duration, the default for an empty one.
func (e *examination) dryWrite(ctx context.Context, duration string) doctor.Read[doctor.Answer] {
	spec := map[string]any{
		"secretName": dryRunName, "dnsNames": []any{"doctor.example.com"}, "issuerRef": map[string]any{"name": dryRunName},
		// Up to 1.19, cert-manager's webhook warns of a Certificate without it.
		"privateKey": map[string]any{"rotationPolicy": "Always"},
	}
	if duration != "" {
		spec["duration"] = duration
	}
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": certificate.Resource().GroupVersion().String(), "kind": "Certificate",
		"metadata": map[string]any{"name": dryRunName, "namespace": e.plan.release}, "spec": spec,
	}}
	_, err := e.client.Resource(certificate.Resource()).Namespace(e.plan.release).
		Apply(ctx, dryRunName, object, metav1.ApplyOptions{FieldManager: dryRunName, Force: true, DryRun: []string{metav1.DryRunAll}})
	return answerOf(err)
}

// answerOf tells a refusal from what says nothing of the write: that the asker may not make it, or that there is no such namespace.
func answerOf(err error) doctor.Read[doctor.Answer] {
	if err == nil {
		return doctor.Read[doctor.Answer]{}
	}
	if slices.Contains([]cluster.Answer{cluster.Forbidden, cluster.Gone, cluster.Terminating}, cluster.AnswerOf(err)) {
		return doctor.Read[doctor.Answer]{Why: err.Error()}
	}
	return doctor.Read[doctor.Answer]{Value: doctor.Answer{
		Refusal: problem.OneLine(err.Error()), Webhook: strings.HasPrefix(err.Error(), "admission webhook "),
	}}
}
