package issuance

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// How long something may say nothing before that counts as a hang: most of it takes less than a
// second. An ACME server, and a clean-up, may take longer.
const (
	patience     = 10 * time.Second
	longPatience = 30 * time.Second
)

// Explain says how far the issuance of a Certificate has come by now, and where it hangs.
func Explain(s State, now time.Time) Chain {
	w := &walk{State: s, now: now}
	if goesOn := w.certificate(); goesOn {
		if request := w.request(); request != nil {
			w.order(*request)
		}
		w.issuer()
	}
	w.backOff()
	slices.SortStableFunc(w.chain.Hangs, func(a, b Hang) int { return a.Code.rank() - b.Code.rank() })
	return w.chain
}

// walk goes from the Certificate down.
type walk struct {
	State
	now   time.Time
	chain Chain
}

// step notes what was found at an object.
func (w *walk) step(m Meta, outcome Outcome, since time.Time, format string, values ...any) {
	w.chain.Steps = append(w.chain.Steps, Step{
		Object: m.object(), Outcome: outcome, Text: fmt.Sprintf(format, values...), Since: since,
	})
}

// unread notes that objects of a kind can't be seen.
func (w *walk) unread(kind, what string) {
	w.step(Meta{Kind: kind, Namespace: w.Certificate.Namespace}, Unknown, time.Time{}, "%s: %s", what, w.Unread[kind])
}

// hang notes where it hangs, each code once. An object further down has more to say of it than
// one before; of several of a kind, the first is named.
func (w *walk) hang(h Hang) {
	at := slices.IndexFunc(w.chain.Hangs, func(other Hang) bool { return other.Code == h.Code })
	switch {
	case at < 0:
		w.chain.Hangs = append(w.chain.Hangs, h)
	case w.chain.Hangs[at].Object.Kind != h.Object.Kind:
		w.chain.Hangs[at] = h
	}
}

// events of an object with a reason, the newest first.
func (w *walk) events(uid, reason string) []Event {
	var found []Event
	for _, e := range w.Events {
		if uid != "" && e.About == uid && e.Reason == reason {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b Event) int { return b.Last.Compare(a.Last) })
	return found
}

// older says whether a time lies further back than that. A time that isn't known does.
func (w *walk) older(at time.Time, than time.Duration) bool { return w.now.Sub(at) >= than }

// age is how long ago something was, in words.
func (w *walk) age(at time.Time) string {
	if at.IsZero() {
		return "an unknown time"
	}
	return duration.HumanDuration(max(w.now.Sub(at), 0))
}

// stamp is a time as it stands in objects.
func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// command is a line for a shell; its arguments are quoted where that is needed.
func command(format string, arguments ...string) string {
	quoted := make([]any, len(arguments))
	for i, argument := range arguments {
		quoted[i] = word(argument)
	}
	return fmt.Sprintf(format, quoted...)
}

// word is an argument that a shell takes as one.
func word(text string) string {
	const plain = "-._/:@*+=,0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	if text != "" && strings.Trim(text, plain) == "" && !strings.ContainsAny(text, "*") && text[0] != '-' {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// describe is the command that shows an object of cert-manager with its Events.
func describe(m Meta) string {
	kind := strings.ToLower(m.Kind)
	return command("kubectl -n %s describe %s %s", m.Namespace, kind, m.Name)
}

// list is names in words: at most ten, and how many more there are.
func list(names []string) string {
	const most = 10
	shown := make([]string, 0, most)
	for _, name := range names[:min(most, len(names))] {
		shown = append(shown, problem.Name(name))
	}
	text := strings.Join(shown, ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// issuerWords is an issuer as people write it, with the group where it isn't cert-manager's.
func issuerWords(ref resolver.Ref) string {
	kind := problem.Name(ref.Kind)
	if ref.Group != resolver.CertManagerGroup {
		kind += "." + problem.Name(ref.Group)
	}
	return kind + " " + problem.Name(ref.Name)
}

// NotMade is the chain of a Secret for which certshim makes no Certificate: cert-manager has
// nothing to do with it.
func NotMade(namespace, name, why string) Chain {
	missing := problem.Object{Kind: KindCertificate, Namespace: namespace, Name: name}
	return Chain{
		Steps: []Step{{Object: missing, Outcome: Broken, Text: "there is none"}},
		Hangs: []Hang{{
			Code: NoCertificate, Object: missing, Why: why,
			Help: []string{"This is certshim's own decision. What is wrong with the source says what to change."},
		}},
	}
}
