package access

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// User is who a token stands for, as the cluster says.
type User struct {
	Name, UID string
	Groups    []string
	Extra     map[string][]string
}

// Reviewer asks the cluster. An error means that it can't be known now.
type Reviewer interface {
	// WhoIs gives the user of a token, nil if it is nobody's.
	WhoIs(ctx context.Context, token string) (*User, error)
	// May says whether the user may do this with a path of a server.
	May(ctx context.Context, user User, verb, path string) (bool, error)
}

// Guard lets those read who may, by the cluster's rules about nonResourceURLs.
type Guard struct {
	verdicts *verdicts
	log      *slog.Logger
	// complaints are limited, since anybody can cause one.
	complaints *rate.Limiter
}

// NewGuard makes a guard that keeps what it was told for a minute.
func NewGuard(reviewer Reviewer, log *slog.Logger) *Guard {
	return &Guard{newVerdicts(reviewer), log, rate.NewLimiter(rate.Every(time.Minute), 1)}
}

// Before answers 401 to who shows no valid token, 403 to who may not get the path, 429 while more new tokens come than the
// cluster is asked about, and 503 while the cluster doesn't answer. All others reach the handler.
func (g *Guard) Before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		token, found := bearer(request)
		if !found {
			deny(w, noToken)
			return
		}
		verdict, err := g.verdicts.of(request.Context(), token, request.URL.Path)
		if err != nil {
			if g.complaints.AllowN(g.verdicts.now(), 1) {
				g.log.Warn("who may read the metrics can't be known", "error", err)
			}
			http.Error(w, "who you are, or what you may read, can't be known: the API server doesn't answer", http.StatusServiceUnavailable)
			return
		}
		if verdict != allowed {
			deny(w, verdict)
			return
		}
		next.ServeHTTP(w, request)
	})
}

func deny(w http.ResponseWriter, v verdict) {
	switch v {
	case forbidden:
		http.Error(w, "forbidden: a ClusterRole must allow get on the nonResourceURL", http.StatusForbidden)
	case tooMany:
		http.Error(w, "too many tokens that aren't known yet: try again in some seconds", http.StatusTooManyRequests)
	default:
		w.Header().Set("WWW-Authenticate", `Bearer realm="certshim"`)
		http.Error(w, "unauthorized: a bearer token of this cluster is needed", http.StatusUnauthorized)
	}
}

// bearer is the token that a request shows.
func bearer(request *http.Request) (token string, found bool) {
	scheme, token, found := strings.Cut(request.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	return token, found && strings.EqualFold(scheme, "Bearer") && token != ""
}
