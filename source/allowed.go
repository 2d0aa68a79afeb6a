package source

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/certshim/certshim/problem"
)

// The values of namespaces.from, in spec.allowedListeners and in a listener's allowedRoutes.
const (
	FromAll      = "All"
	FromSame     = "Same"
	FromSelector = "Selector"
	FromNone     = "None"
)

// EveryNamespace is how a selector without requirements is written.
const EveryNamespace = "<none>"

// allowed reads spec.allowedListeners; nil where there is none.
func (f *fields) allowed(spec map[string]any) *AllowedListeners {
	const path = "spec.allowedListeners"
	block := f.mapping(spec["allowedListeners"], path)
	if block == nil {
		return nil
	}
	from, selector := f.namespaces(block, path, FromNone)
	return &AllowedListeners{From: from, Selector: selector}
}

// allowedRoutes reads a listener's allowedRoutes; nil where they are the default.
func (f *fields) allowedRoutes(listener map[string]any, path string) *AllowedRoutes {
	path += ".allowedRoutes"
	block := f.mapping(listener["allowedRoutes"], path)
	var out AllowedRoutes
	out.From, out.Selector = f.namespaces(block, path, FromSame)
	for i, item := range f.list(block["kinds"], path+".kinds") {
		at := index(path+".kinds", i)
		kind := f.mapping(item, at)
		out.Kinds = append(out.Kinds, GroupKind{
			Group: f.textOr(kind["group"], GatewayGroup, at+".group"), Kind: f.text(kind["kind"], at+".kind"),
		})
	}
	if out.From == FromSame && len(out.Kinds) == 0 {
		return nil
	}
	return &out
}

// namespaces reads which namespaces a block admits.
func (f *fields) namespaces(block map[string]any, path, absent string) (from, selector string) {
	path += ".namespaces"
	namespaces := f.mapping(block["namespaces"], path)
	from = orElse(f.text(namespaces["from"], path+".from"), absent)
	if from == FromSelector {
		selector = f.selector(namespaces["selector"], path+".selector")
	}
	return from, selector
}

func (f *fields) selector(value any, path string) string {
	block := f.mapping(value, path)
	if block == nil {
		return ""
	}
	selector, err := decodeSelector(block)
	if err != nil {
		f.errs = append(f.errs, fmt.Errorf("%s: not a label selector: %w", path, err))
		return ""
	}
	return orElse(selector.String(), EveryNamespace)
}

func decodeSelector(block map[string]any) (labels.Selector, error) {
	text, err := json.Marshal(block)
	if err != nil {
		return nil, err
	}
	var selector metav1.LabelSelector
	if err := json.Unmarshal(text, &selector); err != nil {
		return nil, err
	}
	return metav1.LabelSelectorAsSelector(&selector)
}

// refused says why a Gateway does not admit a ListenerSet.
func refused(gateway, set *Object, namespaceLabels func() (map[string]string, bool)) Refusal {
	name := fmt.Sprintf("Gateway %s/%s", gateway.Namespace, gateway.Name)
	from := FromNone
	if gateway.Allowed != nil {
		from = gateway.Allowed.From
	}
	switch from {
	case FromAll:
		return Refusal{}
	case FromSame:
		if gateway.Namespace == set.Namespace {
			return Refusal{}
		}
		return Refusal{Why: name + " admits ListenerSets of its own namespace alone (spec.allowedListeners.namespaces.from: Same)"}
	case FromSelector:
		return refusedByLabels(name, gateway.Allowed.Selector, set.Namespace, namespaceLabels)
	case FromNone:
		return Refusal{Why: name + " admits no ListenerSets (spec.allowedListeners.namespaces.from is None, the default)"}
	}
	return Refusal{Why: fmt.Sprintf("%s has the unknown value %s in spec.allowedListeners.namespaces.from; allowed: All, Same, Selector, None", name, problem.Quote(from))}
}

func refusedByLabels(name, selector, namespace string, namespaceLabels func() (map[string]string, bool)) Refusal {
	switch selector {
	case EveryNamespace:
		return Refusal{}
	case "":
		return Refusal{Why: name + " admits ListenerSets by a selector and has none (spec.allowedListeners.namespaces.selector)"}
	}
	parsed, err := labels.Parse(selector)
	if err != nil {
		return Refusal{Why: fmt.Sprintf("%s has a selector that can't be read: %v", name, err)}
	}
	found, readable := namespaceLabels()
	switch {
	case !readable:
		return Refusal{Why: fmt.Sprintf("%s admits ListenerSets by the labels of their namespace, and those of %s can't be read", name, namespace), Unknown: true}
	case !parsed.Matches(labels.Set(found)):
		return Refusal{Why: fmt.Sprintf("%s admits ListenerSets of namespaces with the labels %s; %s doesn't have them", name, problem.Quote(selector), namespace)}
	}
	return Refusal{}
}
