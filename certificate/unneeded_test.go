package certificate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/source"
)

func seen(t *testing.T, change func(map[string]any)) certificate.Observed {
	t.Helper()
	return certificate.Observe(liveOf(t, input(), change, ownOf(input(), "10:00")))
}

func notOurs(object map[string]any) {
	ownedBy(certificate.Owner{Group: "networking.k8s.io", Kind: "Ingress", Name: "web", UID: "old"})(object)
}

// A Certificate is deleted only if its controller reference names this very source.
func TestDecideUnneeded(t *testing.T) {
	object := input().Source
	tests := map[string]struct {
		object *source.Object
		change func(map[string]any)
		awaits string
		action certificate.Action
		reason certificate.Reason
	}{
		"ours":              {object, nil, "", certificate.Delete, because(certificate.CauseUnneeded)},
		"another is due":    {object, nil, "new-tls", certificate.Keep, because(certificate.CauseAwaitsOther, "new-tls")},
		"being deleted":     {object, deleting, "new-tls", certificate.Wait, because(certificate.CauseDeleting)},
		"an earlier source": {object, notOurs, "new-tls", certificate.Keep, because(certificate.CauseEarlierOwner, "web-tls", "Ingress", "old")},
		"our uid, but another kind": {
			object, ownedBy(certificate.Owner{Group: "networking.k8s.io", Kind: "Service", Name: "web", UID: "source-uid"}), "", certificate.Keep,
			because(certificate.CauseMisnamedOwner, "web-tls", "Service web"),
		},
		"nobody's": {
			object, func(o map[string]any) { delete(o["metadata"].(map[string]any), "ownerReferences") }, "", certificate.Keep,
			because(certificate.CauseNoOwner, "web-tls"),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := certificate.DecideUnneeded(certificate.Policy{}, tt.object, seen(t, tt.change), tt.awaits)
			if d.Action != tt.action || !same(d.Reason, tt.reason) || d.Name != "web-tls" || d.Namespace != "shop" || d.Reissue != certificate.ReissueNo {
				t.Errorf("%s/%s %s: %s", d.Namespace, d.Name, d.Action, d.Reason)
			}
			var guard certificate.Guard
			if tt.action == certificate.Delete {
				guard = certificate.Guard{UID: "certificate-uid", ResourceVersion: "7"}
			}
			if d.Guard != guard {
				t.Errorf("guarded by %+v", d.Guard)
			}
		})
	}
}

func TestNoLongerKept(t *testing.T) {
	object := input().Source
	why := because(certificate.CauseNoTrigger)
	d := certificate.NoLongerKept(object, seen(t, nil), why)
	if d.Action != certificate.Keep || !same(d.Reason, behind(because(certificate.CauseNotKept), why)) || d.Name != "web-tls" || d.Reissue != certificate.ReissueNo {
		t.Errorf("%s: %s", d.Action, d.Reason)
	}
	want := []string{`NoLongerKept w metadata.annotations: Certificate web-tls stays as it is and is no longer kept up to date: it names no issuer: no trigger annotation (value "web-tls")`}
	if diff := cmp.Diff(want, told(d.Problems)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for name, change := range map[string]func(map[string]any){"not ours": notOurs, "being deleted": deleting} {
		if d := certificate.NoLongerKept(object, seen(t, change), why); d.Action != certificate.Keep || !d.Problems.Empty() {
			t.Errorf("%s: %s, %v", name, d.Action, d.Problems.All())
		}
	}
}

func TestRefused(t *testing.T) {
	object, ask := input().Source, input().Ask
	tests := map[string]struct {
		change func(map[string]any)
		action certificate.Action
		reason certificate.Reason
	}{
		"ours stays":         {nil, certificate.Keep, because(certificate.CauseIssuerUnknown)},
		"being deleted":      {deleting, certificate.Wait, because(certificate.CauseDeleting)},
		"a stranger's stays": {notOurs, certificate.Refuse, because(certificate.CauseEarlierOwner, "web-tls", "Ingress", "old")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			existing := seen(t, tt.change)
			d := certificate.Refused(object, ask, &existing, because(certificate.CauseIssuerUnknown))
			if d.Action != tt.action || !same(d.Reason, tt.reason) || d.Name != "web-tls" || !d.Problems.Empty() || d.Config != nil {
				t.Errorf("%s: %s", d.Action, d.Reason)
			}
		})
	}
	d := certificate.Refused(object, ask, nil, because(certificate.CauseIssuerUnknown))
	if d.Action != certificate.Refuse || !same(d.Reason, because(certificate.CauseIssuerUnknown)) || d.Name != "web-tls" || d.Namespace != "shop" || d.Reissue != certificate.ReissueNo {
		t.Errorf("%s/%s %s: %s", d.Namespace, d.Name, d.Action, d.Reason)
	}
}

// The live object takes precedence in these three, too.
func TestLiveWinsForWhatIsUnneeded(t *testing.T) {
	stale := seen(t, nil)
	stale.Live = liveOf(t, input(), notOurs)
	if d := certificate.DecideUnneeded(certificate.Policy{}, input().Source, stale, ""); d.Action != certificate.Keep {
		t.Errorf("%s: %s", d.Action, d.Reason)
	}
	if d := certificate.NoLongerKept(input().Source, stale, because(certificate.CauseIgnored)); !d.Problems.Empty() {
		t.Errorf("problems %v", d.Problems.All())
	}
	if d := certificate.Refused(input().Source, input().Ask, &stale, because(certificate.CauseIssuerUnknown)); d.Action != certificate.Refuse {
		t.Errorf("%s: %s", d.Action, d.Reason)
	}
}

// While something isn't known, an existing Certificate is kept, and none is created.
func TestUndecided(t *testing.T) {
	object, ask, existing := input().Source, input().Ask, seen(t, nil)
	why := because(certificate.CauseParentUnread, "Gateway edge")
	if d := certificate.Undecided(object, ask, nil, why); d.Action != certificate.Wait || !same(d.Reason, why) || d.Name != "web-tls" {
		t.Errorf("a new one: %s: %s", d.Action, d.Reason)
	}
	if d := certificate.Undecided(object, ask, &existing, why); d.Action != certificate.Keep || !same(d.Reason, why) {
		t.Errorf("one that exists: %s: %s", d.Action, d.Reason)
	}
}
