package wire_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
	"github.com/certshim/certshim/plugins/wire"
	"github.com/certshim/certshim/resolver"
)

func everything() resolver.Statement {
	return resolver.Statement{
		Existence: resolver.Exists, Ready: resolver.NotReady, Reason: "CASealed", Message: "the CA is sealed",
		Constraints: resolver.Constraints{
			SANs:       &resolver.SANRule{Allowed: []resolver.SANKind{resolver.DNSName, resolver.OtherName}, Max: 10, NoneWithinWildcards: true, PublicSuffix: true, Verdict: resolver.Refuse},
			Wildcards:  &resolver.WildcardRule{Allowed: true, Verdict: resolver.Warn},
			CommonName: &resolver.CommonNameRule{Must: resolver.NameRequiredSAN, MaxBytes: 64, Verdict: resolver.Warn},
			Keys:       &resolver.KeyRule{Allowed: []resolver.Key{{Algorithm: "RSA", Sizes: []int{2048}}, {Algorithm: "Ed25519"}}, Verdict: resolver.Warn},
			Durations:  &resolver.DurationRule{Min: time.Hour, Max: 24 * time.Hour, Steps: []time.Duration{time.Hour}, Ignored: true, WhenUnset: time.Hour, Verdict: resolver.Warn},
			Usages:     &resolver.UsageRule{Allowed: resolver.Usages(), Always: []string{"server auth"}, Ignored: true, Verdict: resolver.Warn},
			CA:         &resolver.CARule{Allowed: true, Verdict: resolver.Refuse},

			RotationPolicy: &resolver.RotationRule{Must: resolver.RotateNever, Verdict: resolver.Refuse},
			Secret:         &resolver.SecretRule{MustExist: true, Verdict: resolver.Warn},
		},
		Values: resolver.Values{
			Usages: []string{"server auth"}, Duration: time.Hour, RenewBefore: time.Minute,
			PrivateKey: resolver.PrivateKey{Key: resolver.Key{Algorithm: "ECDSA", Sizes: []int{256}}, RotationPolicy: resolver.RotateNever}, CommonName: true,
		},
		CopyAnnotations: []string{"pki.corp.example/profile"}, Namespaces: []string{"shop"}, TTL: time.Minute,
	}
}

func TestAStatementComesThrough(t *testing.T) {
	none := everything()
	none.Namespaces = []string{}
	returned, allowsNone, mustBe := everything(), everything(), everything()
	returned.Constraints.Usages = &resolver.UsageRule{Honoured: true, Verdict: resolver.Warn}
	returned.Values = resolver.Values{PrivateKey: resolver.PrivateKey{RotationPolicy: resolver.RotateAlways}}
	allowsNone.Constraints.Usages = &resolver.UsageRule{Allowed: []string{}, Verdict: resolver.Warn}
	mustBe.Constraints.CommonName.Must = resolver.NameMustBeSAN
	for name, s := range map[string]resolver.Statement{
		"everything": everything(), "no namespace": none,
		"usages that come back": returned, "no usages": allowsNone, "one of the names": mustBe,
		"only there": {Existence: resolver.Exists, Ready: resolver.Ready},
		"missing":    {Existence: resolver.Missing, TTL: 10 * time.Second},
	} {
		got, failed, err := wire.ReadAnswer(wire.Answer(7, s, nil))
		if err != nil || failed != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("%s: got %+v, %v, %v, want %+v", name, got, failed, err, s)
		}
	}
}

// Authors in Go may omit values that have a default; the protocol has none.
func TestDefaultsOfRulesAreWritten(t *testing.T) {
	s := resolver.Statement{Existence: resolver.Exists, Ready: resolver.Ready, Constraints: resolver.Constraints{
		Durations: &resolver.DurationRule{Max: time.Hour}, CommonName: &resolver.CommonNameRule{MaxBytes: 64},
	}}
	got, failed, err := wire.ReadAnswer(wire.Answer(1, s, nil))
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	if rules := got.Constraints; rules.Durations.Verdict != resolver.Warn || rules.CommonName.Verdict != resolver.Warn || rules.CommonName.Must != resolver.NameOptional {
		t.Errorf("got %+v, %+v", rules.Durations, rules.CommonName)
	}
}

// An older certshim ignores the fields that it doesn't know. What it makes of a rule that has some
// must not be stricter than what the plugin says.
func TestWhatAnOlderCertshimUnderstands(t *testing.T) {
	s := resolver.Statement{Existence: resolver.Exists, Ready: resolver.Ready, Constraints: resolver.Constraints{
		CommonName: &resolver.CommonNameRule{Must: resolver.NameRequiredSAN},
		Usages:     &resolver.UsageRule{Ignored: true},
	}}
	rules := wire.Answer(1, s, nil).GetFound().GetConstraints()
	if got := rules.GetCommonName().GetRule(); got != api.CommonNameRule_COMMON_NAME_RULE_REQUIRED {
		t.Errorf("a common name that is required and one of the names: %v", got)
	}
	if rules.GetUsages() != nil {
		t.Errorf("usages that are ignored become a rule that allows %v", rules.GetUsages().GetAllowed())
	}
}

func TestWhatSaysNothing(t *testing.T) {
	for name, a := range map[string]*api.Answer{
		"a failure":     wire.Answer(1, resolver.Statement{}, errors.New("no idea")),
		"no existence":  wire.Answer(1, resolver.Statement{}, nil),
		"a newer value": {Outcome: &api.Answer_Found{Found: &api.Found{Ready: 99}}},
	} {
		if s, failed, err := wire.ReadAnswer(a); failed == nil || err != nil || s.Existence != resolver.MayExist {
			t.Errorf("%s: got %+v, %v, %v", name, s, failed, err)
		}
	}
}

func TestWhatNoPluginMaySay(t *testing.T) {
	for want, a := range map[string]*api.Answer{
		"none of":                            {},
		"READINESS_UNSPECIFIED is not valid": {Outcome: &api.Answer_Found{Found: &api.Found{}}},
		"constraints.durations: VERDICT_UNSPECIFIED is not valid": {Outcome: &api.Answer_Found{Found: &api.Found{
			Ready: 1, Constraints: &api.Constraints{Durations: &api.Durations{MaxSeconds: 1}}}}},
		"defaults: 1152921504606846976 seconds is no duration": {Outcome: &api.Answer_Found{Found: &api.Found{Ready: 1, Defaults: &api.Defaults{DurationSeconds: 1 << 60}}}},
		"constraints.rotation: ROTATION_POLICY_UNSPECIFIED is not valid": {Outcome: &api.Answer_Found{Found: &api.Found{
			Ready: 1, Constraints: &api.Constraints{Rotation: &api.Rotation{Verdict: 1}}}}},
		"defaults: ROTATION_POLICY_UNSPECIFIED is not valid": {Outcome: &api.Answer_Found{Found: &api.Found{
			Ready: 1, Defaults: &api.Defaults{RotationPolicy: api.RotationPolicy_ROTATION_POLICY_UNSPECIFIED.Enum()}}}},
		"secret": {Outcome: &api.Answer_Failure{Failure: &api.Failure{Message: "password=x"}}},
	} {
		if _, _, err := wire.ReadAnswer(a); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

func TestEveryNumberHasAWord(t *testing.T) {
	kinds := api.File_certshim_resolver_v1alpha1_resolver_proto.Enums()
	for i := range kinds.Len() {
		values := kinds.Get(i).Values()
		if first := values.Get(0); first.Number() != 0 || !strings.HasSuffix(string(first.Name()), "_UNSPECIFIED") {
			t.Errorf("%s is 0", first.Name())
		}
	}
	if n := len(api.Usage_name) - 1; n != len(resolver.Usages()) {
		t.Errorf("%d usages in the protocol, %d words", n, len(resolver.Usages()))
	}
	for i, word := range resolver.Usages() {
		name := "USAGE_" + strings.ToUpper(strings.NewReplacer(" ", "_", "/", "_").Replace(word))
		if got := api.Usage(i + 1).String(); got != name {
			t.Errorf("usage %q has the number of %s", word, got)
		}
	}
}

// Whatever bytes a plugin sends, an answer that is accepted survives encoding and decoding.
func FuzzReadAnswer(f *testing.F) {
	seed, err := proto.Marshal(wire.Answer(1, everything(), nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		var a api.Answer
		if proto.Unmarshal(data, &a) != nil {
			return
		}
		s, failed, err := wire.ReadAnswer(&a)
		if err != nil || failed != nil || s.Check(resolver.Grant{Values: resolver.ValueFields(), MayRefuse: true}) != nil {
			return
		}
		again, failed, err := wire.ReadAnswer(wire.Answer(a.GetId(), s, nil))
		if err != nil || failed != nil {
			t.Fatalf("%+v can't be read again: %v, %v", s, failed, err)
		}
		if first, second := wire.Answer(1, s, nil), wire.Answer(1, again, nil); !proto.Equal(first, second) {
			t.Errorf("got %v, want %v", second, first)
		}
	})
}
