package report

import (
	"fmt"
	"io"
	"time"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cmd/certshim/app/report"
	"github.com/certshim/certshim/ownership"
	"github.com/certshim/certshim/problem"
)

// At is when the sample was looked at.
var At = time.Date(2026, 11, 26, 14, 5, 0, 0, time.UTC)

// attention are the verdicts that need it.
var attention = []ownership.Verdict{ownership.Unserved, ownership.Contested, ownership.Drifted, ownership.Yielded, ownership.Unowned}

// The field managers of the sample.
var (
	ours   = holder("certshim", "Apply", "")
	status = holder("cert-manager-certificates-readiness", "Update", "status")
	person = holder("kubectl-edit", "Update", "")
	helm   = holder("helm", "Apply", "")
	flux   = holder("kustomize-controller", "Apply", "")
	shim   = holder("cert-manager-ingress-shim", "Update", "")
	argo   = holder("argocd-controller", "Update", "")
	velero = holder("velero-server", "Update", "")
	nobody = holder("before-first-apply", "Update", "")
	own    = holder("acme-corp-operator", "Update", "")
)

func holder(manager, operation, subresource string) ownership.Holder {
	return ownership.Holder{
		Manager: manager, Operation: operation, Subresource: subresource, APIVersion: "cert-manager.io/v1",
		Class: ownership.ClassOf(manager),
	}
}

// Sample writes a report of n Certificates as a large cluster has them: 16 fields each, of which
// four values are their own, and one Certificate in 40 with something to look at.
func Sample(w io.Writer, n int) error {
	out := report.New(w, report.Head{Subject: "context production", Scope: "all namespaces", Program: "certshim v1.0.0", At: At, Attention: attention})
	for i := range n {
		if err := out.Add(one(i)); err != nil {
			return err
		}
	}
	end := report.End{
		Events: map[report.Name][]report.Event{},
		Notes:  []string{`The rule at ownership.rules[1] matches nothing: managers "team-*", fields spec.duration`},
	}
	if n > 100 {
		end.Findings = findings()
	}
	for _, name := range out.Worst(200) {
		end.Events[name] = []report.Event{
			{At: At.Add(-26 * time.Hour), Type: "Normal", Reason: "UpdateCertificate", Message: `Successfully updated Certificate "` + name.Name + `"`, Reporter: "certshim"},
			{At: At.Add(-3 * time.Hour), Count: 3, Type: "Warning", Reason: "FieldContested", Message: "spec.duration was taken 3 times by kubectl-edit", Reporter: "certshim"},
		}
	}
	return out.Close(end)
}

func findings() []ownership.Finding {
	about := func(kind, namespace, name string) problem.Object {
		return problem.Object{Group: "cert-manager.io", Kind: kind, Namespace: namespace, Name: name}
	}
	return []ownership.Finding{
		{Kind: ownership.SecretWrittenTwice, Severity: problem.Error, Object: about("Certificate", "team-001", "web-00001-tls"),
			Others: []problem.Object{about("Certificate", "team-001", "web-00401-tls")}, Message: "2 Certificates write Secret web-tls"},
		{Kind: ownership.MissingCertificate, Severity: problem.Error, Object: about("Ingress", "team-007", "api"),
			Message: "there is no Certificate api-tls for the Secret that it asks for"},
		{Kind: ownership.ShimWrites, Severity: problem.Warning, Object: about("Certificate", "team-009", "web-00009-tls"),
			Message: "cert-manager's ingress-shim has written it after certshim did, and may still run"},
	}
}

// one is a Certificate; most are settled.
func one(i int) report.Certificate {
	name, namespace := fmt.Sprintf("web-%05d", i), fmt.Sprintf("team-%03d", i%400)
	host := name + ".apps.example.com"
	hour := time.Duration(i%700) * time.Hour
	c := report.Certificate{
		Ownership: ownership.Report{Namespace: namespace, Name: name + "-tls", Generation: int64(1 + i%7), Ours: true},
		Secret:    name + "-tls", Source: problem.Object{Group: "networking.k8s.io", Kind: "Ingress", Namespace: namespace, Name: name},
	}
	for _, f := range []struct {
		path  string
		value any
	}{
		{".metadata.annotations.acme.cert-manager.io/http01-edit-in-place", "true"},
		{".metadata.labels.app.kubernetes.io/name", fmt.Sprintf("app-%d", i%900)},
		{".metadata.labels.team", namespace},
		{fmt.Sprintf(".metadata.ownerReferences[uid=%q]", uid(i)), map[string]any{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": name, "uid": uid(i), "controller": true}},
		{".spec.commonName", host},
		{".spec.dnsNames", []any{host, "www." + host}},
		{".spec.duration", "2160h0m0s"},
		{".spec.issuerRef.group", "awspca.cert-manager.io"},
		{".spec.issuerRef.kind", "AWSPCAClusterIssuer"},
		{".spec.issuerRef.name", fmt.Sprintf("corp-%d", i%5)},
		{".spec.privateKey.algorithm", "ECDSA"},
		{".spec.privateKey.rotationPolicy", "Always"},
		{".spec.renewBefore", "720h0m0s"},
		{".spec.revisionHistoryLimit", 3},
		{".spec.secretName", name + "-tls"},
		{".spec.usages", []any{"digital signature", "key encipherment"}},
	} {
		c.Ownership.Fields = append(c.Ownership.Fields, ownership.Field{
			Path: f.path, Live: f.value, Wanted: f.value, Holders: []ownership.Holder{ours},
			Should: ownership.Should{Manager: "certshim", By: ownership.BySource}, Verdict: ownership.Ours,
		})
	}
	c.Ownership.Entries = []ownership.Entry{{Holder: at(ours, hour), Fields: 16, Alone: 16}, {Holder: at(status, hour/2), Status: 14}}
	if i%40 == 1 {
		trouble(&c.Ownership, i/40)
	}
	return c
}

func uid(i int) string { return fmt.Sprintf("%08x-5c2e-4a57-9d1f-%012x", uint32(i)*2654435761, i) } //nolint:gosec // made up

// at is a holder whose entry changed some time before the sample was taken.
func at(h ownership.Holder, before time.Duration) ownership.Holder {
	h.Changed = At.Add(-before - 7*time.Minute)
	return h
}

// trouble gives a Certificate one of several troubles.
func trouble(r *ownership.Report, k int) {
	const labels, duration, issuer, usages = 2, 6, 9, 15
	field := func(i int, v ownership.Verdict, cause certificate.FieldCause, live any, holders ...ownership.Holder) {
		f := &r.Fields[i]
		f.Verdict, f.Cause, f.Live, f.Holders = v, cause, live, holders
		for _, h := range holders {
			addField(r, at(h, time.Duration(k%90)*time.Hour), 2-len(holders))
		}
	}
	switch k % 9 {
	case 0:
		field(duration, ownership.Drifted, certificate.FieldPutBack, "8760h0m0s", person)
		field(issuer, ownership.Drifted, certificate.FieldPutBack, "legacy", person)
	case 1:
		field(duration, ownership.Yielded, certificate.FieldLeft, "4320h0m0s", helm)
		r.Fields[duration].Should = ownership.Should{Manager: "helm", By: ownership.ByRule}
	case 2:
		field(labels, ownership.Shared, "", r.Fields[labels].Live, ours, flux)
		r.Fields[labels].Stays = true
		field(usages, ownership.Drifted, certificate.FieldNotHeld, r.Fields[usages].Live, flux)
	case 3:
		field(duration, ownership.Contested, certificate.FieldLeft, "24h0m0s", argo)
		r.Fields[duration].Fight = &ownership.Fight{Path: ".spec.duration", Manager: argo.Manager, Operation: argo.Operation, Rounds: 3}
	case 4:
		field(usages, ownership.Unowned, certificate.FieldUnrecorded, r.Fields[usages].Live)
	case 5:
		for i := range r.Fields {
			field(i, ownership.Untracked, certificate.FieldUnrecorded, r.Fields[i].Live, nobody)
		}
		r.Entries = []ownership.Entry{{Holder: at(nobody, 900*time.Hour), Fields: 16, Alone: 16}}
	case 6:
		field(duration, ownership.Unserved, "", r.Fields[duration].Live, shim)
		r.Heal = []byte("[]")
	case 7:
		r.Fields = append(r.Fields, ownership.Field{
			Path: ".spec.subject.organizations", Live: []any{"ACME"}, Holders: []ownership.Holder{own}, Verdict: ownership.Foreign,
			Should: ownership.Should{By: ownership.ByNobody},
		})
		r.Entries = append(r.Entries, ownership.Entry{Holder: at(own, 50*time.Hour), Fields: 1, Alone: 1})
		field(labels, ownership.Drifted, certificate.FieldMissing, nil)
	case 8:
		field(duration, ownership.Drifted, certificate.FieldNotHeld, r.Fields[duration].Live, velero)
	}
}

// addField adds a field to the entry of a holder, which is made if it isn't there.
func addField(r *ownership.Report, h ownership.Holder, alone int) {
	for i, e := range r.Entries {
		if e.Manager == h.Manager {
			if h.Manager != ours.Manager {
				r.Entries[i].Fields++
				r.Entries[i].Alone += alone
			}
			return
		}
	}
	r.Entries = append(r.Entries, ownership.Entry{Holder: h, Fields: 1, Alone: alone})
}
