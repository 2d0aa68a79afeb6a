package hangs

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/certshim/certshim/test/external"
)

// provider is a DNS provider with the API of acme-dns. It takes every record, and makes those of the subdomain shown alone.
type provider struct{ *httptest.Server }

const shown = "shown"

func startProvider(pebble *external.Pebble) *provider {
	return &provider{httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var update struct{ Subdomain, Txt string }
		err := json.NewDecoder(r.Body).Decode(&update)
		if err == nil && update.Subdomain == shown {
			err = pebble.SetTXT(r.Context(), "_acme-challenge."+shown+".example.com", update.Txt)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}))}
}

func TestDNS01NotPropagated(t *testing.T) {
	t.Parallel()
	account := func(name string) string {
		return fmt.Sprintf(`"%s.example.com": {"username": "u", "password": "p", "fulldomain": "%[1]s.acme-dns.example.com", "subdomain": "%[1]s", "allowfrom": []}`, name)
	}
	shared.Apply(t, works, fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: acme-dns}
stringData: {accounts.json: '{%s, %s}'}
`, account(shown), account("unshown"))+
		acme("by-dns", fmt.Sprintf("[{dns01: {acmeDNS: {host: %q, accountSecretRef: {name: acme-dns, key: accounts.json}}}}]", shared.provider.URL))+
		certificate(shown, "by-dns")+certificate("unshown", "by-dns"))
	e := hangsAt(t, works, "certificate/unshown", "DNS01NotPropagated",
		"not yet propagated", "dig +trace TXT _acme-challenge.unshown.example.com", "--dns01-recursive-nameservers-only")
	if e.says("WaitingForOrder") || e.says("ChallengeNotPresented") {
		t.Errorf("it isn't said to wait for the record alone:\n%s", e.text)
	}
	goesOn(t, works, "certificate/"+shown, "DNS01NotPropagated")
}
