package source

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/certshim/certshim/problem"
)

// The values of spec.allowedListeners.namespaces.from.
const (
	fromAll      = "All"
	fromSame     = "Same"
	fromSelector = "Selector"
	fromNone     = "None"
)

// everyNamespace is how a selector without requirements is written.
const everyNamespace = "<none>"

// allowed reads spec.allowedListeners; nil where there is none.
func (f *fields) allowed(spec map[string]any) *AllowedListeners {
	const path = "spec.allowedListeners"
	block := f.mapping(spec["allowedListeners"], path)
	if block == nil {
		return nil
	}
	namespaces := f.mapping(block["namespaces"], path+".namespaces")
	out := &AllowedListeners{From: orElse(f.text(namespaces["from"], path+".namespaces.from"), fromNone)}
	if out.From == fromSelector {
		out.Selector = f.selector(namespaces["selector"], path+".namespaces.selector")
	}
	return out
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
	return orElse(selector.String(), everyNamespace)
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

// SelectsNamespaces says whether a Gateway admits ListenerSets by labels of their namespace.
func (o *Object) SelectsNamespaces() bool {
	return o.Allowed != nil && o.Allowed.From == fromSelector && o.Allowed.Selector != "" && o.Allowed.Selector != everyNamespace
}

// Refuses says why a Gateway does not admit a ListenerSet, or "". namespaceLabels gives
// the labels of the set's namespace, false where they can't be read, which is a reason;
// it is called only for a Gateway that selects namespaces by their labels.
func Refuses(gateway, set *Object, namespaceLabels func() (map[string]string, bool)) string {
	name := fmt.Sprintf("Gateway %s/%s", gateway.Namespace, gateway.Name)
	from := fromNone
	if gateway.Allowed != nil {
		from = gateway.Allowed.From
	}
	switch from {
	case fromAll:
		return ""
	case fromSame:
		if gateway.Namespace == set.Namespace {
			return ""
		}
		return name + " admits ListenerSets of its own namespace alone (spec.allowedListeners.namespaces.from: Same)"
	case fromSelector:
		return refusesLabels(name, gateway.Allowed.Selector, set.Namespace, namespaceLabels)
	case fromNone:
		return name + " admits no ListenerSets (spec.allowedListeners.namespaces.from is None, the default)"
	}
	return fmt.Sprintf("%s has the unknown value %s in spec.allowedListeners.namespaces.from; allowed: All, Same, Selector, None", name, problem.Quote(from))
}

func refusesLabels(name, selector, namespace string, namespaceLabels func() (map[string]string, bool)) string {
	switch selector {
	case everyNamespace:
		return ""
	case "":
		return name + " admits ListenerSets by a selector and has none (spec.allowedListeners.namespaces.selector)"
	}
	parsed, err := labels.Parse(selector)
	if err != nil {
		return fmt.Sprintf("%s has a selector that can't be read: %v", name, err)
	}
	found, readable := namespaceLabels()
	if !readable {
		return fmt.Sprintf("%s admits ListenerSets by the labels of their namespace, and those of %s can't be read", name, namespace)
	}
	if !parsed.Matches(labels.Set(found)) {
		return fmt.Sprintf("%s admits ListenerSets of namespaces with the labels %s; %s hasn't them", name, problem.Quote(selector), namespace)
	}
	return ""
}
