package app

import (
	"bytes"
	"strings"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// reportHead and reportTail are the PlanReport of -o report around its sources, a stable interface
// for other programs.
const reportHead = "{\n  \"apiVersion\": \"certshim.io/v1alpha1\",\n  \"kind\": \"PlanReport\",\n  \"sources\": ["

type reportTail struct {
	Ignored ignored `json:"ignored"`
	// Reissues counts the Certificates that are signed anew, by issuer; they are left out if there are none.
	Reissues []reissuesBy `json:"reissues,omitempty"`
	// Problems are those of documents that aren't planned; they are left out if there are none.
	Problems []documentProblem `json:"problems,omitempty"`
}

// documentProblem is a problem with its object, and where that stands in the input.
type documentProblem struct {
	Object problem.Object `json:"object"`
	File   string         `json:"file"`
	Line   int            `json:"line"`
	reportedProblem
}

type reportedSource struct {
	APIVersion   string                `json:"apiVersion"`
	Kind         string                `json:"kind"`
	Namespace    string                `json:"namespace"`
	Name         string                `json:"name"`
	Issuer       *reportedIssuer       `json:"issuer,omitempty"`
	Certificates []reportedCertificate `json:"certificates"`
	Problems     []reportedProblem     `json:"problems"`
	// Ignored says why the source asks for nothing, and Cause is its code; they are left out if it asks.
	Ignored string            `json:"ignored,omitempty"`
	Cause   certificate.Cause `json:"cause,omitempty"`
	// Policy is the one that matches the source.
	Policy string `json:"policy,omitempty"`
}

type reportedIssuer struct {
	Group string          `json:"group"`
	Kind  string          `json:"kind"`
	Name  string          `json:"name"`
	From  resolver.Origin `json:"from"`
}

type reportedCertificate struct {
	Namespace string             `json:"namespace"`
	Name      string             `json:"name"`
	Action    certificate.Action `json:"action"`
	// Cause is the code of the reason. Behind is that of the reason for it, where there is one.
	Cause  certificate.Cause `json:"cause"`
	Behind certificate.Cause `json:"behind,omitempty"`
	Reason string            `json:"reason"`
	// Section is the one of certshim.io/sections that counts for the Certificate, and Issuer the one that
	// it means; they are left out where the annotations of the object count alone.
	Section string          `json:"section,omitempty"`
	Issuer  *reportedIssuer `json:"issuer,omitempty"`
	// Reissue is there for the action apply.
	Reissue  certificate.Reissue `json:"reissue,omitempty"`
	Manifest map[string]any      `json:"manifest,omitempty"`
	// Ownership is there for a Certificate that exists and isn't as it is asked for.
	Ownership *owners `json:"ownership,omitempty"`
	// Values say where what stands in the Certificate came from.
	Values []reportedValue `json:"values,omitempty"`
}

// reportedValue is there several times for a field that came from several places.
type reportedValue struct {
	Field string          `json:"field"`
	From  resolver.Origin `json:"from"`
	// Name of the annotation, policy, Namespace, Gateway, resolver or path in the source.
	Name string `json:"name,omitempty"`
}

// reportedProblem is a problem without its object, which the source around it is.
type reportedProblem struct {
	Severity problem.Severity `json:"severity"`
	// Certificate is the one that the problem is about; it is left out of one about the whole object.
	Certificate string `json:"certificate,omitempty"`
	Path        string `json:"path,omitempty"`
	Key         string `json:"key,omitempty"`
	Value       string `json:"value,omitempty"`
	Allowed     string `json:"allowed,omitempty"`
	Suggestion  string `json:"suggestion,omitempty"`
	// Lines are annotations that would be right, as YAML.
	Lines   string         `json:"lines,omitempty"`
	Reason  problem.Reason `json:"reason"`
	Message string         `json:"message"`
}

// reportWriter writes the PlanReport.
type reportWriter struct{ jsonItems }

func (r *reportWriter) write(one planned) error { return r.add(reportHead, one.report()) }

func (r *reportWriter) close(p *plan) error {
	tail := reportTail{Ignored: p.ignored, Reissues: p.reissues.sorted()}
	for _, fault := range p.faults {
		tail.Problems = append(tail.Problems, documentProblem{
			Object: fault.problem.Object, File: fault.at.File, Line: fault.at.Line, reportedProblem: reportProblem(fault.problem),
		})
	}
	var text bytes.Buffer
	if err := writeJSON(&text, tail); err != nil {
		return err
	}
	return r.end(reportHead, ","+strings.TrimPrefix(text.String(), "{"))
}

func reportProblem(p problem.Problem) reportedProblem {
	return reportedProblem{
		Severity: p.Severity, Certificate: p.Certificate, Path: p.Path, Key: p.Key, Value: p.Value, Allowed: p.Allowed,
		Suggestion: p.Suggestion, Lines: p.Lines, Reason: p.Reason, Message: p.Message,
	}
}

func (one planned) report() reportedSource {
	object, outcome := one.object, one.outcome
	r := reportedSource{
		APIVersion: object.APIVersion(), Kind: object.Kind, Namespace: object.Namespace, Name: object.Name,
		Certificates: []reportedCertificate{}, Problems: []reportedProblem{}, Policy: outcome.Policy,
	}
	if why := outcome.Ignored; !why.IsZero() {
		r.Ignored, r.Cause = why.String(), why.Cause
	}
	r.Issuer = reportIssuer(outcome.Issuer)
	for _, c := range outcome.Certificates {
		reported := reportCertificate(c, outcome.Values[c.At()], one.owners[c.At()])
		if section := outcome.SectionOf(c.At()); section != nil {
			reported.Section, reported.Issuer = section.Name, reportIssuer(section.Issuer)
		}
		r.Certificates = append(r.Certificates, reported)
	}
	for _, p := range outcome.Problems.All() {
		r.Problems = append(r.Problems, reportProblem(p))
	}
	return r
}

// reportIssuer is nil for one without a name.
func reportIssuer(issuer resolver.Issuer) *reportedIssuer {
	if issuer.Name == "" {
		return nil
	}
	return &reportedIssuer{Group: issuer.Group, Kind: issuer.Kind, Name: issuer.Name, From: issuer.From}
}

func reportCertificate(c certificate.Decision, values []certshim.Value, whose *owners) reportedCertificate {
	r := reportedCertificate{Namespace: c.Namespace, Name: c.Name, Action: c.Action, Cause: c.Reason.Cause, Reason: c.Reason.String(), Ownership: whose}
	if behind := c.Reason.Behind; behind != nil {
		r.Behind = behind.Cause
	}
	if writes(c) {
		r.Manifest = c.Config
	}
	for _, value := range values {
		r.Values = append(r.Values, reportedValue(value))
	}
	if c.Action == certificate.Apply {
		r.Reissue = c.Reissue
	}
	return r
}
