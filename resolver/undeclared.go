package resolver

import "sync"

// Undeclared is what can be known of issuers of a kind that the cluster serves and nobody
// declares: whether they are there, and the condition Ready of those that have one. It has
// neither kind nor rules.
var Undeclared = sync.OnceValue(func() *Known {
	condition := ConditionRule{}.filled()
	return &Known{
		Entry:      &Entry{ID: "generic", Readiness: ReadinessRule{Condition: &condition}},
		program:    &program{readiness: condition.read, said: []said{{}}},
		statements: []Statement{{}}, by: "generic",
	}
})
