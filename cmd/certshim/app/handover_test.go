package app

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certshim/certshim/certificate"
)

// What changes a spec waits for its turn in the minute as well as in the second, and an end of the
// context ends all waiting. Time is that of the bubble.
func TestPaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, second, minute := time.Now(), limitOf(10, time.Second), limitOf(2, time.Minute)
		var at []time.Duration
		for _, turn := range [][]*rate.Limiter{{second}, {second}, {minute, second}, {minute, second}, {second}} {
			if err := wait(t.Context(), turn...); err != nil {
				t.Fatal(err)
			}
			at = append(at, time.Since(begin).Round(time.Millisecond))
		}
		const tenth = 100 * time.Millisecond
		want := []time.Duration{0, tenth, 2 * tenth, 30*time.Second + tenth, 30*time.Second + 2*tenth}
		if !slices.Equal(at, want) {
			t.Errorf("written at %v, want %v", at, want)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := wait(ctx, minute, second); err == nil {
			t.Error("it waits for a context that has ended")
		}
	})
}

// Only a Lease with a holder that has renewed it in time says that a controller is at work.
func TestLeaseIsHeld(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	who, nobody, lasts := "certshim-0", "", int32(15)
	renewed := func(ago time.Duration) *metav1.MicroTime { return &metav1.MicroTime{Time: now.Add(-ago)} }
	for name, row := range map[string]struct {
		spec coordinationv1.LeaseSpec
		want bool
	}{
		"held":               {coordinationv1.LeaseSpec{HolderIdentity: &who, RenewTime: renewed(10 * time.Second), LeaseDurationSeconds: &lasts}, true},
		"given back":         {coordinationv1.LeaseSpec{HolderIdentity: &nobody, RenewTime: renewed(time.Second), LeaseDurationSeconds: &lasts}, false},
		"expired":            {coordinationv1.LeaseSpec{HolderIdentity: &who, RenewTime: renewed(time.Minute), LeaseDurationSeconds: &lasts}, false},
		"never held":         {coordinationv1.LeaseSpec{}, false},
		"held for no time":   {coordinationv1.LeaseSpec{HolderIdentity: &who, RenewTime: renewed(0)}, false},
		"held but not since": {coordinationv1.LeaseSpec{HolderIdentity: &who, LeaseDurationSeconds: &lasts}, false},
	} {
		if got := holds(&coordinationv1.Lease{Spec: row.spec}, now); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A Certificate is written only as far as the table said.
func TestVerdictsGetWorse(t *testing.T) {
	for i, before := range adoptVerdicts() {
		for j, now := range adoptVerdicts() {
			if got := worse(now, before); got != (j > i) {
				t.Errorf("%s after %s is worse: %v", now, before, got)
			}
		}
	}
}

// What a decision comes to goes by what it changes.
func TestVerdictOfADecision(t *testing.T) {
	spec, labels := certificate.Change{Field: ".spec.usages"}, certificate.Change{Field: ".metadata.labels.a"}
	patch := []byte("[]")
	for name, row := range map[string]struct {
		d    certificate.Decision
		want adoptVerdict
	}{
		"up to date":                  {certificate.Decision{Action: certificate.None}, adoptSame},
		"ours, and it differs":        {certificate.Decision{Action: certificate.Apply, Changes: []certificate.Change{spec}, Reissue: certificate.ReissueYes}, adoptSame},
		"taken over":                  {certificate.Decision{Action: certificate.Apply, TakeOver: patch, Reissue: certificate.ReissueNo}, adoptMetadata},
		"with labels":                 {certificate.Decision{Action: certificate.Apply, TakeOver: patch, Changes: []certificate.Change{labels}, Reissue: certificate.ReissueNo}, adoptMetadata},
		"with a field":                {certificate.Decision{Action: certificate.Apply, TakeOver: patch, Changes: []certificate.Change{labels, spec}, Reissue: certificate.ReissueNo}, adoptChanges},
		"with a field that is signed": {certificate.Decision{Action: certificate.Apply, TakeOver: patch, Changes: []certificate.Change{spec}, Reissue: certificate.ReissueYes}, adoptReissue},
		"which can't be known":        {certificate.Decision{Action: certificate.Apply, TakeOver: patch, Changes: []certificate.Change{spec}, Reissue: certificate.ReissueUnknown}, adoptReissue},
		"another owner's":             {certificate.Decision{Action: certificate.Apply, Adopted: true, Changes: []certificate.Change{labels}, Reissue: certificate.ReissueNo}, adoptMetadata},
		"kept":                        {certificate.Decision{Action: certificate.Keep}, adoptRefused},
		"refused":                     {certificate.Decision{Action: certificate.Refuse}, adoptRefused},
		"waiting":                     {certificate.Decision{Action: certificate.Wait}, adoptRefused},
	} {
		if got := verdictOf(row.d); got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
	}
}
