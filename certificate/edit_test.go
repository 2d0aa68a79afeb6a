package certificate_test

import (
	"testing"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
)

// noDuration takes away what leads to no new certificate.
func noDuration(live map[string]any) { delete(live["spec"].(map[string]any), "duration") }

// A new certificate that no edit of the source caused waits for its turn, or stays out where no change
// is allowed. One that an edit caused doesn't, nor does a change without a new certificate, nor what
// puts back somebody's edit of the Certificate, nor what an operator adopts.
func TestOnlyAnEditOfTheSourceLeadsToANewCertificateAtOnce(t *testing.T) {
	in := input(withDuration)
	names := set("dnsNames", []any{"old.example.com"})
	for name, tt := range map[string]struct {
		change  func(map[string]any)
		edit    certificate.Edit
		flags   certificate.Flags
		adopted bool
		paced   bool
	}{
		"nobody edited it":                    {change: names, edit: certificate.EditNone, flags: certificate.Settled, paced: true},
		"nobody did, at first sight":          {change: names, edit: certificate.EditNone, paced: true},
		"it was edited":                       {change: names, edit: certificate.EditSeen, flags: certificate.Settled},
		"perhaps, while nobody looked":        {change: names, edit: certificate.EditPossible},
		"the same certificate serves":         {change: noDuration, edit: certificate.EditNone, flags: certificate.Settled},
		"somebody changed what we own":        {change: names, edit: certificate.EditNone, flags: certificate.Settled | certificate.Disturbed},
		"an operator adopts it by his choice": {change: names, edit: certificate.EditNone, adopted: true},
	} {
		for _, hold := range []bool{false, true} {
			asked := in
			asked.Edit, asked.Policy.HoldPaced = tt.edit, hold
			if tt.adopted {
				asked.Policy.Adoption = &certificate.Adoption{}
			}
			live := liveOf(t, in, tt.change, ownOf(in, "10:00"))
			asked.Existing = &certificate.Observed{Live: live, Flags: tt.flags}
			d := certificate.Decide(asked)
			want, held := certificate.Apply, hold && tt.paced
			if held {
				want = certificate.Keep
			}
			if d.Action != want || d.Paced != (tt.paced && !hold) || held && !hasReason(d.Problems, problem.ChangesHeld) {
				t.Errorf("%s, held %v: %s, paced %v, reissue %s: %s", name, hold, d.Action, d.Paced, d.Reissue, d.Reason)
			}
		}
	}
}

// Whether a new certificate follows can be told by the live Certificate alone, which is read for that.
func TestWhatNobodyEditedIsReadBeforeItChanges(t *testing.T) {
	in := input(withDuration)
	live := liveOf(t, in, set("dnsNames", []any{"old.example.com"}), ownOf(in, "10:00"))
	for edit, want := range map[certificate.Edit]bool{certificate.EditNone: true, certificate.EditSeen: false, certificate.EditPossible: false} {
		seen := certificate.Observe(live)
		asked := in
		asked.Edit, asked.Existing = edit, &seen
		if d := certificate.Decide(asked); d.NeedsLive != want {
			t.Errorf("edit %d: %s, needs live %v, want %v", edit, d.Action, d.NeedsLive, want)
		}
	}
}

// An edit ends the wait of what a shim had ignored, unless no change at all is allowed.
func TestAnEditEndsTheWaitOfATakeOver(t *testing.T) {
	in := input(withDuration)
	live := liveOf(t, in, set("duration", "3h0m0s"), entryOf(shim, "Update", "10:00", in, shimContainers...))
	for edit, paced := range map[certificate.Edit]bool{certificate.EditPossible: true, certificate.EditNone: true, certificate.EditSeen: false} {
		asked := in
		asked.Edit, asked.Existing = edit, &certificate.Observed{Live: live}
		if d := certificate.Decide(asked); d.Action != certificate.Apply || d.Paced != paced {
			t.Errorf("edit %d: %s, paced %v", edit, d.Action, d.Paced)
		}
		asked.Policy.HoldPaced = true
		if d := certificate.Decide(asked); d.Action != certificate.Keep {
			t.Errorf("edit %d, held: %s", edit, d.Action)
		}
	}
}

func hasReason(problems problem.List, reason problem.Reason) bool {
	for _, p := range problems.All() {
		if p.Reason == reason {
			return true
		}
	}
	return false
}

// A new certificate is confirmed by the source as it is now where somebody else may have seen a newer one: what this process has
// written itself and nobody has changed, and what leads to no new certificate, isn't.
func TestWhatMayBeLateIsToBeConfirmed(t *testing.T) {
	in := input(withDuration)
	names := set("dnsNames", []any{"old.example.com"})
	for name, tt := range map[string]struct {
		change  func(map[string]any)
		flags   certificate.Flags
		confirm bool
	}{
		"another process wrote it":          {names, 0, true},
		"found as it was wanted":            {names, certificate.Settled, true},
		"this process wrote it":             {names, certificate.TakenOver, false},
		"and somebody changed it since":     {names, certificate.TakenOver | certificate.Disturbed, true},
		"the same certificate serves":       {noDuration, 0, false},
		"the same serves, though disturbed": {noDuration, certificate.TakenOver | certificate.Disturbed, false},
	} {
		asked := in
		asked.Edit = certificate.EditSeen
		asked.Existing = &certificate.Observed{Live: liveOf(t, in, tt.change, ownOf(in, "10:00")), Flags: tt.flags}
		if d := certificate.Decide(asked); d.Action != certificate.Apply || d.Confirm != tt.confirm {
			t.Errorf("%s: %s, to be confirmed %v", name, d.Action, d.Confirm)
		}
	}
	for _, fulfilled := range []bool{false, true} {
		asked := in
		asked.MayHaveBeenFulfilled = fulfilled
		if d := certificate.Decide(asked); d.Action != certificate.Create || d.Confirm != fulfilled {
			t.Errorf("it isn't there, and the source had all it asked for before, %v: %s, to be confirmed %v", fulfilled, d.Action, d.Confirm)
		}
	}
}
