package wire

import (
	"cmp"
	"math"
	"time"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
	"github.com/certshim/certshim/resolver"
)

// Answer encodes a statement, or the reason why there is none. A statement whose Existence is
// neither Exists nor Missing becomes a failure, as does one with a value that the protocol
// lacks.
func Answer(id uint32, s resolver.Statement, failed error) *api.Answer {
	a := &api.Answer{Id: id}
	if s.TTL > 0 {
		a.TtlSeconds = uint32(min(s.TTL/time.Second, math.MaxUint32))
	}
	switch {
	case failed != nil:
		a.Outcome = &api.Answer_Failure{Failure: &api.Failure{Message: failed.Error()}}
	case s.Existence == resolver.Missing:
		a.Outcome = &api.Answer_Missing{Missing: &api.Missing{}}
	case s.Existence == resolver.Exists:
		a.Outcome = &api.Answer_Found{Found: found(s)}
	default:
		a.Outcome = &api.Answer_Failure{Failure: &api.Failure{Message: "it is unknown whether the issuer exists"}}
	}
	return a
}

func found(s resolver.Statement) *api.Found {
	f := &api.Found{
		Ready: number(readinesses, s.Ready), Reason: s.Reason, Message: s.Message,
		CopyAnnotations: s.CopyAnnotations, Constraints: constraints(s.Constraints), Defaults: values(s.Values),
	}
	if s.Namespaces != nil {
		f.Namespaces = &api.Namespaces{Names: s.Namespaces}
	}
	return f
}

func values(v resolver.Values) *api.Defaults {
	if len(v.Set()) == 0 {
		return nil
	}
	d := &api.Defaults{
		Usages: numbers(usages, v.Usages), DurationSeconds: seconds(v.Duration), RenewBeforeSeconds: seconds(v.RenewBefore),
		CommonNameFromFirstDnsName: v.CommonName,
	}
	if v.PrivateKey.Algorithm != "" {
		d.PrivateKey = key(v.PrivateKey.Key)
	}
	if policy := v.PrivateKey.RotationPolicy; policy != "" {
		d.RotationPolicy = number(rotations, policy).Enum()
	}
	return d
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

func key(k resolver.Key) *api.Key {
	out := &api.Key{Algorithm: number(algorithms, k.Algorithm)}
	for _, size := range k.Sizes {
		out.Sizes = append(out.Sizes, uint32(size))
	}
	return out
}

func numbers[E ~int32, W comparable](words map[E]W, all []W) []E {
	var out []E
	for _, w := range all {
		out = append(out, number(words, w))
	}
	return out
}

func constraints(c resolver.Constraints) *api.Constraints {
	if c == (resolver.Constraints{}) {
		return nil
	}
	out := &api.Constraints{}
	if r := c.SANs; r != nil {
		out.Sans = &api.SANs{
			Allowed: numbers(sanKinds, r.Allowed), Max: uint32(r.Max), NoneWithinWildcards: r.NoneWithinWildcards, PublicSuffix: r.PublicSuffix, Verdict: verdict(r.Verdict),
		}
	}
	if r := c.Wildcards; r != nil {
		out.Wildcards = &api.Wildcards{Allowed: r.Allowed, Verdict: verdict(r.Verdict)}
	}
	if r := c.CommonName; r != nil {
		out.CommonName = commonName(r)
	}
	if r := c.Keys; r != nil {
		out.Keys = &api.Keys{Verdict: verdict(r.Verdict)}
		for _, k := range r.Allowed {
			out.Keys.Allowed = append(out.Keys.Allowed, key(k))
		}
	}
	if r := c.Durations; r != nil {
		out.Durations = durations(r)
	}
	if r := c.Usages; r != nil {
		out.Usages, out.ReturnedUsages = allowedUsages(r), returnedUsages(r)
	}
	if r := c.CA; r != nil {
		out.Ca = &api.CertificateAuthority{Allowed: r.Allowed, Verdict: verdict(r.Verdict)}
	}
	if r := c.RotationPolicy; r != nil {
		out.Rotation = &api.Rotation{Must: number(rotations, r.Must), Verdict: verdict(r.Verdict)}
	}
	if r := c.Secret; r != nil {
		out.ExistingSecret = &api.ExistingSecret{Needed: r.MustExist, Verdict: verdict(r.Verdict)}
	}
	return out
}

// commonName encodes a rule so that a certshim that doesn't know must_be_san still takes a name for
// required.
func commonName(r *resolver.CommonNameRule) *api.CommonName {
	must := cmp.Or(r.Must, resolver.NameOptional)
	isSAN := must == resolver.NameRequiredSAN
	if isSAN {
		must = resolver.NameRequired
	}
	return &api.CommonName{Rule: number(commonNames, must), MustBeSan: isSAN, MaxBytes: uint32(r.MaxBytes), Verdict: verdict(r.Verdict)}
}

// allowedUsages is nil where a rule says only what comes back: a message without usages allows none.
func allowedUsages(r *resolver.UsageRule) *api.Usages {
	if r.Allowed == nil && returnedUsages(r) != nil {
		return nil
	}
	return &api.Usages{Allowed: numbers(usages, r.Allowed), Verdict: verdict(r.Verdict)}
}

func returnedUsages(r *resolver.UsageRule) *api.ReturnedUsages {
	if len(r.Always) == 0 && !r.Honoured && !r.Ignored {
		return nil
	}
	return &api.ReturnedUsages{Always: numbers(usages, r.Always), Honoured: r.Honoured, Ignored: r.Ignored, Verdict: verdict(r.Verdict)}
}

// verdict encodes a verdict; an unset one is Warn.
func verdict(v resolver.Verdict) api.Verdict { return number(verdicts, cmp.Or(v, resolver.Warn)) }

func durations(r *resolver.DurationRule) *api.Durations {
	out := &api.Durations{
		MinSeconds: seconds(r.Min), MaxSeconds: seconds(r.Max), Ignored: r.Ignored,
		WhenUnsetSeconds: seconds(r.WhenUnset), Verdict: verdict(r.Verdict),
	}
	for _, step := range r.Steps {
		out.StepSeconds = append(out.StepSeconds, seconds(step))
	}
	return out
}
