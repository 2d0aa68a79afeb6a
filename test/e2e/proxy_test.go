package e2e

import (
	"net/http"
	"testing"

	"github.com/certshim/certshim/test/proxy"
)

// proxied puts a proxy before the API server until the end of the test. It calls before with
// every request, which may hold it back, and see with every answer; either may be nil. It gives
// the kubeconfig of certshim's ServiceAccount that leads through it.
func (d *deployed) proxied(t *testing.T, before func(*http.Request), see func(*http.Response) error) (kubeconfig string) {
	t.Helper()
	return proxy.Start(t, d.Config, d.kubeconfig, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if before != nil {
			before(request)
		}
		response, err := next.RoundTrip(request)
		if err == nil && see != nil {
			err = see(response)
		}
		return response, err
	})
}
