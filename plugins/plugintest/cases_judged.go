package plugintest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
	"github.com/certshim/certshim/plugins/wire"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

func judgedCases() []Case {
	return []Case{
		{ID: "R11", Level: Must, asks: true, Title: "answers in values that are known and fit together", run: judged(shape),
			Hint:    "no enum is UNSPECIFIED, the verdict of a rule included; min is not above max, steps rise, usages are honoured or ignored",
			catches: []string{"bad-enum", "bad-rule", "two-minds", "no-policy"}},
		{ID: "R12", Level: Must, asks: true, Title: "stays within its grant", run: judged(granted), catches: []string{"lie-default", "lie-refuse", "lie-annotation"},
			Hint: "set only defaults of granted_defaults, refuse only with may_refuse, copy only granted_annotations"},
		{ID: "R13", Level: Must, asks: true, Title: "writes words that can be shown", run: judged(words, unprintable), catches: []string{"nul", "secret", "echo"},
			Hint: "reason is CamelCase of at most 64 bytes; message is at most 512 bytes of UTF-8 without control characters or secrets, in a failure, too"},
		{ID: "R14", Level: Must, asks: true, Title: "gives answers a life of 10 to 3600 seconds", run: judged(life, absent), catches: []string{"short-ttl", "missing-ttl"},
			Hint: "ttl_seconds is 0 or 10 to 3600"},
		{ID: "R15", Level: Must, asks: true, Title: "lists the namespaces of a restricted issuer", run: listsNamespaces, needs: names("restricted", restricted), catches: []string{"open-door"},
			Hint: "namespaces absent means all; present and empty means none"},
		{ID: "R16", Level: Must, asks: true, Title: "copes with any observed object", run: observedGarbage, catches: []string{"crash"},
			Hint: "observed_json may be empty, or any JSON of up to 8 KiB"},
		{ID: "R17", Level: Must, asks: true, Title: "doesn't answer for an old object from what it knew of a newer one", run: olderObject, needs: needsObserved, catches: []string{"remembers"},
			Hint: "judge the object that you are given"},
	}
}

// unprintable returns queries for names that must not be repeated verbatim.
func unprintable(p *probe) []resolver.Query {
	var all []resolver.Query
	for _, name := range []string{"\x00", "\n", "\u202e"} {
		q := p.good()
		q.Observed, q.Issuer.Name = nil, q.Issuer.Name+name
		all = append(all, q)
	}
	return all
}

// absent returns queries for issuers that don't exist.
func absent(p *probe) []resolver.Query { return p.fixture.some(missing) }

// judged asks about all existing issuers and some others, one per call, and checks each answer.
func judged(judge func(*probe, *api.Answer, resolver.Statement) error, others ...func(*probe) []resolver.Query) func(context.Context, *probe) error {
	return func(ctx context.Context, p *probe) error {
		var errs []error
		queries := p.fixture.named()
		for _, more := range others {
			queries = append(queries, more(p)...)
		}
		for i, q := range queries {
			answer, err := p.one(ctx, q)
			if err != nil && i >= len(p.fixture.named()) {
				// Whether there is an answer is checked by other cases.
				continue
			}
			if err != nil {
				return err
			}
			// The first case reports answers that can't be decoded; the others check what can.
			statement, _, _ := wire.ReadAnswer(answer)
			if err := judge(p, answer, statement); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", label(q), err))
			}
		}
		return problem.Join(errs...)
	}
}

func shape(_ *probe, a *api.Answer, _ resolver.Statement) error {
	if a.GetFailure() != nil {
		return nil
	}
	s, failed, err := wire.ReadAnswer(a)
	if err != nil || failed != nil {
		return errors.Join(err, failed)
	}
	return resolver.Statement{Existence: s.Existence, Ready: s.Ready, Constraints: s.Constraints, Values: s.Values}.
		Check(resolver.Grant{Values: resolver.ValueFields(), MayRefuse: true})
}

func granted(p *probe, _ *api.Answer, s resolver.Statement) error {
	grant := p.fixture.grant()
	errs := []error{resolver.Statement{CopyAnnotations: s.CopyAnnotations}.Check(grant)}
	for _, field := range s.Values.Set() {
		if !slices.Contains(grant.Values, field) {
			errs = append(errs, fmt.Errorf("it sets a default for %s, which is not granted", field))
		}
	}
	rules := resolver.Statement{Constraints: s.Constraints}
	if rules.Check(resolver.Grant{MayRefuse: true}) == nil {
		errs = append(errs, rules.Check(grant))
	}
	return problem.Join(errs...)
}

func words(_ *probe, a *api.Answer, _ resolver.Statement) error {
	return errors.Join(
		resolver.Statement{Reason: a.GetFound().GetReason(), Message: a.GetFound().GetMessage()}.Check(resolver.Grant{}),
		resolver.CheckMessage(a.GetFailure().GetMessage()),
	)
}

func life(_ *probe, a *api.Answer, _ resolver.Statement) error {
	return resolver.Statement{TTL: time.Duration(a.GetTtlSeconds()) * time.Second}.Check(resolver.Grant{})
}

func listsNamespaces(ctx context.Context, p *probe) error {
	return p.each(ctx, restricted, func(a *api.Answer) error {
		if a.GetFound().GetNamespaces() == nil {
			return fmt.Errorf("it said %s", summary(a))
		}
		return nil
	})
}

// garbage returns observed objects that no plugin expects.
func garbage() [][]byte {
	deep := strings.Repeat(`{"status":`, 500) + "1" + strings.Repeat("}", 500)
	large, _ := json.Marshal(map[string]any{"status": map[string]any{"x": strings.Repeat("a", resolver.MaxObserved-40)}})
	return [][]byte{
		nil, []byte("{}"), []byte(`{"metadata":{}}`), []byte("null"), []byte("[]"), []byte("7"), []byte(`"x"`),
		[]byte(`{"status":null}`), []byte(`{"status":[]}`), []byte(`{"status":"Ready"}`), []byte(`{"status":{"conditions":{}}}`),
		[]byte(`{"status":{"conditions":[null,7,{"type":{}}]}}`), []byte(`{"metadata":{"generation":"many"}}`), []byte("{"), []byte("\xff\xfe"),
		[]byte(deep), large,
	}
}

func observedGarbage(ctx context.Context, p *probe) error {
	for _, object := range garbage() {
		q := p.good()
		q.Observed = object
		if _, err := p.one(ctx, q); err != nil {
			const most = 60
			return fmt.Errorf("observed %q: %w", object[:min(most, len(object))], err)
		}
	}
	return nil
}

func needsObserved(p *probe) string {
	for _, set := range p.fixture.Issuers {
		if set.Observed[set.Ready] != nil && set.Observed[set.Unready] != nil {
			return ""
		}
	}
	return "the fixture has no observed objects of an issuer that is ready and one that isn't"
}

func olderObject(ctx context.Context, p *probe) error {
	for _, set := range p.fixture.Issuers {
		if set.Observed[set.Ready] == nil || set.Observed[set.Unready] == nil {
			continue
		}
		newer, older := set.question(p.fixture, set.Ready), set.question(p.fixture, set.Ready)
		older.Observed = set.question(p.fixture, set.Unready).Observed
		if _, err := p.one(ctx, newer); err != nil {
			return err
		}
		answer, err := p.one(ctx, older)
		if err != nil {
			return err
		}
		if answer.GetFound().GetReady() == api.Readiness_READINESS_TRUE {
			return fmt.Errorf("%s: with the object of one that isn't ready it said %s", label(older), summary(answer))
		}
	}
	return nil
}
