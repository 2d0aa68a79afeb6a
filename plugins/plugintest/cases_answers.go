package plugintest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

func answerCases() []Case {
	return []Case{
		{ID: "R1", Level: Must, asks: true, Title: "finds an issuer that is ready", run: findsReady,
			Hint: "answer found with READINESS_TRUE for what the fixture calls ready", catches: []string{"bad-enum", "never-ready"}},
		{ID: "R2", Level: Must, asks: true, Title: "says that an issuer isn't ready, and why", run: findsUnready, needs: names("unready", unready),
			Hint: "answer found with READINESS_FALSE or UNKNOWN, a reason and a message", catches: []string{"bad-enum", "no-reason"}},
		{ID: "R3", Level: Must, asks: true, Title: "says that an issuer is missing", run: findsMissing, needs: names("missing", missing),
			Hint: "answer missing: it is neither found with empty fields nor a gRPC error", catches: []string{"missing-fails", "guesses"}},
		{ID: "R4", Level: Must, asks: true, Title: "fails for a kind that isn't its own, and for nothing else", run: strangeKind, needs: needsKnown,
			Hint: "look at group and kind; answer failure for that query alone", catches: []string{"bad-fails", "dup-id", "drop-id", "any-group", "foreign-missing"}},
		{ID: "R5", Level: Must, asks: true, Title: "answers 64 queries, each once, in time", run: fullBatch,
			Hint: "one answer for each query with its id, within deadline_ms", catches: []string{"dup-id", "drop-id", "slow", "huge", "missing-fails"}},
		{ID: "R6", Level: Must, asks: true, Title: "answers the same issuer twice alike", run: duplicates,
			Hint: "one issuer may be asked for under two ids: both are answered", catches: []string{"dup-id", "drop-id", "flap"}},
		{ID: "R7", Level: Must, asks: true, Title: "answers nothing to no query", run: emptyRequest,
			Hint: "an empty request is no error", catches: []string{"empty-fails"}},
		{ID: "R8", Level: Must, asks: true, Title: "lets one bad query spoil no other", run: oneBad, needs: needsKnown,
			Hint: "what is wrong with one issuer is a failure in its answer, not a gRPC error", catches: []string{"bad-fails", "dup-id", "drop-id"}},
		{ID: "R9", Level: Must, asks: true, Title: "answers the same question the same way, 100 times", run: deterministic,
			Hint: "lists have a stable order; only ttl_seconds may differ", catches: []string{"flap", "missing-fails"}},
	}
}

func ready(s IssuerFixture) string      { return s.Ready }
func unready(s IssuerFixture) string    { return s.Unready }
func missing(s IssuerFixture) string    { return s.Missing }
func restricted(s IssuerFixture) string { return s.Restricted }

// names returns a needs function that skips a case if the fixture names no issuer in that state.
func names(word string, state func(IssuerFixture) string) func(*probe) string {
	return func(p *probe) string {
		if len(p.fixture.some(state)) == 0 {
			return "the fixture names no issuer that is " + word
		}
		return ""
	}
}

// each asks about the issuers in a state, one per call, and checks each answer.
func (p *probe) each(ctx context.Context, state func(IssuerFixture) string, judge func(*api.Answer) error) error {
	var errs []error
	for _, q := range p.fixture.some(state) {
		answer, err := p.one(ctx, q)
		if err != nil {
			return err
		}
		if err := judge(answer); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w%s", label(q), err, doubt(answer)))
		}
	}
	return problem.Join(errs...)
}

// doubt returns the question whether the fixture is right, for an answer that says missing.
func doubt(a *api.Answer) string {
	if a.GetMissing() == nil {
		return ""
	}
	return ": is the fixture right?"
}

// needsKnown skips cases if the plugin says that a ready issuer of the fixture is missing: R1 has
// reported that, and they would fail for the same reason.
func needsKnown(p *probe) string {
	for i, q := range p.fixture.some(ready) {
		if i < len(p.first) && p.first[i].GetMissing() != nil {
			return fmt.Sprintf("the fixture calls %s ready, and the plugin says that it is missing: see R1", label(q))
		}
	}
	return ""
}

func findsReady(ctx context.Context, p *probe) error {
	return p.each(ctx, ready, func(a *api.Answer) error {
		if a.GetFound() == nil || a.GetFound().GetReady() != api.Readiness_READINESS_TRUE {
			return fmt.Errorf("it said %s", summary(a))
		}
		return nil
	})
}

func findsUnready(ctx context.Context, p *probe) error {
	return p.each(ctx, unready, func(a *api.Answer) error {
		found := a.GetFound()
		isUnready := found.GetReady() == api.Readiness_READINESS_FALSE || found.GetReady() == api.Readiness_READINESS_UNKNOWN
		if !isUnready || found.GetReason() == "" || found.GetMessage() == "" {
			return fmt.Errorf("it said %s", summary(a))
		}
		return nil
	})
}

func findsMissing(ctx context.Context, p *probe) error {
	return p.each(ctx, missing, func(a *api.Answer) error {
		if a.GetMissing() == nil {
			return fmt.Errorf("it said %s", summary(a))
		}
		return nil
	})
}

// good returns a query about an issuer that is ready.
func (p *probe) good() resolver.Query { return p.fixture.some(ready)[0] }

// besideBad asks about a bad query between two good ones, and returns the answer to it.
func (p *probe) besideBad(ctx context.Context, bad resolver.Query) (*api.Answer, error) {
	response, err := p.batch(ctx, p.client, []resolver.Query{p.good(), bad, p.good()})
	if err != nil {
		return nil, err
	}
	answers, err := byID(response, 3)
	if err != nil {
		return nil, err
	}
	if answers[1].GetFound() == nil || answers[3].GetFound() == nil {
		return nil, fmt.Errorf("of the good ones it said %s and %s", summary(answers[1]), summary(answers[3]))
	}
	return answers[2], nil
}

func strangeKind(ctx context.Context, p *probe) error {
	own := p.good().Issuer.GroupKind
	for _, kind := range []resolver.GroupKind{
		{Group: "other.example", Kind: "OtherIssuer"}, {Group: "other.example", Kind: own.Kind}, {Group: own.Group, Kind: "OtherIssuer"},
	} {
		strange := p.good()
		strange.Issuer.GroupKind = kind
		answer, err := p.besideBad(ctx, strange)
		switch {
		case status.Code(err) == codes.InvalidArgument:
			err = p.works(ctx)
		case err == nil && answer.GetFailure() == nil:
			err = fmt.Errorf("of kind %s of group %s it said %s", kind.Kind, kind.Group, summary(answer))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func oneBad(ctx context.Context, p *probe) error {
	bad := p.good()
	bad.Observed, bad.Issuer.Name = nil, ""
	answer, err := p.besideBad(ctx, bad)
	if err == nil && answer.GetFailure() == nil && answer.GetMissing() == nil {
		err = fmt.Errorf("of the bad one it said %s", summary(answer))
	}
	return err
}

// byID checks that a response has exactly one answer for each of the ids 1 to n.
func byID(response *api.ResolveResponse, n int) (map[uint32]*api.Answer, error) {
	answers := map[uint32]*api.Answer{}
	for _, a := range response.GetAnswers() {
		if a.GetId() < 1 || int(a.GetId()) > n {
			return nil, fmt.Errorf("it answered id %d, which was not asked", a.GetId())
		}
		if answers[a.GetId()] != nil {
			return nil, fmt.Errorf("it answered id %d twice", a.GetId())
		}
		answers[a.GetId()] = a
	}
	if len(answers) != n {
		return nil, fmt.Errorf("it gave %d answers to %d queries", len(answers), n)
	}
	return answers, nil
}

// full returns a batch of the largest size, over all issuers of the fixture.
func (p *probe) full() []resolver.Query {
	all := p.fixture.all()
	queries := make([]resolver.Query, 0, maxBatch)
	for len(queries) < maxBatch {
		queries = append(queries, all[len(queries)%len(all)])
	}
	return queries
}

func fullBatch(ctx context.Context, p *probe) error {
	response, err := p.batch(ctx, p.client, p.full())
	if err != nil {
		return err
	}
	_, err = byID(response, maxBatch)
	return err
}

func duplicates(ctx context.Context, p *probe) error {
	response, err := p.batch(ctx, p.client, []resolver.Query{p.good(), p.good()})
	if err != nil {
		return err
	}
	answers, err := byID(response, 2)
	if err == nil && !proto.Equal(timeless(answers[1]), timeless(answers[2])) {
		err = fmt.Errorf("it said %s and %s", summary(answers[1]), summary(answers[2]))
	}
	return err
}

func emptyRequest(ctx context.Context, p *probe) error {
	response, err := p.batch(ctx, p.client, nil)
	if err == nil && len(response.GetAnswers()) > 0 {
		err = fmt.Errorf("it answered %d times", len(response.GetAnswers()))
	}
	return err
}

func deterministic(ctx context.Context, p *probe) error {
	const times = 100
	for _, q := range p.fixture.all() {
		first, err := p.one(ctx, q)
		if err != nil {
			return err
		}
		for range times {
			next, err := p.one(ctx, q)
			if err != nil {
				return err
			}
			if !proto.Equal(timeless(first), timeless(next)) {
				return fmt.Errorf("%s: it said %s, then %s", label(q), summary(first), summary(next))
			}
		}
	}
	return nil
}

func nameCases() []Case {
	return []Case{
		{ID: "N1", Level: Must, asks: true, Title: "takes hostile names for what they are", run: hostileNames, catches: []string{"bad-fails", "missing-fails", "guesses", "trim-names"},
			Hint: "a name that can't be an issuer's is missing or a failure; it is no path, no format and no command"},
		{ID: "N2", Level: Must, asks: true, Title: "compares names byte by byte", run: unicodeNames, catches: []string{"fold-names", "missing-fails", "guesses"},
			Hint: "don't fold case, compose, or trim a name"},
		{ID: "N3", Level: Must, asks: true, Title: "keeps the issuers of namespaces apart", run: otherNamespaces, needs: needsNamespaced, catches: []string{"lie-namespace", "missing-fails", "guesses", "no-namespace"},
			Hint: "the same name in two namespaces is two issuers, and without a namespace a third"},
	}
}

// checkUnknownNames asks about issuers that don't exist, one per call. None may be found.
func (p *probe) checkUnknownNames(ctx context.Context, change func(*resolver.IssuerKey), names ...string) error {
	var errs []error
	for _, name := range names {
		q := p.good()
		q.Observed = nil
		q.Issuer.Name = name
		change(&q.Issuer)
		answer, err := p.one(ctx, q)
		if err != nil {
			return err
		}
		if answer.GetFound() != nil {
			errs = append(errs, fmt.Errorf("%s: it is found", label(q)))
		}
	}
	return problem.Join(errs...)
}

func asItIs(*resolver.IssuerKey) {}

func hostileNames(ctx context.Context, p *probe) error {
	known := p.good().Issuer.Name
	return p.checkUnknownNames(ctx, asItIs, "", strings.Repeat("a", 253), strings.Repeat("a", 254), "..", "../"+known, "a/b", " "+known, known+" ",
		known+"\x00", `"`+known+`"`, "${HOME}", "$(id)", "%s%n", known+"\n", "*", ".*", "'; --")
}

func unicodeNames(ctx context.Context, p *probe) error {
	known := p.good().Issuer.Name
	others := []string{"caf\u00e9", "cafe\u0301", "\u202e" + known, known + "\u200b", "😀", "𝒶"}
	if upper := strings.ToUpper(known); upper != known {
		others = append(others, upper)
	}
	return p.checkUnknownNames(ctx, asItIs, others...)
}

func needsNamespaced(p *probe) string {
	if !slices.ContainsFunc(p.fixture.Issuers, func(s IssuerFixture) bool { return s.Namespace != "" }) {
		return "no kind of the fixture is namespaced"
	}
	return ""
}

func otherNamespaces(ctx context.Context, p *probe) error {
	var errs []error
	for _, q := range p.fixture.some(ready) {
		if q.Issuer.Namespace == "" {
			continue
		}
		for _, namespace := range []string{q.Issuer.Namespace + "-another", ""} {
			errs = append(errs, p.checkUnknownNames(ctx, func(key *resolver.IssuerKey) {
				key.GroupKind, key.Namespace = q.Issuer.GroupKind, namespace
			}, q.Issuer.Name))
		}
	}
	return problem.Join(errs...)
}
