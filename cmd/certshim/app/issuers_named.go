package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/resolver"
)

// namedIssuer is what is known of an issuer, for programs.
type namedIssuer struct {
	Group     string         `json:"group"`
	Kind      string         `json:"kind"`
	Namespace string         `json:"namespace,omitempty"`
	Name      string         `json:"name"`
	Scope     resolver.Scope `json:"scope"`
	From      string         `json:"from"`
	// Ready is True, False or Unknown.
	Ready   string `json:"ready"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// Annotations are those by which a source names it.
	Annotations map[string]string `json:"annotations"`
	Limits      []resolver.Limit  `json:"limits"`
	Recommended string            `json:"recommended,omitempty"`
	// Reads are annotations that its controller reads from a Certificate, and that can be copied
	// from a source.
	Reads []resolver.ReadAnnotation `json:"reads,omitempty"`
}

// printNamed prints what is known of issuers, or of types where no issuer has the name.
func (o *issuersOptions) printNamed(ctx context.Context, words []string) error {
	var issuers []namedIssuer
	var types []*resolver.IssuerType
	var failed error
	lookup := issuerLookup{issuersOptions: o}
	for _, word := range words {
		found, of, err := lookup.find(ctx, word)
		issuers, types, failed = append(issuers, found...), append(types, of...), errors.Join(failed, err)
	}
	return errors.Join(o.printFound(issuers, types), failed)
}

func (o *issuersOptions) printFound(issuers []namedIssuer, types []*resolver.IssuerType) error {
	if o.format != formatTable {
		return o.writeFound(issuers, types)
	}
	var texts []string
	for _, one := range issuers {
		texts = append(texts, one.text())
	}
	for _, t := range types {
		_, page, _ := strings.Cut(resolver.RenderPage(t), "\n\n") // the first lines are for the repository
		texts = append(texts, page)
	}
	return writeLines(o.streams.Out, strings.Join(texts, "---\n"))
}

// writeFound writes data: one list of all that was found.
func (o *issuersOptions) writeFound(issuers []namedIssuer, types []*resolver.IssuerType) error {
	all := []any{}
	for _, one := range issuers {
		all = append(all, one)
	}
	for _, t := range types {
		all = append(all, t.Summarize())
	}
	if o.format == formatJSON {
		return writeJSON(o.streams.Out, all)
	}
	return writeYAML(o.streams.Out, all)
}

// issuerLookup finds issuers and types by words, and reads the cluster at most once.
type issuerLookup struct {
	*issuersOptions
	known *reading
	err   error
	// where says in words which namespaces were looked at.
	where string
}

// find gives the issuers of a name, KIND/NAME or NAME, else the types that the word means.
func (l *issuerLookup) find(ctx context.Context, word string) ([]namedIssuer, []*resolver.IssuerType, error) {
	kind, name, qualified := strings.Cut(word, "/")
	if !qualified {
		kind, name = "", word
	}
	var types []*resolver.IssuerType
	if !qualified {
		types = l.typesNamed(word)
	}
	if l.offline || len(types) > 0 && name != strings.ToLower(name) {
		return nil, types, l.unknownType(types, word)
	}
	l.look(ctx)
	if l.err != nil {
		return nil, types, l.unlessFound(types, l.err)
	}
	var issuers []namedIssuer
	for _, key := range issuersNamed(l.known, kind, name) {
		issuers = append(issuers, l.describe(key))
	}
	if len(issuers) == 0 {
		return nil, types, l.unlessFound(types, l.notFound(word, name))
	}
	return issuers, nil, nil
}

func (l *issuerLookup) unlessFound(types []*resolver.IssuerType, err error) error {
	if len(types) > 0 {
		return nil
	}
	return err
}

// unknownType is the error of a word that no type is called by, where no cluster is asked.
func (l *issuerLookup) unknownType(types []*resolver.IssuerType, word string) error {
	if len(types) > 0 {
		return nil
	}
	hint := ""
	if near := declaration.Nearest(word, l.typeWords()); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	return failure{fmt.Errorf("no issuer type has the short name, the group or the kind %q%s; an issuer is looked for in a cluster, without --offline", word, hint)}
}

// look reads the cluster, once: the namespace that was asked for, else all; and where issuers
// of all namespaces can't be listed, that of the kubeconfig.
func (l *issuerLookup) look(ctx context.Context) {
	if l.known != nil || l.err != nil {
		return
	}
	l.where = "in any namespace"
	if l.namespace != "" {
		l.where = "in namespace " + l.namespace + ", and no cluster-scoped one"
	}
	l.known, l.err = l.readIssuers(ctx, l.namespace)
	if l.err != nil || l.namespace != "" || l.allNamespaces || len(l.known.forbidden) == 0 {
		return
	}
	namespace, err := l.connection.namespace()
	if err != nil {
		return
	}
	printLine(l.streams.ErrOut, fmt.Sprintf("note: issuers can't be listed in all namespaces, so only namespace %s is searched; name another by -n NAMESPACE", namespace))
	l.where = "in namespace " + namespace + ", and no cluster-scoped one that may be listed"
	l.known, l.err = l.readIssuers(ctx, namespace)
}

// issuersNamed are the issuers of a name, and of a kind if it isn't "", in any case and with or
// without its group.
func issuersNamed(known *reading, kind, name string) []resolver.IssuerKey {
	var found []resolver.IssuerKey
	for key := range known.AllIssuers() {
		if key.Name == name && (kind == "" || strings.EqualFold(kind, key.Kind) || strings.EqualFold(kind, key.Kind+"."+key.Group)) {
			found = append(found, key)
		}
	}
	slices.SortFunc(found, func(a, b resolver.IssuerKey) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace))
	})
	return found
}

func (l *issuerLookup) notFound(word, name string) error {
	var near []string
	for key := range l.known.AllIssuers() {
		if declaration.Nearest(name, []string{key.Name}) != "" {
			near = append(near, key.Kind+"/"+key.Name)
		}
	}
	slices.Sort(near)
	if kind := declaration.Nearest(word, l.typeWords()); kind != "" {
		near = append(near, kind)
	}
	message := fmt.Sprintf("there is no issuer %q %s", word, l.where)
	if len(near) > 0 {
		message += "; did you mean " + strings.Join(slices.Compact(near), ", ") + "?"
	}
	return failure{errors.New(message)}
}

func (l *issuerLookup) describe(key resolver.IssuerKey) namedIssuer {
	kind, declared := l.registry.Known(key.GroupKind)
	if !declared {
		kind = resolver.Undeclared()
	}
	scope, _ := l.known.served.Scope(key.GroupKind)
	seen := l.known.AllIssuers()[key]
	one := namedIssuer{
		Group: key.Group, Kind: key.Kind, Namespace: key.Namespace, Name: key.Name, Scope: scope, From: kind.By(),
		Ready: cmp.Or(string(seen.Ready), "Unknown"), Reason: seen.Reason, Message: seen.Message,
		Annotations: map[string]string{}, Limits: kind.Statement(seen).Constraints.Limits(),
		Recommended: kind.Recommended(seen.Variant).Words(),
	}
	ref := resolver.Issuer{Ref: resolver.Ref{Group: key.Group, Kind: key.Kind, Name: key.Name}}
	_ = yaml.Unmarshal([]byte(strings.Join(certshim.IssuerLines(ref), "\n")), &one.Annotations) // they are YAML
	for _, annotation := range kind.Type.Annotations {
		if annotation.Copied() {
			one.Reads = append(one.Reads, annotation)
		}
	}
	return one
}

// text is the annotations that name the issuer, with what is known of it as comments.
func (one namedIssuer) text() string {
	var b strings.Builder
	comment := func(text string) { fmt.Fprintf(&b, "# %s\n", printable(text)) }
	where := "for all namespaces"
	if one.Namespace != "" {
		where = "for namespace " + one.Namespace
	}
	comment(fmt.Sprintf("%s %s of group %s, %s: %s", one.Kind, one.Name, one.Group, where, one.readiness()))
	b.WriteString("metadata:\n  annotations:\n")
	ref := resolver.Issuer{Ref: resolver.Ref{Group: one.Group, Kind: one.Kind, Name: one.Name}}
	for _, line := range certshim.IssuerLines(ref) {
		b.WriteString("    " + line + "\n")
	}
	for _, limit := range one.Limits {
		comment(limit.Words())
	}
	if one.Recommended != "" {
		comment("recommended: " + one.Recommended)
	}
	for _, annotation := range one.Reads {
		comment("may have " + annotation.Key + ": " + annotation.Doc)
	}
	return b.String()
}

// readiness is what is known of it, in words.
func (one namedIssuer) readiness() string {
	text := map[string]string{"True": "ready", "False": "not ready", "Unknown": "not known to be ready"}[one.Ready]
	if why := strings.Trim(one.Reason+": "+one.Message, ": "); why != "" && one.Ready != "True" {
		text += ", " + why
	}
	return text
}

// typeWords are the words by which types can be named.
func (o *issuersOptions) typeWords() []string {
	var words []string
	for _, kind := range o.registry.Kinds() {
		words = append(words, kind.Type.ID, kind.Group, kind.GroupKind.Kind)
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// typesNamed are the types of a short name, a group or the first part of it, or a kind with or
// without its group. A kind that cert-manager has too is cert-manager's without its group.
func (o *issuersOptions) typesNamed(word string) []*resolver.IssuerType {
	var types []*resolver.IssuerType
	for _, kind := range o.kindsNamed(word) {
		if !slices.Contains(types, kind.Type) {
			types = append(types, kind.Type)
		}
	}
	return types
}

// kindsNamed are the kinds that a word means; see [issuersOptions.typesNamed].
func (o *issuersOptions) kindsNamed(word string) []resolver.Known {
	var byType, byKind []resolver.Known
	for _, kind := range o.registry.Kinds() {
		first, _, _ := strings.Cut(kind.Group, ".")
		switch {
		case kind.Group == resolver.CertManagerGroup && strings.EqualFold(word, kind.GroupKind.Kind):
			return []resolver.Known{kind}
		case strings.EqualFold(word, kind.GroupKind.Kind), strings.EqualFold(word, kind.GroupKind.Kind+"."+kind.Group), strings.EqualFold(word, kind.Resource+"."+kind.Group):
			byKind = append(byKind, kind)
		case slices.Contains([]string{kind.Type.ID, kind.Group, first}, strings.ToLower(word)):
			byType = append(byType, kind)
		}
	}
	if len(byKind) > 0 {
		return byKind
	}
	return byType
}
