package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// cluster knows the tokens that are names of users, and counts what it is asked.
type cluster struct {
	// may has the users that may read /metrics.
	may  map[string]bool
	down bool
	// asked counts the TokenReviews.
	asked int
}

func (c *cluster) WhoIs(_ context.Context, token string) (*User, error) {
	c.asked++
	if c.down {
		return nil, errors.New("connection refused")
	}
	if _, known := c.may[token]; !known {
		return nil, nil
	}
	return &User{Name: token}, nil
}

func (c *cluster) May(_ context.Context, user User, verb, path string) (bool, error) {
	return c.may[user.Name] && verb == "get" && path == "/metrics", nil
}

// guarded is a handler behind a guard whose clock stands.
func guarded(c *cluster) (handler http.Handler, g *Guard, clock *time.Time) {
	g = NewGuard(c, slog.New(slog.DiscardHandler))
	now := time.Unix(1_800_000_000, 0)
	g.verdicts.now = func() time.Time { return now }
	return g.Before(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "metrics") })), g, &now
}

func read(handler http.Handler, authorization string) int {
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	if answer.Code == http.StatusUnauthorized && answer.Header().Get("WWW-Authenticate") == "" {
		return 0
	}
	return answer.Code
}

func TestWhoMayRead(t *testing.T) {
	handler, _, _ := guarded(&cluster{may: map[string]bool{"prometheus": true, "tenant": false}})
	for authorization, want := range map[string]int{
		"Bearer prometheus": http.StatusOK, "bearer  prometheus": http.StatusOK,
		"Bearer tenant":   http.StatusForbidden,
		"Bearer stranger": http.StatusUnauthorized, "": http.StatusUnauthorized, "Bearer": http.StatusUnauthorized,
		"Bearer ": http.StatusUnauthorized, "Basic prometheus": http.StatusUnauthorized, "prometheus": http.StatusUnauthorized,
	} {
		if got := read(handler, authorization); got != want {
			t.Errorf("%q: status %d, want %d", authorization, got, want)
		}
	}
}

func TestVerdictsHoldForAMinute(t *testing.T) {
	c := &cluster{may: map[string]bool{"prometheus": true}}
	handler, _, clock := guarded(c)
	for range 3 {
		read(handler, "Bearer prometheus")
	}
	if c.asked != 1 {
		t.Fatalf("the cluster was asked %d times about one token", c.asked)
	}
	c.may["prometheus"] = false
	*clock = clock.Add(verdictHolds - time.Second)
	if got := read(handler, "Bearer prometheus"); got != http.StatusOK {
		t.Errorf("within the minute: status %d", got)
	}
	*clock = clock.Add(time.Second)
	if got := read(handler, "Bearer prometheus"); got != http.StatusForbidden {
		t.Errorf("the permission was taken away a minute ago: status %d", got)
	}
}

func TestAClusterThatDoesNotAnswerLetsNobodyIn(t *testing.T) {
	c := &cluster{may: map[string]bool{"prometheus": true}, down: true}
	handler, g, clock := guarded(c)
	var log strings.Builder
	g.log = slog.New(slog.NewTextHandler(&log, nil))
	for range 3 {
		if got := read(handler, "Bearer prometheus"); got != http.StatusServiceUnavailable {
			t.Errorf("status %d", got)
		}
	}
	*clock = clock.Add(time.Minute)
	read(handler, "Bearer prometheus")
	if got := strings.Count(log.String(), "can't be known"); got != 2 {
		t.Errorf("%d lines, want one a minute:\n%s", got, log.String())
	}
	c.down = false
	if got := read(handler, "Bearer prometheus"); got != http.StatusOK {
		t.Errorf("it is back, and the status is %d: a failure must not be remembered", got)
	}
}

// Strangers who try tokens cost the cluster few questions, and keep nobody out who was let in before.
func TestStrangersAreBounded(t *testing.T) {
	c := &cluster{may: map[string]bool{"prometheus": true}}
	handler, g, clock := guarded(c)
	read(handler, "Bearer prometheus")
	refused := 0
	for i := range 10_000 {
		if read(handler, fmt.Sprintf("Bearer guess-%d", i)) == http.StatusTooManyRequests {
			refused++
		}
	}
	if c.asked > reviewsAtOnce || refused < 9_900 {
		t.Errorf("10000 tokens at once led to %d questions; %d were refused unasked", c.asked, refused)
	}
	*clock = clock.Add(verdictHolds)
	for i := range reviewsAtOnce + 1 {
		read(handler, fmt.Sprintf("Bearer later-%d", i))
	}
	if got := read(handler, "Bearer prometheus"); got != http.StatusOK {
		t.Errorf("whoever was allowed before gets %d while strangers try", got)
	}
	for i := range 20 * maxVerdicts {
		*clock = clock.Add(time.Second / 2)
		read(handler, fmt.Sprintf("Bearer slow-%d", i))
		if i%180 != 0 {
			continue
		}
		// A scrape comes later than its last verdict holds, when strangers have just had all the room.
		for n := range reviewsAtOnce + 1 {
			read(handler, fmt.Sprintf("Bearer burst-%d-%d", i, n))
		}
		if got := read(handler, "Bearer prometheus"); got != http.StatusOK {
			t.Fatalf("whoever was allowed 90 s ago gets %d", got)
		}
	}
	if got := len(g.verdicts.known); got > maxVerdicts {
		t.Fatalf("%d verdicts in memory", got)
	}
}

// Nor does somebody with many tokens, who may read, take more memory.
func TestTokensOfTheAllowedAreBounded(t *testing.T) {
	c := &cluster{may: map[string]bool{}}
	handler, g, clock := guarded(c)
	for i := range 3 * maxVerdicts {
		token := fmt.Sprint("prometheus-", i)
		c.may[token] = true
		*clock = clock.Add(time.Second / 4)
		if got := read(handler, "Bearer "+token); got != http.StatusOK {
			t.Fatalf("token %d: status %d", i, got)
		}
		if got := len(g.verdicts.known); got > maxVerdicts {
			t.Fatalf("%d verdicts in memory", got)
		}
	}
}
