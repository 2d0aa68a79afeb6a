package wire

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
	"github.com/certshim/certshim/resolver"
)

// The values for the protocol's enums. Numbers without a value are unknown to this build; 0
// never has one.
var (
	scopes = map[api.Scope]resolver.Scope{
		api.Scope_SCOPE_NAMESPACED: resolver.Namespaced, api.Scope_SCOPE_CLUSTER: resolver.Cluster,
	}
	readinesses = map[api.Readiness]resolver.Readiness{
		api.Readiness_READINESS_TRUE: resolver.Ready, api.Readiness_READINESS_FALSE: resolver.NotReady,
		api.Readiness_READINESS_UNKNOWN: resolver.ReadyUnknown,
	}
	verdicts = map[api.Verdict]resolver.Verdict{
		api.Verdict_VERDICT_WARN: resolver.Warn, api.Verdict_VERDICT_REFUSE: resolver.Refuse,
	}
	sanKinds = map[api.SANKind]resolver.SANKind{
		api.SANKind_SAN_KIND_DNS: resolver.DNSName, api.SANKind_SAN_KIND_IP: resolver.IPAddress,
		api.SANKind_SAN_KIND_URI: resolver.URI, api.SANKind_SAN_KIND_EMAIL: resolver.Email,
		api.SANKind_SAN_KIND_OTHER_NAME: resolver.OtherName,
	}
	commonNames = map[api.CommonNameRule]resolver.CommonNameMust{
		api.CommonNameRule_COMMON_NAME_RULE_OPTIONAL:    resolver.NameOptional,
		api.CommonNameRule_COMMON_NAME_RULE_REQUIRED:    resolver.NameRequired,
		api.CommonNameRule_COMMON_NAME_RULE_FORBIDDEN:   resolver.NameForbidden,
		api.CommonNameRule_COMMON_NAME_RULE_MUST_BE_SAN: resolver.NameMustBeSAN,
	}
	algorithms = map[api.KeyAlgorithm]string{
		api.KeyAlgorithm_KEY_ALGORITHM_RSA: "RSA", api.KeyAlgorithm_KEY_ALGORITHM_ECDSA: "ECDSA",
		api.KeyAlgorithm_KEY_ALGORITHM_ED25519: "Ed25519",
	}
	rotations = map[api.RotationPolicy]resolver.RotationPolicy{
		api.RotationPolicy_ROTATION_POLICY_NEVER: resolver.RotateNever, api.RotationPolicy_ROTATION_POLICY_ALWAYS: resolver.RotateAlways,
	}
	valueFields = map[api.DefaultField]resolver.ValueField{
		api.DefaultField_DEFAULT_FIELD_USAGES:       resolver.ValueUsages,
		api.DefaultField_DEFAULT_FIELD_DURATION:     resolver.ValueDuration,
		api.DefaultField_DEFAULT_FIELD_RENEW_BEFORE: resolver.ValueRenewBefore,
		api.DefaultField_DEFAULT_FIELD_PRIVATE_KEY:  resolver.ValuePrivateKey,
		api.DefaultField_DEFAULT_FIELD_COMMON_NAME:  resolver.ValueCommonName,
	}
	usages = usageWords()
)

// usageWords maps the enum to [resolver.Usages], which has the same order.
func usageWords() map[api.Usage]string {
	words := map[api.Usage]string{}
	for i, word := range resolver.Usages() {
		words[api.Usage(i+1)] = word
	}
	return words
}

// number returns the enum's number for a value, 0 for none.
func number[E ~int32, W comparable](words map[E]W, word W) E {
	for e, w := range words {
		if w == word {
			return e
		}
	}
	return 0
}

// enumName returns the schema's name of a number.
func enumName[E protoreflect.Enum](e E) string {
	if value := e.Descriptor().Values().ByNumber(e.Number()); value != nil {
		return string(value.Name())
	}
	return string(e.Descriptor().Name())
}
