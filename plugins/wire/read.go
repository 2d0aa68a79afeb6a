package wire

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// ErrNewer means that an answer has an enum value that this build doesn't know. It comes from a
// newer plugin, which is no offence, but the answer can't be used.
var ErrNewer = errors.New("the answer has a value that this version of certshim doesn't know")

// ReadAnswer decodes an answer. failed means that it states nothing about its issuer, err that
// no plugin may give it.
func ReadAnswer(a *api.Answer) (s resolver.Statement, failed, err error) {
	s.TTL = time.Duration(a.GetTtlSeconds()) * time.Second
	switch outcome := a.GetOutcome().(type) {
	case *api.Answer_Missing:
		s.Existence = resolver.Missing
		return s, nil, nil
	case *api.Answer_Failure:
		message := outcome.Failure.GetMessage()
		if err := resolver.CheckMessage(message); err != nil {
			return s, nil, err
		}
		return s, errors.New(message), nil
	case *api.Answer_Found:
		var r reading
		r.found(&s, outcome.Found)
		switch {
		case r.wrong != nil:
			return resolver.Statement{}, nil, r.wrong
		case r.newer != nil:
			return resolver.Statement{}, r.newer, nil
		}
		return s, nil, nil
	}
	return s, nil, errors.New("the answer is none of found, missing, failure")
}

// reading decodes one answer and collects errors.
type reading struct {
	wrong, newer error
	// at is the path of the current field, for errors.
	at string
}

// word decodes an enum value. A simpler constraint can't be both the map's key and a
// protoreflect.Enum.
func word[E interface {
	~int32
	protoreflect.Enum
}, W any](r *reading, words map[E]W, e E) W {
	w, known := words[e]
	switch {
	case known:
	case e == 0:
		r.wrong = problem.Join(r.wrong, fmt.Errorf("%s%s is not valid in an answer", r.at, enumName(e)))
	default:
		r.newer = fmt.Errorf("%w: %s %d", ErrNewer, enumName(e), int32(e))
	}
	return w
}

func allWords[E interface {
	~int32
	protoreflect.Enum
}, W any](r *reading, words map[E]W, all []E) []W {
	out := make([]W, 0, len(all))
	for _, e := range all {
		out = append(out, word(r, words, e))
	}
	return out
}

func (r *reading) found(s *resolver.Statement, f *api.Found) {
	s.Existence = resolver.Exists
	s.Ready = word(r, readinesses, f.GetReady())
	s.Reason, s.Message = f.GetReason(), f.GetMessage()
	s.CopyAnnotations = f.GetCopyAnnotations()
	if f.Namespaces != nil {
		s.Namespaces = append([]string{}, f.Namespaces.GetNames()...)
	}
	r.values(&s.Values, f.GetDefaults())
	r.constraints(&s.Constraints, f.GetConstraints())
}

func (r *reading) values(v *resolver.Values, d *api.Defaults) {
	r.at = "defaults: "
	if len(d.GetUsages()) > 0 {
		v.Usages = allWords(r, usages, d.GetUsages())
	}
	v.Duration, v.RenewBefore = r.seconds(d.GetDurationSeconds()), r.seconds(d.GetRenewBeforeSeconds())
	if d.GetPrivateKey() != nil {
		v.PrivateKey.Key = r.key(d.GetPrivateKey())
	}
	if d != nil && d.RotationPolicy != nil {
		v.PrivateKey.RotationPolicy = word(r, rotations, d.GetRotationPolicy())
	}
	v.CommonName = d.GetCommonNameFromFirstDnsName()
}

// seconds rejects what a time.Duration can't hold.
func (r *reading) seconds(n int64) time.Duration {
	const most = int64(1<<63-1) / int64(time.Second)
	if n < 0 || n > most {
		r.wrong = problem.Join(r.wrong, fmt.Errorf("%s%d seconds is no duration", r.at, n))
		return 0
	}
	return time.Duration(n) * time.Second
}

func (r *reading) key(k *api.Key) resolver.Key {
	key := resolver.Key{Algorithm: word(r, algorithms, k.GetAlgorithm())}
	for _, size := range k.GetSizes() {
		key.Sizes = append(key.Sizes, int(size))
	}
	return key
}

func (r *reading) constraints(c *resolver.Constraints, m *api.Constraints) {
	if rule := m.GetSans(); rule != nil {
		r.at = "constraints.sans: "
		c.SANs = &resolver.SANRule{
			Allowed: allWords(r, sanKinds, rule.GetAllowed()), Max: int(rule.GetMax()),
			NoneWithinWildcards: rule.GetNoneWithinWildcards(), PublicSuffix: rule.GetPublicSuffix(), Verdict: word(r, verdicts, rule.GetVerdict()),
		}
	}
	if rule := m.GetWildcards(); rule != nil {
		r.at = "constraints.wildcards: "
		c.Wildcards = &resolver.WildcardRule{Allowed: rule.GetAllowed(), Verdict: word(r, verdicts, rule.GetVerdict())}
	}
	if rule := m.GetCommonName(); rule != nil {
		r.at = "constraints.common_name: "
		c.CommonName = &resolver.CommonNameRule{Must: r.commonName(rule), MaxBytes: int(rule.GetMaxBytes()), Verdict: word(r, verdicts, rule.GetVerdict())}
	}
	if rule := m.GetKeys(); rule != nil {
		r.at = "constraints.keys: "
		c.Keys = &resolver.KeyRule{Allowed: []resolver.Key{}, Verdict: word(r, verdicts, rule.GetVerdict())}
		for _, key := range rule.GetAllowed() {
			c.Keys.Allowed = append(c.Keys.Allowed, r.key(key))
		}
	}
	if rule := m.GetDurations(); rule != nil {
		r.at = "constraints.durations: "
		c.Durations = r.durations(rule)
	}
	c.Usages = r.usages(m)
	if rule := m.GetCa(); rule != nil {
		r.at = "constraints.ca: "
		c.CA = &resolver.CARule{Allowed: rule.GetAllowed(), Verdict: word(r, verdicts, rule.GetVerdict())}
	}
	if rule := m.GetRotation(); rule != nil {
		r.at = "constraints.rotation: "
		c.RotationPolicy = &resolver.RotationRule{Must: word(r, rotations, rule.GetMust()), Verdict: word(r, verdicts, rule.GetVerdict())}
	}
	if rule := m.GetExistingSecret(); rule != nil {
		r.at = "constraints.existing_secret: "
		c.Secret = &resolver.SecretRule{MustExist: rule.GetNeeded(), Verdict: word(r, verdicts, rule.GetVerdict())}
	}
}

func (r *reading) commonName(rule *api.CommonName) resolver.CommonNameMust {
	must := word(r, commonNames, rule.GetRule())
	switch {
	case rule.GetMustBeSan() && must == resolver.NameRequired:
		return resolver.NameRequiredSAN
	case rule.GetMustBeSan() && must == resolver.NameOptional:
		return resolver.NameMustBeSAN
	}
	return must
}

// usages joins what may be asked for and what comes back, which are two messages: a certshim that
// knows only the first takes one without allowed usages for one that allows none.
func (r *reading) usages(m *api.Constraints) *resolver.UsageRule {
	var rule *resolver.UsageRule
	if back := m.GetReturnedUsages(); back != nil {
		r.at = "constraints.returned_usages: "
		rule = &resolver.UsageRule{Honoured: back.GetHonoured(), Ignored: back.GetIgnored(), Verdict: word(r, verdicts, back.GetVerdict())}
		if len(back.GetAlways()) > 0 {
			rule.Always = allWords(r, usages, back.GetAlways())
		} else if !rule.Honoured && !rule.Ignored {
			rule = nil
		}
	}
	if limit := m.GetUsages(); limit != nil {
		r.at = "constraints.usages: "
		if rule == nil {
			rule = &resolver.UsageRule{}
		}
		rule.Allowed, rule.Verdict = allWords(r, usages, limit.GetAllowed()), word(r, verdicts, limit.GetVerdict())
	}
	return rule
}

func (r *reading) durations(rule *api.Durations) *resolver.DurationRule {
	out := &resolver.DurationRule{
		Min: r.seconds(rule.GetMinSeconds()), Max: r.seconds(rule.GetMaxSeconds()),
		Ignored: rule.GetIgnored(), WhenUnset: r.seconds(rule.GetWhenUnsetSeconds()),
		Verdict: word(r, verdicts, rule.GetVerdict()),
	}
	for _, step := range rule.GetStepSeconds() {
		out.Steps = append(out.Steps, r.seconds(step))
	}
	return out
}
