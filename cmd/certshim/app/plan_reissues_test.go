package app

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
)

func TestNewCertificatesAreCountedByIssuer(t *testing.T) {
	issuer := func(kind, name string) resolver.Issuer {
		return resolver.Issuer{Ref: resolver.Ref{Group: resolver.CertManagerGroup, Kind: kind, Name: name}}
	}
	team, corp := issuer("Issuer", "team"), issuer("ClusterIssuer", "corp")
	all := reissues{}
	if got := all.line(10); got != "" {
		t.Errorf("for none it says %q", got)
	}
	for _, c := range []struct {
		certificate.Decision
		issuer resolver.Issuer
	}{
		{certificate.Decision{Action: certificate.Create, Reissue: certificate.ReissueUnknown}, team},
		{certificate.Decision{Action: certificate.None, Reissue: certificate.ReissueNo}, team},
		{certificate.Decision{Action: certificate.Apply, Reissue: certificate.ReissueNo, Paced: true}, team},
		{certificate.Decision{Action: certificate.Apply, Reissue: certificate.ReissueYes}, team},
		{certificate.Decision{Action: certificate.Apply, Reissue: certificate.ReissueYes, Paced: true}, corp},
		{certificate.Decision{Action: certificate.Apply, Reissue: certificate.ReissueYes, Continues: true}, corp},
		{certificate.Decision{Action: certificate.Apply, Reissue: certificate.ReissueUnknown}, corp},
		{certificate.Decision{Action: certificate.Keep, Reason: certificate.Because(certificate.CauseChangesHeld, "x")}, team},
	} {
		all.add(c.Decision, c.issuer)
	}
	want := []reissuesBy{
		{Group: resolver.CertManagerGroup, Kind: "ClusterIssuer", Name: "corp", Certificates: 2, Unknown: 1, Paced: 2},
		{Group: resolver.CertManagerGroup, Kind: "Issuer", Name: "team", Certificates: 1, Held: 1},
	}
	if diff := cmp.Diff(want, all.sorted()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	const says = "new certificates by issuer: ClusterIssuer/corp 2 and perhaps 1 more; Issuer/team 1, 1 held; 2 of them at takeover.changesPerMinute, which is 10"
	if got := all.line(10); got != says {
		t.Errorf("it says\n%s\nwant\n%s", got, says)
	}
}
