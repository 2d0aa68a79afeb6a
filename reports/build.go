package reports

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/ownership"
	"github.com/certshim/certshim/problem"
)

const (
	// reportName is that of the report in each namespace.
	reportName = "certshim"
	// managedBy is the label by which a report of that name is known as ours.
	managedBy = "app.kubernetes.io/managed-by"
	// source is who writes the report, and policy what it is about.
	source = "certshim"
	policy = "field-ownership"
)

// Rules beside the verdicts.
const (
	// unreadable is that of a Certificate with entries of managedFields that can't be read.
	unreadable = "unreadable"
	// unlisted is that of the result which says how many are left out.
	unlisted = "unlisted"
)

// result is one field that doesn't pass. It has no values: more people read reports than may read
// Certificates.
type result struct {
	rule, result, severity string
	path                   string
	holder                 ownership.Holder
	message                string
}

// judgement is what a verdict comes to in a report.
type judgement struct{ result, severity string }

// judgements are of the verdicts that don't pass; it is never changed.
var judgements = map[ownership.Verdict]judgement{
	ownership.Unserved:  {"error", "high"},
	ownership.Contested: {"fail", "high"},
	ownership.Drifted:   {"fail", "medium"},
	ownership.Foreign:   {"warn", "low"},
	ownership.Unowned:   {"warn", "low"},
	ownership.Untracked: {"warn", "low"},
	ownership.Yielded:   {"skip", "low"},
}

// resultsOf are the fields of a Certificate that don't pass, in the order of their verdicts.
func resultsOf(r ownership.Report) []result {
	var results []result
	if r.Unread > 0 {
		results = append(results, result{
			rule: unreadable, result: "error", severity: "high", path: ".metadata.managedFields",
			message: fmt.Sprintf("%d entries of .metadata.managedFields aren't as the API server writes them", r.Unread),
		})
	}
	for _, verdict := range ownership.Verdicts() {
		judged, fails := judgements[verdict]
		for _, f := range r.Fields {
			if fails && f.Verdict == verdict {
				results = append(results, result{
					rule: string(verdict), result: judged.result, severity: judged.severity, path: visible(f.Path), holder: holderOf(f),
					message: messageOf(f),
				})
			}
		}
	}
	return results
}

// holderOf is who is to be named as the holder of a field: the first who isn't certshim.
func holderOf(f ownership.Field) ownership.Holder {
	other := slices.IndexFunc(f.Holders, func(h ownership.Holder) bool { return h.Class != ownership.Certshim })
	if len(f.Holders) == 0 {
		return ownership.Holder{}
	}
	return f.Holders[max(other, 0)]
}

// messageOf is a verdict in words.
func messageOf(f ownership.Field) string {
	const most = 3
	var holders []string
	for i, h := range f.Holders {
		if i == most {
			holders = append(holders, fmt.Sprintf("%d more", len(f.Holders)-most))
			break
		}
		holders = append(holders, nameOf(h.Manager)+" ("+visible(h.Operation)+")")
	}
	message := visible(f.Path) + ": " + f.Verdict.Words()
	if len(holders) > 0 {
		message += "; held by " + strings.Join(holders, ", ")
	}
	return message
}

// nameOf is the name of a manager in a sentence, which may be empty.
func nameOf(manager string) string {
	if problem.Name(manager) == manager {
		return manager
	}
	return `"` + visible(manager) + `"`
}

// visible is text from an object, bounded and with nothing in it that a terminal would act on.
func visible(text string) string {
	const most = 128
	var b strings.Builder
	for _, r := range text {
		if b.Len() >= most {
			b.WriteString("…")
			break
		}
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// certificateResults are the results of one Certificate.
type certificateResults struct {
	name, uid string
	results   []result
}

// build is the report of a namespace.
func build(k kind, namespace string, totals inventory.FieldTotals, certificates []certificateResults) map[string]any {
	report := map[string]any{
		"apiVersion": k.apiVersion(), "kind": k.name,
		"metadata": map[string]any{"name": reportName, "namespace": namespace, "labels": map[string]any{managedBy: source}},
		"scope":    map[string]any{"apiVersion": "v1", "kind": "Namespace", "name": namespace},
		"summary":  summary(totals, certificates),
	}
	if k.source {
		report["source"] = source
	}
	if results := list(namespace, totals, certificates); len(results) > 0 {
		report["results"] = results
	}
	return report
}

// summary counts all fields, and the Certificates whose entries can't be read.
func summary(t inventory.FieldTotals, certificates []certificateResults) map[string]any {
	failed := t.Unserved
	for _, c := range certificates {
		if slices.ContainsFunc(c.results, func(r result) bool { return r.rule == unreadable }) {
			failed++
		}
	}
	return map[string]any{
		"pass": int64(t.Ours + t.Shared), "fail": int64(t.Contested + t.Drifted), "warn": int64(t.Foreign + t.Unowned + t.Untracked),
		"error": int64(failed), "skip": int64(t.Yielded),
	}
}

// list are the results as a report has them, and one more if not all of them fit.
func list(namespace string, totals inventory.FieldTotals, certificates []certificateResults) []any {
	var all []any
	listed, fields := 0, totals.Unserved+totals.Contested+totals.Drifted+totals.Foreign+totals.Unowned+totals.Untracked+totals.Yielded
	for _, c := range certificates {
		for _, r := range c.results {
			if len(all) == maxResults {
				break
			}
			if all = append(all, r.object(namespace, c)); r.rule != unreadable {
				listed++
			}
		}
	}
	if left := fields - listed; left > 0 {
		all = append(all, map[string]any{
			"source": source, "policy": policy, "rule": unlisted, "result": "skip", "severity": "info",
			"message": fmt.Sprintf("%d more fields aren't listed here: certshim audit -n %s shows all", left, namespace),
		})
	}
	return all
}

func (r result) object(namespace string, c certificateResults) map[string]any {
	properties := map[string]any{"path": r.path}
	if r.holder.Operation != "" {
		properties["manager"], properties["operation"] = visible(r.holder.Manager), visible(r.holder.Operation)
	}
	return map[string]any{
		"source": source, "policy": policy, "rule": r.rule, "result": r.result, "severity": r.severity, "message": r.message,
		"resources": []any{map[string]any{
			"apiVersion": certificate.Resource().GroupVersion().String(), "kind": "Certificate", "namespace": namespace, "name": c.name, "uid": c.uid,
		}},
		"properties": properties,
	}
}
