package plugins

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certshim/certshim/resolver"
)

// scripted is a backend whose answers a test writes. It notes the batches that it is asked.
type scripted struct {
	answer func(queries []resolver.Query) ([]Reply, error)
	// exists is what the cluster says.
	exists func(resolver.IssuerKey) resolver.Existence
	lock   sync.Mutex
	asked  [][]string
}

func (s *scripted) Connect(context.Context) (Session, error) { return s, nil }
func (s *scripted) Healthy(context.Context) error            { return nil }
func (s *scripted) Lost() <-chan struct{}                    { return nil }
func (s *scripted) Close()                                   {}

func (s *scripted) Watch(context.Context, func(resolver.Change)) error { return ErrNoWatch }

func (s *scripted) Ask(_ context.Context, queries []resolver.Query) ([]Reply, error) {
	var names []string
	for _, query := range queries {
		names = append(names, query.Issuer.Name)
	}
	s.lock.Lock()
	s.asked = append(s.asked, names)
	s.lock.Unlock()
	return s.answer(queries)
}

// times counts the calls in which an issuer was asked about, or all for "".
func (s *scripted) times(name string) int {
	s.lock.Lock()
	defer s.lock.Unlock()
	n := 0
	for _, batch := range s.asked {
		if name == "" || slices.Contains(batch, name) {
			n++
		}
	}
	return n
}

// each answers for one issuer after another.
func each(answer func(name string) Reply) func([]resolver.Query) ([]Reply, error) {
	return func(queries []resolver.Query) ([]Reply, error) {
		replies := make([]Reply, len(queries))
		for i, query := range queries {
			replies[i] = answer(query.Issuer.Name)
		}
		return replies, nil
	}
}

// hosting runs a host with one scripted plugin in a bubble, and asks about some issuers.
func hosting(t *testing.T, s *scripted, names ...string) *Host {
	t.Helper()
	h, err := New([]Plugin{{
		Name: "corp-ca", Tier: "plugin", Kinds: []resolver.DescribedKind{{GroupKind: keyOf("").GroupKind, Scope: resolver.Namespaced}},
		Grant: resolver.Grant{Values: []resolver.ValueField{resolver.ValueUsages}}, Hold: true, Timeout: time.Second, Backend: s,
	}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { h.Run(ctx, resolver.Callbacks{Exists: s.exists}); close(ended) }()
	t.Cleanup(func() { stop(); <-ended })
	for _, name := range names {
		h.Find(keyOf(name))
	}
	return h
}

func finding(h *Host, name string) resolver.Finding {
	found, _ := h.Find(keyOf(name))
	return found
}

func TestABadAnswerCostsItsOwnIssuerAlone(t *testing.T) {
	beyond := resolver.Statement{Existence: resolver.Exists, Values: resolver.Values{Duration: time.Hour}}
	for name, bad := range map[string]Reply{
		"beyond the grant": {Statement: beyond},
		"malformed":        {Statement: resolver.Statement{Existence: "Perhaps"}},
		"not decoded":      {Failed: Reject(Malformed, errors.New("it has no state"))},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &scripted{answer: each(func(name string) Reply {
					if name == "bad" {
						return bad
					}
					return Reply{Statement: isThere}
				})}
				h := hosting(t, s, "a", "bad", "b", "c")
				time.Sleep(5 * time.Second)
				synctest.Wait()
				for _, good := range []string{"a", "b", "c"} {
					if f := finding(h, good); f.State != resolver.Fresh || f.Ready != resolver.Ready {
						t.Errorf("%s: %+v", good, f)
					}
				}
				if f := finding(h, "bad"); f.State != resolver.Never || f.Fault != resolver.Rejected || !f.Hold {
					t.Errorf("the bad one: %+v", f)
				}
				// It is asked about after 1 and 2 minutes, and then less often; the others as ever.
				time.Sleep(3*time.Minute + 30*time.Second)
				synctest.Wait()
				if n := s.times("bad"); n != 3 {
					t.Errorf("it was asked about %d times: %v", n, s.asked)
				}
				if f := finding(h, "a"); f.State != resolver.Fresh {
					t.Errorf("a companion: %+v", f)
				}
				if n := h.members[0].cache.rejected(); n != 1 {
					t.Errorf("%d are counted", n)
				}
			})
		})
	}
}

func TestAnIssuerThatIsMendedCountsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mended bool
		s := &scripted{}
		s.answer = each(func(string) Reply {
			s.lock.Lock()
			defer s.lock.Unlock()
			if mended {
				return Reply{Statement: isThere}
			}
			return Reply{Statement: resolver.Statement{Existence: "Perhaps"}}
		})
		h := hosting(t, s, "a")
		time.Sleep(10 * time.Second)
		s.lock.Lock()
		mended = true
		s.lock.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		if f := finding(h, "a"); f.State != resolver.Fresh || f.Fault != resolver.NoFault || h.members[0].cache.rejected() != 0 {
			t.Errorf("got %+v", f)
		}
	})
}

// A message that can't be shown is left out, and costs nothing else.
func TestAMessageThatCantBeShownIsLeftOut(t *testing.T) {
	for _, message := range []string{"GET https://ca.example.com/?token=abc: 404", strings.Repeat("x", 2000), "a\x00b", "a\u202eb"} {
		synctest.Test(t, func(t *testing.T) {
			sealed := resolver.Statement{Existence: resolver.Exists, Ready: resolver.NotReady, Reason: "not camel case", Message: message}
			h := hosting(t, &scripted{answer: each(func(string) Reply { return Reply{Statement: sealed} })}, "a")
			time.Sleep(5 * time.Second)
			synctest.Wait()
			f := finding(h, "a")
			if f.State != resolver.Fresh || f.Ready != resolver.NotReady || f.Reason != "" || resolver.CheckMessage(f.Message) != nil {
				t.Errorf("got %+v", f)
			}
		})
	}
}

// An issuer that makes every call fail in which it is asked about is found out, and then waits
// alone.
func TestAnIssuerThatBreaksItsBatchIsFoundOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{answer: func(queries []resolver.Query) ([]Reply, error) {
			if slices.ContainsFunc(queries, func(q resolver.Query) bool { return q.Issuer.Name == "bad" }) {
				return nil, &Error{Fault: resolver.Timeout, Err: context.DeadlineExceeded}
			}
			return each(func(string) Reply { return Reply{Statement: isThere} })(queries)
		}}
		names := []string{"bad"}
		for i := range 40 {
			names = append(names, "good-"+string(rune('a'+i%26))+string(rune('a'+i/26)))
		}
		h := hosting(t, s, names...)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		for _, good := range names[1:] {
			if f := finding(h, good); f.State != resolver.Fresh {
				t.Fatalf("%s: %+v", good, f)
			}
		}
		if f := finding(h, "bad"); f.State != resolver.Never || f.Fault != resolver.Timeout {
			t.Errorf("got %+v", f)
		}
		// From then on it is asked about alone, every two minutes.
		begin := s.times("bad")
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if n := s.times("bad") - begin; n < 5 || n > 15 {
			t.Errorf("it was asked about %d times", n)
		}
		s.lock.Lock()
		defer s.lock.Unlock()
		for _, batch := range s.asked[len(s.asked)-20:] {
			if slices.Contains(batch, "bad") && len(batch) > 1 {
				t.Errorf("it is asked about with %v", batch)
			}
		}
	})
}

// Workers that wait for something to ask leave a resolver alone once its breaker opens.
func TestThePauseHoldsForAllWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{answer: func([]resolver.Query) ([]Reply, error) { return nil, Reject(WrongIDs, errors.New("an id too many")) }}
		h := hosting(t, s, "a")
		time.Sleep(5 * time.Second)
		h.Find(keyOf("b"))
		h.Find(keyOf("c"))
		time.Sleep(40 * time.Second)
		synctest.Wait()
		if n := s.times(""); n != 1 {
			t.Errorf("asked %d times within the pause: %v", n, s.asked)
		}
	})
}

// What calls an issuer missing that is there is no answer: the last good one stays, and without one
// the issuer is unanswered.
func TestAnIssuerThatIsThereCantBeMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lock sync.Mutex
		says, there := map[string]resolver.Statement{"known": isThere, "new": isGone, "gone": isGone}, map[string]bool{"known": true, "new": true}
		s := &scripted{exists: func(key resolver.IssuerKey) resolver.Existence {
			lock.Lock()
			defer lock.Unlock()
			if there[key.Name] {
				return resolver.Exists
			}
			return resolver.Missing
		}}
		s.answer = each(func(name string) Reply {
			lock.Lock()
			defer lock.Unlock()
			return Reply{Statement: says[name]}
		})
		h := hosting(t, s, "known", "new", "gone")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if f := finding(h, "new"); f.State != resolver.Never || !f.Hold || f.Fault != resolver.Denied {
			t.Errorf("without an answer before: %+v", f)
		}
		if f := finding(h, "gone"); f.State != resolver.Fresh || f.Existence != resolver.Missing || !f.Hold {
			t.Errorf("one that isn't there: %+v", f)
		}
		lock.Lock()
		says["known"], there["gone"] = isGone, true
		lock.Unlock()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if f := finding(h, "known"); f.State != resolver.Stale || f.Ready != resolver.Ready || f.Fault != resolver.Denied {
			t.Errorf("the last good answer doesn't stay: %+v", f)
		}
		for _, name := range []string{"new", "gone"} {
			if f := finding(h, name); f.State != resolver.Never || !f.Overdue {
				t.Errorf("%s, which is there by now: %+v", name, f)
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if f := finding(h, "known"); f.State != resolver.Never || !f.Hold {
			t.Errorf("after an hour: %+v", f)
		}
		lock.Lock()
		says["known"] = isThere
		lock.Unlock()
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if f := finding(h, "known"); f.State != resolver.Fresh || f.Fault != resolver.NoFault {
			t.Errorf("once it answers: %+v", f)
		}
	})
}
