package certificate_test

import (
	"strings"
	"testing"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/declaration/pages"
)

func TestCausesPageIsUpToDate(t *testing.T) {
	pages.AreUpToDate(t, "go generate ./certificate", "../docs", map[string]string{"causes.md": certificate.RenderCauses()})
}

// A reason is told with what it is about, and with what lies behind it.
func TestReasonInWords(t *testing.T) {
	for want, why := range map[string]certificate.Reason{
		"it is up to date":                        because(certificate.CauseUpToDate),
		"Certificate other writes Secret tls too": because(certificate.CauseOtherWriter, "other", "tls"),
		"Certificate tls exists and has no controller owner; no valid entry asks for it": behind(because(certificate.CauseNoOwner, "tls"), because(certificate.CauseNoValidEntry)),
		"it is no longer kept up to date: it is marked to be ignored":                    behind(because(certificate.CauseNotKept), because(certificate.CauseIgnored)),
	} {
		if got := why.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Codes are plain words, and each has something to say for people.
func TestCausesHaveWords(t *testing.T) {
	for _, c := range certificate.Causes() {
		if c == "" || strings.Trim(string(c), "abcdefghijklmnopqrstuvwxyz-") != "" {
			t.Errorf("%q isn't a code", c)
		}
		if c.Words() == "" || strings.Contains(c.Words(), "%") {
			t.Errorf("%s: %q", c, c.Words())
		}
	}
}
