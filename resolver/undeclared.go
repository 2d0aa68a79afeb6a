package resolver

import "sync"

// Undeclared stands for issuer kinds that the cluster serves and nobody declares. It reads
// whether issuers exist, and their condition Ready if they have one. It has no kind and no
// rules.
var Undeclared = sync.OnceValue(func() *Known {
	condition := ConditionRule{}.filled()
	return &Known{
		Type:       &IssuerType{ID: "generic", Readiness: ReadinessRule{Condition: &condition}},
		program:    &program{readiness: condition.read, profiles: []profile{{}}},
		statements: []Statement{{}}, by: "generic",
	}
})
