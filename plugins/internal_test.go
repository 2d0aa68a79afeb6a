package plugins

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

func keyOf(name string) resolver.IssuerKey {
	return resolver.IssuerKey{GroupKind: resolver.GroupKind{Group: "pki.corp.example", Kind: "CorpIssuer"}, Namespace: "shop", Name: name}
}

var (
	isThere = resolver.Statement{Existence: resolver.Exists, Ready: resolver.Ready}
	isGone  = resolver.Statement{Existence: resolver.Missing}
)

func TestAnswersAge(t *testing.T) {
	c, begin := newCache(), time.Unix(0, 0)
	c.add(keyOf("a"), begin)
	c.put(keyOf("a"), isThere, begin, 0.8)
	state := func() resolver.State { f, _ := c.find(keyOf("a")); return f.State }
	if due, news := c.sweep(begin.Add(3 * time.Minute)); len(due)+len(news) > 0 || state() != resolver.Fresh {
		t.Errorf("after 3 minutes: due %v, news %v, %s", due, news, state())
	}
	if due, news := c.sweep(begin.Add(4*time.Minute + time.Second)); len(due) != 1 || len(news) > 0 || state() != resolver.Fresh {
		t.Errorf("after four fifths of its life: due %v, news %v, %s", due, news, state())
	}
	if _, news := c.sweep(begin.Add(6 * time.Minute)); len(news) > 0 || state() != resolver.Stale {
		t.Errorf("after its life: news %v, %s", news, state())
	}
	if f, _ := c.find(keyOf("a")); f.Ready != resolver.Ready {
		t.Errorf("a stale answer isn't used: %+v", f)
	}
	if _, news := c.sweep(begin.Add(61 * time.Minute)); len(news) != 1 || state() != resolver.Never {
		t.Errorf("after an hour: news %v, %s", news, state())
	}
	if _, news := c.sweep(begin.Add(62 * time.Minute)); len(news) != 1 {
		t.Errorf("that it is overdue is no news: %v", news)
	}
	if f, _ := c.find(keyOf("a")); !f.Overdue || f.Existence != resolver.MayExist {
		t.Errorf("got %+v", f)
	}
	if !c.put(keyOf("a"), isThere, begin.Add(63*time.Minute), 0.8) {
		t.Error("an answer after silence is no news")
	}
	if f, _ := c.find(keyOf("a")); f.Overdue || f.State != resolver.Fresh {
		t.Errorf("got %+v", f)
	}
}

func TestWhatIsNews(t *testing.T) {
	c, now := newCache(), time.Unix(0, 0)
	if c.put(keyOf("a"), isThere, now, 1) {
		t.Error("an answer that nobody asked for is taken")
	}
	c.add(keyOf("a"), now)
	longer := isThere
	longer.TTL = time.Hour
	for i, step := range []struct {
		statement resolver.Statement
		want      bool
	}{{isThere, true}, {isThere, false}, {longer, false}, {isGone, true}} {
		if got := c.put(keyOf("a"), step.statement, now, 1); got != step.want {
			t.Errorf("answer %d is news: %t", i, got)
		}
	}
}

func TestHowLongAnswersHold(t *testing.T) {
	for want, s := range map[time.Duration]resolver.Statement{
		5 * time.Minute:  isThere,
		time.Minute:      isGone,
		20 * time.Second: {Existence: resolver.Missing, TTL: 20 * time.Second},
		time.Hour:        {TTL: 2 * time.Hour},
	} {
		if got := lifetime(s); got != want {
			t.Errorf("%+v holds for %s, want %s", s, got, want)
		}
	}
}

func TestTheLeastRecentlyUsedGoes(t *testing.T) {
	c, now := newCache(), time.Unix(0, 0)
	for i := range maxIssuers {
		c.add(keyOf(fmt.Sprint("old-", i)), now)
	}
	c.sweep(now)
	c.find(keyOf("old-0"))
	c.add(keyOf("new"), now)
	if len(c.entries) != maxIssuers*9/10+1 || c.entries[keyOf("old-0")] == nil || c.entries[keyOf("new")] == nil {
		t.Errorf("%d are left", len(c.entries))
	}
}

func TestAnIssuerWaitsOnce(t *testing.T) {
	q := newQueue()
	q.add(keyOf("a"), keyOf("b"), keyOf("a"))
	if got := q.take(t.Context(), 10); !slices.Equal(got, []resolver.IssuerKey{keyOf("a"), keyOf("b")}) {
		t.Errorf("got %v", got)
	}
	// While it is asked for, it is wanted again.
	q.add(keyOf("a"))
	if q.len() != 0 {
		t.Error("it is asked for twice at once")
	}
	q.done(keyOf("a"), keyOf("b"))
	if got := q.take(t.Context(), 10); !slices.Equal(got, []resolver.IssuerKey{keyOf("a")}) {
		t.Errorf("got %v", got)
	}
	q.done(keyOf("a"))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got := q.take(ended, 10); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestTheBreaker(t *testing.T) {
	now := time.Unix(0, 0)
	var b breaker
	for range failuresInARow - 1 {
		b.failed(now)
	}
	if d := b.remaining(now); d != 0 {
		t.Errorf("after four failures it pauses for %s", d)
	}
	b.failed(now)
	if d := b.remaining(now); d != breakerPause {
		t.Errorf("after five it pauses for %s", d)
	}
	b = breaker{}
	for _, minutes := range []float64{1, 2, 4, 8, 15, 15} {
		b.overstepped(now)
		if d := b.remaining(now); d.Minutes() != minutes {
			t.Errorf("it pauses for %s, want %v minutes", d, minutes)
		}
		now = now.Add(b.remaining(now))
	}
	b.succeeded()
	b.overstepped(now)
	if d := b.remaining(now); d != time.Minute {
		t.Errorf("after a good answer it pauses for %s", d)
	}
}

func TestAnotherTryAfterARejection(t *testing.T) {
	now := time.Unix(0, 0)
	var b breaker
	b.overstepped(now)
	b.reconnected()
	if d := b.remaining(now); d != 0 {
		t.Errorf("who connects again waits for %s", d)
	}
	b.overstepped(now)
	if d := b.remaining(now); d != 2*time.Minute {
		t.Errorf("who has not been mended waits for %s", d)
	}
	for range failuresInARow {
		b.failed(now)
	}
	b.reconnected()
	if d := b.remaining(now); d != breakerPause {
		t.Errorf("who fails on every connection waits for %s", d)
	}
}

// panics is a compiled-in resolver that is broken.
type panics struct{}

func (panics) Describe() resolver.Description {
	return resolver.Description{Name: "broken", Version: "v1", Grant: resolver.Grant{MayRefuse: true}}
}

func (panics) Resolve(context.Context, resolver.Query) (resolver.Statement, error) { panic("oh") }

func TestAPanicIsAFailure(t *testing.T) {
	p := Compiled(panics{})
	if !p.Hold || p.Timeout != DefaultTimeout || p.Name != "broken" {
		t.Errorf("got %+v", p)
	}
	session, err := p.Backend.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	replies, err := session.Ask(t.Context(), []resolver.Query{{Issuer: keyOf("a")}, {Issuer: keyOf("b")}})
	if err != nil || len(replies) != 2 || faultOf(replies[0].Failed) != resolver.Broken {
		t.Errorf("got %v, %v", replies, err)
	}
	if err := session.Watch(t.Context(), func(resolver.Change) {}); !errors.Is(err, ErrNoWatch) {
		t.Errorf("got %v", err)
	}
}

// What a resolver says stands in the log as it is, quoted by the log alone, and cut where it is long.
func TestTheLogHasAResolversWords(t *testing.T) {
	var log bytes.Buffer
	h, err := New([]Plugin{{Name: "corp-ca", Kinds: []resolver.DescribedKind{{GroupKind: keyOf("").GroupKind, Scope: resolver.Namespaced}}}},
		slog.New(slog.NewJSONHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	m, now := h.members[0], time.Now()
	for name, tell := range map[string]func(error){
		"a fault":   func(err error) { m.noteFault(err) },
		"a refusal": func(err error) { m.noteRejected(keyOf("a"), err, now) },
		"a failure": func(err error) { m.noteFailure(keyOf("a"), err, now) },
	} {
		for text, want := range map[string]string{
			`it says "no"` + "\n": `it says "no"` + "\n", strings.Repeat("a", 1000): strings.Repeat("a", problem.MaxValue),
		} {
			log.Reset()
			m.quiet = logLimiter{}
			tell(errors.New(text))
			var line struct{ Error string }
			if err := json.Unmarshal(log.Bytes(), &line); err != nil || line.Error != want {
				t.Errorf("%s: %v, got %q, want %q", name, err, line.Error, want)
			}
		}
	}
}
