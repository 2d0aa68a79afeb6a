package admission

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/certshim/certshim/annotations"
)

// Action is what the API server does about a value that can't be read.
type Action string

// The actions: a warning to whoever writes, or a refusal.
const (
	Warn Action = "Warn"
	Deny Action = "Deny"
)

// Resource is a kind of source as API servers serve it.
type Resource struct {
	Group, Kind, Resource string
	Versions              []string
}

// Options of a policy.
type Options struct {
	// Name of the policy and of its binding.
	Name string
	// Resources are the kinds of sources.
	Resources []Resource
	// AutoKeys are the annotations that ask for the operator's default issuer, on objects of AutoKinds.
	AutoKeys, AutoKinds []string
	Action              Action
}

// Object is a policy or a binding, of admissionregistration.k8s.io/v1.
type Object struct {
	APIVersion string   `json:"apiVersion" yaml:"apiVersion"`
	Kind       string   `json:"kind" yaml:"kind"`
	Metadata   Metadata `json:"metadata" yaml:"metadata"`
	// Spec is a [PolicySpec] or a [BindingSpec].
	Spec any `json:"spec" yaml:"spec"`
}

// Metadata is the name of an object without a namespace.
type Metadata struct {
	Name string `json:"name" yaml:"name"`
}

// PolicySpec is the spec of a ValidatingAdmissionPolicy.
type PolicySpec struct {
	FailurePolicy    string           `json:"failurePolicy" yaml:"failurePolicy"`
	MatchConstraints MatchConstraints `json:"matchConstraints" yaml:"matchConstraints"`
	MatchConditions  []Expression     `json:"matchConditions" yaml:"matchConditions"`
	Variables        []Expression     `json:"variables" yaml:"variables"`
	Validations      []Validation     `json:"validations" yaml:"validations"`
}

// MatchConstraints are the resources that a policy is asked about.
type MatchConstraints struct {
	ResourceRules []ResourceRule `json:"resourceRules" yaml:"resourceRules"`
}

// ResourceRule names resources of one group.
type ResourceRule struct {
	APIGroups   []string `json:"apiGroups" yaml:"apiGroups"`
	APIVersions []string `json:"apiVersions" yaml:"apiVersions"`
	Operations  []string `json:"operations" yaml:"operations"`
	Resources   []string `json:"resources" yaml:"resources"`
}

// Expression is CEL with a name.
type Expression struct {
	Name       string `json:"name" yaml:"name"`
	Expression string `json:"expression" yaml:"expression"`
}

// Validation is CEL that has to be true, and what is said where it isn't.
type Validation struct {
	Expression string `json:"expression" yaml:"expression"`
	Message    string `json:"message" yaml:"message"`
}

// BindingSpec is the spec of a ValidatingAdmissionPolicyBinding.
type BindingSpec struct {
	PolicyName        string   `json:"policyName" yaml:"policyName"`
	ValidationActions []Action `json:"validationActions" yaml:"validationActions"`
}

const apiVersion = "admissionregistration.k8s.io/v1"

// New makes the policy, and the binding that puts it in force.
func New(options Options) (policy, binding Object) {
	spec := PolicySpec{
		// What can't be evaluated is let through: the controller tells of it.
		FailurePolicy:    "Ignore",
		MatchConstraints: MatchConstraints{ResourceRules: rules(options.Resources)},
		MatchConditions: []Expression{
			{"is-not-being-deleted", "!has(object.metadata.deletionTimestamp)"},
			{"asks-for-a-certificate", asks(options)},
			{"is-not-ignored", trimmed(annotations.IgnoreKey) + " != 'true'"},
		},
	}
	for _, row := range annotations.Table() {
		if row.Admits != nil {
			spec.add(row)
		}
	}
	return inForce(options.Name, spec, options.Action)
}

// inForce is a policy and the binding by which the API server goes by it.
func inForce(name string, spec PolicySpec, action Action) (policy, binding Object) {
	policy = Object{apiVersion, "ValidatingAdmissionPolicy", Metadata{name}, spec}
	binding = Object{apiVersion, "ValidatingAdmissionPolicyBinding", Metadata{name}, BindingSpec{name, []Action{action}}}
	return policy, binding
}

func rules(resources []Resource) []ResourceRule {
	var all []ResourceRule
	for _, r := range resources {
		all = append(all, ResourceRule{
			APIGroups: []string{r.Group}, APIVersions: r.Versions, Operations: []string{"CREATE", "UPDATE"}, Resources: []string{r.Resource},
		})
	}
	return all
}

// asks is about the annotations that make an object count. What a ListenerSet inherits can't be seen.
func asks(options Options) string {
	var any []string
	for _, key := range []string{annotations.IssuerKey, annotations.ClusterKey, annotations.SectionsKey} {
		any = append(any, trimmed(key)+" != ''")
	}
	for _, key := range options.AutoKeys {
		any = append(any, fmt.Sprintf("(%s) && %s in ['1', 't', 'T', 'true', 'TRUE', 'True']", isOneOf(options.AutoKinds), trimmed(key)))
	}
	return strings.Join(any, " || ")
}

// isOneOf is about the kind of an object, which a list names by itself or as Kind.group.
func isOneOf(kinds []string) string {
	if len(kinds) == 0 {
		return "false"
	}
	either := make([]string, len(kinds))
	for n, name := range kinds {
		kind, group, qualified := strings.Cut(name, ".")
		is := "request.kind.kind == " + text(kind)
		if qualified {
			is += " && request.kind.group == " + text(group)
		}
		either[n] = is
	}
	return strings.Join(either, " || ")
}

// trimmed is the value of an annotation without white space around it; empty where there is none.
func trimmed(key string) string { return annotation("object", key) + ".orValue('').trim()" }

func annotation(of, key string) string {
	return of + ".metadata.?annotations[?" + text(key) + "]"
}

// text is a CEL literal.
func text(value string) string {
	if strings.ContainsAny(value, "'\\\n\r") {
		return strconv.Quote(value)
	}
	return "'" + value + "'"
}

// add validates one annotation. A value that an update leaves as it was is let through, so that an old mistake
// doesn't stand in the way of other changes.
func (s *PolicySpec) add(row annotations.Row) {
	keys := []string{row.Key}
	expression := row.Admits(func(key string) string {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
		return s.variable(key)
	})
	var unchanged []string
	for _, key := range keys {
		unchanged = append(unchanged, annotation("object", key)+" == "+annotation("oldObject", key))
	}
	value := s.variable(row.Key)
	s.Validations = append(s.Validations, Validation{
		Expression: fmt.Sprintf("%[1]s == '' ||\n(oldObject != null && %[2]s) ||\n(%[1]s.size() <= %[3]d && %[4]s)",
			value, strings.Join(unchanged, " && "), annotations.MaxValue, expression),
		Message: fmt.Sprintf("annotation %s: certshim reads %s; for example: %s", row.Key, row.Grammar, row.Example),
	})
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// variable is the trimmed value of a key, under a name made of the key's.
func (s *PolicySpec) variable(key string) string {
	_, bare, _ := strings.Cut(key, "/")
	name := notInNames.ReplaceAllString(bare, "_")
	if !slices.ContainsFunc(s.Variables, func(v Expression) bool { return v.Name == name }) {
		s.Variables = append(s.Variables, Expression{name, trimmed(key)})
	}
	return "variables." + name
}
