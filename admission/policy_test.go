package admission_test

import (
	"strings"
	"testing"

	"github.com/certshim/certshim/admission"
	"github.com/certshim/certshim/annotations"
)

func options() admission.Options {
	return admission.Options{
		Name:      "certshim-annotations",
		Resources: []admission.Resource{{Group: "networking.k8s.io", Kind: "Ingress", Resource: "ingresses", Versions: []string{"v1"}}},
		AutoKeys:  []string{"kubernetes.io/tls-acme"}, AutoKinds: []string{"Ingress"}, Action: admission.Warn,
	}
}

// Each row of the table that CEL can judge has one validation, whose words are those of the table.
func TestEachRowHasAValidation(t *testing.T) {
	policy, _ := admission.New(options())
	validations := policy.Spec.(admission.PolicySpec).Validations
	at := 0
	for _, row := range annotations.Table() {
		if row.Admits == nil {
			continue
		}
		if at >= len(validations) {
			t.Fatalf("%d validations, and none for %s", len(validations), row.Key)
		}
		v := validations[at]
		at++
		if !strings.Contains(v.Message, row.Key) || !strings.Contains(v.Message, row.Grammar) || !strings.Contains(v.Message, row.Example) {
			t.Errorf("%s: the message is %q", row.Key, v.Message)
		}
		if strings.ContainsAny(v.Message, "\n\r") {
			t.Errorf("%s: the API server drops a message of several lines: %q", row.Key, v.Message)
		}
		for _, part := range []string{"== '' ||", "oldObject != null", ".size() <= 65536"} {
			if !strings.Contains(v.Expression, part) {
				t.Errorf("%s: the expression lacks %q: %s", row.Key, part, v.Expression)
			}
		}
	}
	if at != len(validations) || at < 20 {
		t.Errorf("%d validations for %d rows", len(validations), at)
	}
}

// A rule about two annotations lets an update through only if it leaves both as they were.
func TestARuleAboutTwoKeysWatchesBoth(t *testing.T) {
	policy, _ := admission.New(options())
	for _, v := range policy.Spec.(admission.PolicySpec).Validations {
		if strings.Contains(v.Message, "annotation cert-manager.io/private-key-size:") &&
			!strings.Contains(v.Expression, "oldObject.metadata.?annotations[?'cert-manager.io/private-key-algorithm']") {
			t.Errorf("a changed algorithm isn't held against the size: %s", v.Expression)
		}
	}
}

// The variables have names that CEL takes, each once.
func TestVariables(t *testing.T) {
	policy, binding := admission.New(options())
	seen := map[string]bool{}
	for _, v := range policy.Spec.(admission.PolicySpec).Variables {
		if seen[v.Name] || strings.Trim(v.Name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			t.Errorf("a variable is called %q", v.Name)
		}
		seen[v.Name] = true
	}
	if spec := binding.Spec.(admission.BindingSpec); spec.PolicyName != policy.Metadata.Name || spec.ValidationActions[0] != admission.Warn {
		t.Errorf("the binding is %+v", spec)
	}
}

// The keys that ask for the default issuer count on the kinds of the configuration alone, which may name a group.
func TestAutoKeysCountOnSomeKinds(t *testing.T) {
	for want, kinds := range map[string][]string{
		"(false) && ": nil,
		"(request.kind.kind == 'Ingress' || request.kind.kind == 'Gateway' && request.kind.group == 'networking.istio.io') && ": {"Ingress", "Gateway.networking.istio.io"},
	} {
		o := options()
		o.AutoKinds = kinds
		policy, _ := admission.New(o)
		if asks := policy.Spec.(admission.PolicySpec).MatchConditions[1].Expression; !strings.Contains(asks, want) {
			t.Errorf("%v: %s", kinds, asks)
		}
	}
}
