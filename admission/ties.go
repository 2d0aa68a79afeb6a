package admission

import (
	"fmt"
	"strings"
)

// TieOptions are those of the policy that protects ties.
type TieOptions struct {
	// Name of the policy and of its binding.
	Name string
	// Key is the annotation of a Certificate that ties it to its source.
	Key string
	// Users and Groups may write it: certshim's own account, and what restores backups.
	Users, Groups []string
	Action        Action
}

// Ties makes the policy that lets only some accounts tie a Certificate to an object of another namespace, or change
// or remove such a tie, and the binding that puts it in force. A tie within the namespace is everybody's to write, as
// owner references are.
func Ties(options TieOptions) (policy, binding Object) {
	spec := PolicySpec{
		FailurePolicy: "Fail",
		MatchConstraints: MatchConstraints{ResourceRules: rules([]Resource{
			{Group: "cert-manager.io", Resource: "certificates", Versions: []string{"v1"}},
		})},
		MatchConditions: []Expression{
			{"is-not-being-deleted", "!has(object.metadata.deletionTimestamp)"},
			{"is-by-no-exempt-user", "!(request.userInfo.username in " + list(options.Users) + ")"},
			{"is-by-no-exempt-group", "!request.userInfo.?groups.orValue([]).exists(g, g in " + list(options.Groups) + ")"},
		},
		Variables: []Expression{
			{"before", "oldObject == null ? '' : " + tie("oldObject", options.Key)},
			{"after", tie("object", options.Key)},
		},
		Validations: []Validation{{
			Expression: "variables.before == variables.after || !(" + crosses("variables.before") + " || " + crosses("variables.after") + ")",
			Message: fmt.Sprintf("annotation %s: only certshim ties a Certificate to an object of another namespace, and only certshim changes such a tie; "+
				"to have the Certificate freed, take back the ReferenceGrant and delete it", options.Key),
		}},
	}
	return inForce(options.Name, spec, options.Action)
}

func tie(of, key string) string { return annotation(of, key) + ".orValue('')" }

// crosses is about the namespace in GROUP/KIND:NAMESPACE/NAME.
func crosses(tie string) string {
	return fmt.Sprintf("(%[1]s.contains(':') && !%[1]s.split(':')[1].startsWith(request.namespace + '/'))", tie)
}

// list is a list of CEL literals.
func list(values []string) string {
	literals := make([]string, len(values))
	for i, value := range values {
		literals[i] = text(value)
	}
	return "[" + strings.Join(literals, ", ") + "]"
}
