package controller

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/certificate"
)

// fought plays who takes the duration again and again. It puts the duration back, unless that is left.
type fought struct {
	*disputes
	now time.Time
}

// taken is what follows if the duration is taken now: "put back", or how often it was taken and how long it
// is left alone.
func (f *fought) taken(manager string) string {
	duration := certificate.Conflict{Field: ".spec.duration", Manager: manager, Operation: "Update", Rule: 2}
	fights := f.fights("u", f.now)
	i := slices.IndexFunc(fights, func(of certificate.Fight) bool { return of.Manager == manager })
	if i < 0 {
		f.wasPutBack("u", []certificate.PutBack{{Conflict: duration}}, f.now)
		return "put back"
	}
	duration.Rounds = fights[i].Rounds
	next := f.left(certificate.Decision{Guard: certificate.Guard{UID: "u"}, Yielded: []certificate.Conflict{duration}}, f.now)
	return fmt.Sprintf("%d rounds, left for %s", duration.Rounds, next)
}

// A field that the same manager takes three times in ten minutes is left to them for ten minutes. Each time
// that it is taken again after it was tried, the pause doubles, up to a day; after as long a time of peace the next
// change is the first again.
func TestAFieldThatIsTakenAgainAndAgainIsLeft(t *testing.T) {
	const a, b = "kubectl-edit", "manager"
	type step struct {
		after   time.Duration
		manager string
		want    string
	}
	threeTimes := []step{{0, a, "put back"}, {time.Minute, a, "put back"}, {time.Minute, a, "3 rounds, left for 10m0s"}}
	for name, steps := range map[string][]step{
		"looked at again during the pause": append(slices.Clone(threeTimes), step{4 * time.Minute, a, "3 rounds, left for 6m0s"}),
		"taken again after it was tried": append(slices.Clone(threeTimes),
			step{10 * time.Minute, a, "put back"}, step{time.Second, a, "4 rounds, left for 20m0s"},
			step{20 * time.Minute, a, "put back"}, step{time.Second, a, "5 rounds, left for 40m0s"},
			step{41 * time.Minute, a, "put back"}, step{time.Second, a, "6 rounds, left for 1h20m0s"},
			step{80 * time.Minute, a, "put back"}, step{time.Second, a, "7 rounds, left for 2h40m0s"},
			step{160 * time.Minute, a, "put back"}, step{time.Second, a, "8 rounds, left for 5h20m0s"},
			step{320 * time.Minute, a, "put back"}, step{time.Second, a, "9 rounds, left for 10h40m0s"},
			step{640 * time.Minute, a, "put back"}, step{time.Second, a, "10 rounds, left for 21h20m0s"},
			step{1280 * time.Minute, a, "put back"}, step{time.Second, a, "11 rounds, left for 24h0m0s"},
			step{24 * time.Hour, a, "put back"}, step{23 * time.Hour, a, "12 rounds, left for 24h0m0s"},
		),
		"peace after it was tried": append(slices.Clone(threeTimes),
			step{10 * time.Minute, a, "put back"}, step{11 * time.Minute, a, "put back"}, step{time.Minute, a, "put back"}, step{time.Minute, a, "3 rounds, left for 10m0s"}),
		"given up during the pause, and taken once more in it": append(slices.Clone(threeTimes), step{time.Minute, b, "put back"}, step{time.Minute, a, "3 rounds, left for 8m0s"}),
		"too slow for a fight":                                 {{0, a, "put back"}, {6 * time.Minute, a, "put back"}, {6 * time.Minute, a, "put back"}, {6 * time.Minute, a, "put back"}},
		"by turns": {
			{0, a, "put back"}, {time.Minute, b, "put back"}, {time.Minute, a, "put back"}, {time.Minute, b, "put back"},
			{time.Minute, a, "3 rounds, left for 10m0s"}, {time.Minute, b, "3 rounds, left for 10m0s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fought{disputes: newDisputes(Fights{}), now: noon}
			var got, want []string
			for _, s := range steps {
				f.now = f.now.Add(s.after)
				got, want = append(got, f.taken(s.manager)), append(want, s.want)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A fight is remembered as long as its pause lasts, while other disputes come and go.
func TestAFightOutlivesOtherDisputes(t *testing.T) {
	f := &fought{disputes: newDisputes(Fights{}), now: noon}
	for range 8 {
		for f.taken("kubectl-edit") == "put back" {
			f.now = f.now.Add(time.Second)
		}
		f.now = f.now.Add(f.of["u"].contests[certificate.Conflict{Field: ".spec.duration", Manager: "kubectl-edit", Operation: "Update"}].pause)
	}
	f.taken("kubectl-edit")
	want := f.taken("kubectl-edit")
	for i := range 2 * maxDisputes {
		f.now = f.now.Add(2 * time.Second)
		f.wasPutBack(fmt.Sprint(i), nil, f.now)
	}
	if _, left := f.of["u"]; !left {
		t.Fatalf("forgotten within %s, and was %s", 4*maxDisputes*time.Second, want)
	}
}
