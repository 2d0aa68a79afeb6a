package faulty

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
)

// A sluggish plugin waits a moment for handshakes, and goes on waiting until there were many or
// no more come. One that shares takes its time for a batch.
const (
	slowCall  = 40 * time.Millisecond
	noMore    = time.Second
	manyCalls = 100
	sharing   = 100 * time.Millisecond
	atOnce    = 4
)

// misread exchanges the issuer of a query for another.
func (p *Plugin) misread(queries []*api.Query) {
	for _, q := range queries {
		issuer := q.GetIssuer()
		switch p.fault {
		case AnyGroup:
			issuer.Kind.Group = Group
		case TrimNames:
			issuer.Name = strings.TrimSpace(issuer.GetName())
		case NoNamespace:
			if issuer.GetNamespace() == "" && issuer.GetKind().GetKind() == "CorpIssuer" {
				issuer.Namespace = "shop"
			}
		default:
		}
	}
}

// putOff answers handshakes that arrive meanwhile first.
func (p *Plugin) putOff(ctx context.Context) {
	first, seen, patience := p.calls.Load(), int64(0), time.Now().Add(slowCall)
	for seen < manyCalls && time.Now().Before(patience) && sleep(ctx, time.Millisecond) {
		if came := p.calls.Load() - first; came > seen {
			seen, patience = came, time.Now().Add(noMore)
		}
	}
}

// tire fails or delays calls because of earlier or concurrent ones.
func (p *Plugin) tire(ctx context.Context, queries []*api.Query) error {
	switch p.fault {
	case Grudge:
		if deadline, has := ctx.Deadline(); has && time.Until(deadline) < shortDeadline {
			p.offended.Store(true)
		} else if p.offended.Swap(false) {
			return status.Error(codes.Internal, "offended")
		}
	case Sluggish:
		p.putOff(ctx)
	case Shared:
		if len(queries) > 1 {
			p.calls.Add(1)
			defer p.calls.Add(-1)
			sleep(ctx, sharing)
			if p.calls.Load() >= atOnce {
				return status.Error(codes.Internal, "too many at once")
			}
		}
	default:
	}
	return nil
}

// misjudge changes an answer from what the table says.
func (p *Plugin) misjudge(q *api.Query, a *api.Answer) {
	isMissing, found := a.GetMissing() != nil, a.GetFound()
	switch {
	case p.fault == Guesses && isMissing:
		a.Outcome = &api.Answer_Found{Found: &api.Found{Ready: api.Readiness_READINESS_UNKNOWN}}
	case p.fault == Learns && isMissing && p.learns(q.GetIssuer().GetName()):
		a.Outcome = &api.Answer_Found{Found: &api.Found{Ready: api.Readiness_READINESS_TRUE}}
	case p.fault == MissingTTL && isMissing:
		a.TtlSeconds = 1
	case p.fault == Echo && strings.ContainsFunc(q.GetIssuer().GetName(), unicode.IsControl):
		a.Outcome = &api.Answer_Failure{Failure: &api.Failure{Message: "nobody is called " + q.GetIssuer().GetName()}}
	case p.fault == ForeignMissing && a.GetFailure() != nil && q.GetIssuer().GetName() != "":
		a.Outcome = &api.Answer_Missing{Missing: &api.Missing{}}
	case found != nil:
		p.misjudgeFound(q, found)
	}
}

func (p *Plugin) misjudgeFound(q *api.Query, f *api.Found) {
	isReady := f.GetReady() == api.Readiness_READINESS_TRUE
	switch {
	case p.fault == NeverReady && isReady:
		f.Ready, f.Reason, f.Message = api.Readiness_READINESS_UNKNOWN, "Doubtful", "nobody can tell"
	case p.fault == NoReason && !isReady:
		f.Reason = ""
	case p.fault == OpenDoor:
		f.Namespaces = nil
	case p.fault == BadRule:
		f.Constraints = &api.Constraints{Durations: &api.Durations{MinSeconds: 7200, MaxSeconds: 3600, Verdict: api.Verdict_VERDICT_WARN}}
	case p.fault == TwoMinds:
		f.Constraints = &api.Constraints{ReturnedUsages: &api.ReturnedUsages{Honoured: true, Ignored: true, Verdict: api.Verdict_VERDICT_WARN}}
	case p.fault == NoPolicy:
		f.Constraints = &api.Constraints{Rotation: &api.Rotation{Verdict: api.Verdict_VERDICT_WARN}}
	case p.fault == Fat:
		const unknownField, tooMuch = 1999, 13 << 10
		tag := protowire.AppendTag(nil, unknownField, protowire.BytesType)
		f.ProtoReflect().SetUnknown(protowire.AppendBytes(tag, make([]byte, tooMuch)))
	case p.fault == Remembers:
		p.remember(q, f)
	}
}

// learns reports whether a name was asked for more often than the kit does on purpose.
func (p *Plugin) learns(name string) bool {
	const often = 300
	p.lock.Lock()
	defer p.lock.Unlock()
	p.noted[name]++
	return p.noted[name] > often
}

// remember reports an issuer as ready if a newer object of it was.
func (p *Plugin) remember(q *api.Query, f *api.Found) {
	var object struct {
		Metadata struct {
			Generation int `json:"generation"`
		} `json:"metadata"`
	}
	// An object that can't be decoded counts as the oldest.
	_ = json.Unmarshal(q.GetObservedJson(), &object)
	p.lock.Lock()
	defer p.lock.Unlock()
	name := q.GetIssuer().GetName()
	switch {
	case f.GetReady() == api.Readiness_READINESS_TRUE:
		p.noted[name] = max(p.noted[name], object.Metadata.Generation)
	case object.Metadata.Generation > 0 && object.Metadata.Generation < p.noted[name]:
		f.Ready, f.Reason, f.Message = api.Readiness_READINESS_TRUE, "", ""
	}
}
