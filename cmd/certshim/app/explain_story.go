package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/issuance"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// maxChains is how many Certificates of one source are followed; an Ingress may have any number.
const maxChains = 100

// explanation is the answer of explain, a stable interface for other programs.
type explanation struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Object     problem.Object `json:"object"`
	// Outcome is the worst of the steps.
	Outcome issuance.Outcome `json:"outcome"`
	// Hangs are where it hangs, the nearest to the cause first.
	Hangs []explainedHang `json:"hangs"`
	// Notes are what may look like a hang where there is none.
	Notes        []explainedHang        `json:"notes,omitempty"`
	Steps        []explainedStep        `json:"steps"`
	Certificates []explainedCertificate `json:"certificates"`
	// Source is the decision, as a PlanReport has it.
	Source *reportedSource `json:"source,omitempty"`
	// Unread says what couldn't be seen.
	Unread []string `json:"unread,omitempty"`

	// absent is set if the object isn't there.
	absent bool
}

type explainedStep struct {
	// Certificate is the one that the step is about; it is left out of one about the whole object.
	Certificate string           `json:"certificate,omitempty"`
	Object      problem.Object   `json:"object"`
	Outcome     issuance.Outcome `json:"outcome"`
	Text        string           `json:"text"`
	Since       *time.Time       `json:"since,omitempty"`
	// Details are more lines.
	Details []string `json:"details,omitempty"`
}

type explainedHang struct {
	Certificate string         `json:"certificate,omitempty"`
	Code        issuance.Code  `json:"code"`
	Means       string         `json:"means"`
	Object      problem.Object `json:"object"`
	Why         string         `json:"why"`
	Help        []string       `json:"help,omitempty"`
	Commands    []string       `json:"commands,omitempty"`
	Page        string         `json:"page"`
}

type explainedCertificate struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Issued is set if the certificate is there and nothing is being done about it.
	Issued bool `json:"issued"`
	// NextTry is when cert-manager tries again, by its default settings.
	NextTry *time.Time `json:"nextTry,omitempty"`
	// Differs are the fields that are otherwise than asked for.
	Differs []difference `json:"differs,omitempty"`
}

func newExplanation(asked askedObject, namespace string) *explanation {
	e := &explanation{
		APIVersion: "certshim.io/v1alpha1", Kind: "Explanation", Hangs: []explainedHang{}, Steps: []explainedStep{}, Certificates: []explainedCertificate{},
		Object: problem.Object{Group: certificate.Resource().Group, Kind: issuance.KindCertificate, Namespace: namespace, Name: asked.name},
	}
	if asked.kind != nil {
		kind := source.GroupKindOf(asked.kind)
		e.Object.Group, e.Object.Kind = kind.Group, kind.Kind
	}
	return e
}

// isAbout says whether a Certificate is to be explained: all are of a source.
func (e *explanation) isAbout(name string) bool {
	return e.Object.Kind != issuance.KindCertificate || e.Object.Name == name
}

// missing says that the object isn't there.
func (e *explanation) missing(why string) {
	e.absent = true
	e.Steps = append(e.Steps, explainedStep{Object: e.Object, Outcome: issuance.Broken, Text: why})
}

// addAlone explains a Certificate for which no source asks.
func (e *explanation) addAlone(ctx context.Context, chains *chainReader) error {
	if e.absent {
		return nil
	}
	live, chain, err := chains.chain(ctx, e.Object.Name)
	switch {
	case err != nil:
		return err
	case live == nil && chains.state.Unread[issuance.KindCertificate] != "":
		e.Steps = append(e.Steps, explainedStep{Object: e.Object, Outcome: issuance.Unknown, Text: "it can't be read"})
		return nil
	case live == nil:
		e.missing(fmt.Sprintf("there is no Certificate %q in namespace %s, and no source that asks for it", e.Object.Name, e.Object.Namespace))
		return nil
	}
	e.Steps = append(e.Steps, explainedStep{
		Object: e.Object, Outcome: issuance.OK, Text: "it is no Certificate of certshim's: somebody else made it",
	})
	e.addChain(e.Object.Name, types.NamespacedName{Namespace: e.Object.Namespace, Name: e.Object.Name}, chain, nil)
	return nil
}

// addSource explains a source: what was decided of it, and what became of its Certificates.
func (e *explanation) addSource(ctx context.Context, one planned, chains *chainReader) error {
	report := one.report()
	e.Source = &report
	if !one.outcome.Ignored.IsZero() && len(one.outcome.Certificates) == 0 {
		e.asksForNothing(one)
		return nil
	}
	e.addIssuer(one, chains.policy.Registry)
	chained := 0
	for _, c := range one.outcome.Certificates {
		if !e.isAbout(c.Name) {
			continue
		}
		if chained++; chained > maxChains {
			e.Unread = append(e.Unread, fmt.Sprintf("only the first %d Certificates are followed", maxChains))
			break
		}
		if err := e.addCertificate(ctx, one, c, chains); err != nil {
			return err
		}
	}
	e.addProblems(one)
	return nil
}

// asksForNothing is a source that doesn't ask for a certificate. That is no fault.
func (e *explanation) asksForNothing(one planned) {
	at := one.object.Object()
	e.Steps = append(e.Steps, explainedStep{Object: at, Outcome: issuance.OK, Text: "it asks for no certificate: " + one.outcome.Ignored.String()})
	e.Notes = append(e.Notes, hangOf("", issuance.Hang{
		Code: issuance.NoCertificate, Object: at, Why: one.outcome.Ignored.String(),
		Help: []string{
			"To ask for one, name an issuer by cert-manager.io/issuer or cert-manager.io/cluster-issuer, and a Secret in each TLS entry.",
		},
		Commands: []string{"certshim issuers -n " + one.object.Namespace},
	}))
	e.addProblems(one)
}

// addIssuer says which issuer is meant, who named it, and who knows of it.
func (e *explanation) addIssuer(one planned, registry *resolver.Registry) {
	issuer := one.outcome.Issuer
	step := explainedStep{Object: one.object.Object(), Outcome: issuance.OK}
	if issuer.Name == "" {
		step.Outcome, step.Text = issuance.Broken, "no issuer is known"
		e.Steps = append(e.Steps, step)
		return
	}
	step.Text = fmt.Sprintf("it means %s, by %s", issuerCell(issuer), originWords(issuer.From, one.outcome.Policy))
	by := "no resolver knows this kind of issuer"
	if known, declared := registry.Known(resolver.GroupKind{Group: issuer.Group, Kind: issuer.Kind}); declared {
		by = "resolver: " + known.By()
	}
	step.Details = append(step.Details, by)
	if one.outcome.Policy != "" {
		step.Details = append(step.Details, "policy: "+one.outcome.Policy)
	}
	e.Steps = append(e.Steps, step)
}

// originWords say where a value came from.
func originWords(from resolver.Origin, name string) string {
	words := map[resolver.Origin]string{
		resolver.FromAnnotation: "annotation", resolver.FromDefault: "default", certshim.FromParent: "the Gateway",
		certshim.FromPolicy: "policy", certshim.FromNamespace: "the Namespace's annotations", certshim.FromSource: "the source",
		certshim.FromResolver: "resolver", certshim.FromCertificate: "the Certificate as it is",
	}[from]
	words = cmp.Or(words, string(from))
	if name == "" || from == resolver.FromAnnotation && !strings.Contains(name, "/") {
		return words
	}
	return words + " " + name
}

// addCertificate explains what was decided about one Secret, and follows its Certificate.
func (e *explanation) addCertificate(ctx context.Context, one planned, c certificate.Decision, chains *chainReader) error {
	chains = chains.in(c.Namespace)
	there, chain, err := chains.chain(ctx, c.Name)
	if err != nil {
		return err
	}
	name := certificate.NameFrom(one.object, c.At())
	e.addSection(one, c.At(), name)
	e.Steps = append(e.Steps, explainedStep{
		Certificate: name, Object: one.object.Object(), Outcome: decided(c, name, one.outcome.Problems),
		Text: fmt.Sprintf("certshim decides: %s, %s", c.Action, reason(c)), Details: valueLines(c.Config, one.outcome.Values[c.At()]),
	})
	if c.Action == certificate.Refuse || there == nil && chains.state.Unread[issuance.KindCertificate] == "" {
		e.notMade(one, c, name, there != nil)
	}
	if chain != nil {
		live, err := liveOf(ctx, chains.known, one, c)
		if err != nil {
			return err
		}
		e.addChain(name, c.At(), chain, differences(live, c))
	}
	return nil
}

// addSection says which section of the annotations counts for a Certificate, and which issuer that means.
func (e *explanation) addSection(one planned, at types.NamespacedName, name string) {
	section := one.outcome.SectionOf(at)
	if section == nil || section.Name == "" {
		return
	}
	step := explainedStep{
		Certificate: name, Object: one.object.Object(), Outcome: issuance.OK,
		Text: "the section " + problem.Name(section.Name) + " of " + annotations.SectionsKey + " counts for it",
	}
	if section.Issuer.Name != "" {
		step.Text += fmt.Sprintf(", and means %s, by %s", issuerCell(section.Issuer), originWords(section.Issuer.From, one.outcome.Policy))
	}
	e.Steps = append(e.Steps, step)
}

// decided is how a decision stands as a step.
func decided(c certificate.Decision, name string, problems problem.List) issuance.Outcome {
	switch c.Action {
	case certificate.Refuse:
		return issuance.Broken
	case certificate.None:
		return issuance.OK
	case certificate.Keep:
		if slices.ContainsFunc(problems.All(), func(p problem.Problem) bool { return p.Severity == problem.Error && p.Certificate == name }) {
			return issuance.Broken
		}
		return issuance.OK
	default:
		return issuance.Waiting
	}
}

// notMade says that there is no Certificate, or that it isn't the source's.
func (e *explanation) notMade(one planned, c certificate.Decision, name string, there bool) {
	made := issuance.NotMade(c.Namespace, c.Name, c.Reason.String())
	hang := made.Hangs[0]
	switch c.Action {
	case certificate.Create:
		hang.Why = "it is about to be made. If it stays so, certshim's controller doesn't run, or has other settings than this command"
		hang.Help = []string{"See whether certshim's controller runs, and give explain its configuration by --config."}
		hang.Commands = []string{"kubectl -n certshim get deployments,pods"}
		made.Steps[0].Outcome = issuance.Waiting
	case certificate.Wait:
		made.Steps[0].Outcome = issuance.Waiting
	default:
	}
	for _, p := range one.outcome.Problems.All() {
		if p.Severity == problem.Error && (p.Certificate == "" || p.Certificate == name) {
			hang.Help = append(hang.Help, p.Error())
		}
	}
	e.Hangs = append(e.Hangs, hangOf(name, hang))
	if there {
		return
	}
	e.addSteps(name, made.Steps)
	e.Certificates = append(e.Certificates, explainedCertificate{Namespace: c.Namespace, Name: c.Name})
}

func (e *explanation) addChain(name string, at types.NamespacedName, chain *issuance.Chain, differs []difference) {
	one := explainedCertificate{Namespace: at.Namespace, Name: at.Name, Issued: chain.Done, Differs: differs}
	if !chain.Next.IsZero() {
		one.NextTry = &chain.Next
	}
	e.Certificates = append(e.Certificates, one)
	for _, h := range chain.Hangs {
		e.Hangs = append(e.Hangs, hangOf(name, h))
	}
	for _, h := range chain.Notes {
		e.Notes = append(e.Notes, hangOf(name, h))
	}
	e.addSteps(name, chain.Steps)
}

func (e *explanation) addSteps(name string, steps []issuance.Step) {
	for _, s := range steps {
		step := explainedStep{Certificate: name, Object: s.Object, Outcome: s.Outcome, Text: s.Text}
		if !s.Since.IsZero() {
			since := s.Since
			step.Since = &since
		}
		e.Steps = append(e.Steps, step)
	}
}

// addProblems tells those of the source that no hang has.
func (e *explanation) addProblems(one planned) {
	for _, p := range one.outcome.Problems.All() {
		if p.Certificate != "" && !e.isAbout(p.Certificate) {
			continue
		}
		outcome := map[problem.Severity]issuance.Outcome{problem.Error: issuance.Broken}[p.Severity]
		e.Steps = append(e.Steps, explainedStep{
			Certificate: p.Certificate, Object: one.object.Object(), Outcome: cmp.Or(outcome, issuance.OK),
			Text: string(p.Severity) + ": " + string(p.Reason) + ": " + p.Error(),
		})
	}
}

// hangOf is a hang as it is told.
func hangOf(name string, h issuance.Hang) explainedHang {
	return explainedHang{
		Certificate: name, Code: h.Code, Means: h.Code.Means(), Object: h.Object, Why: h.Why, Help: h.Help, Commands: h.Commands,
		Page: "docs/hangs.md#" + strings.ToLower(string(h.Code)),
	}
}

// finish says what couldn't be seen, and sums up.
func (e *explanation) finish(chains *chainReader) {
	e.Unread = append(e.Unread, slices.Concat(chains.notPermitted(e.issuerKind()), chains.unread)...)
	for _, namespace := range slices.Sorted(maps.Keys(chains.others)) {
		e.Unread = append(e.Unread, chains.others[namespace].unread...)
	}
	e.Outcome = issuance.OK
	for _, outcome := range []issuance.Outcome{issuance.Unknown, issuance.Waiting, issuance.Broken} {
		if slices.ContainsFunc(e.Steps, func(s explainedStep) bool { return s.Outcome == outcome }) {
			e.Outcome = outcome
		}
	}
}

func (e *explanation) issuerKind() resolver.GroupKind {
	if e.Source == nil || e.Source.Issuer == nil {
		return resolver.GroupKind{}
	}
	return resolver.GroupKind{Group: e.Source.Issuer.Group, Kind: e.Source.Issuer.Kind}
}

// exit is the error that stands for the exit status.
func (e *explanation) exit() error {
	if e.Outcome == issuance.Broken {
		return errProblems
	}
	return nil
}

// notPermitted has a line for each kind that may not be listed; of issuers' kinds only that of
// one that is meant.
func (c *chainReader) notPermitted(issuer resolver.GroupKind) []string {
	var lines []string
	for kind := range c.known.forbidden {
		if _, isIssuer := c.policy.Registry.Known(kind); isIssuer && kind != issuer {
			continue
		}
		lines = append(lines, "you may not list objects of kind "+kind.Kind+" of group "+cmp.Or(kind.Group, `""`))
	}
	slices.Sort(lines)
	return lines
}

// valueLines say what a Certificate gets, and where each value came from.
func valueLines(config map[string]any, values []certshim.Value) []string {
	var lines []string
	for _, value := range values {
		lines = append(lines, value.Field+shownAt(config, value.Field)+", from "+originWords(value.From, value.Name))
	}
	return lines
}

// shownAt is what a configuration has at a path, short.
func shownAt(config map[string]any, field string) string {
	var path []string
	if key, isKey := strings.CutPrefix(field, "metadata.annotations["); isKey {
		path = []string{"metadata", "annotations", strings.TrimSuffix(key, "]")}
	} else {
		path = strings.Split(field, ".")
	}
	value, found, err := unstructured.NestedFieldNoCopy(config, path...)
	if err != nil || !found {
		return ""
	}
	return ": " + short(value)
}

// short is a value as one line of JSON, cut where it is long.
func short(value any) string {
	const most = 120
	text, err := json.Marshal(value)
	if err != nil {
		return "?"
	}
	if runes := []rune(string(text)); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(text)
}

// Story is the explanation without what changes by itself, to see whether something has changed.
func (e *explanation) Story() string {
	var b strings.Builder
	for _, s := range e.Steps {
		fmt.Fprintln(&b, s.Certificate, s.Object, s.Outcome, s.Text)
	}
	for _, h := range e.Hangs {
		fmt.Fprintln(&b, h.Certificate, h.Code, h.Object)
	}
	return b.String() + strings.Join(e.Unread, "\n")
}
