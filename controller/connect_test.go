package controller

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
)

// A controller writes through its connection only while it holds the Lease, if it stands for
// election at all.
func TestWritesGoOutOnlyDuringTheTenure(t *testing.T) {
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"apiVersion":"cert-manager.io/v1","kind":"Certificate","metadata":{"name":"tls","resourceVersion":"8"}}`)
	}))
	defer server.Close()
	for name, row := range map[string]struct {
		tenure func() *tenure
		sent   bool
	}{
		"without election":       {func() *tenure { return nil }, true},
		"before it is elected":   {newTenure, false},
		"while it holds it":      {heldTenure, true},
		"after it has ended":     {func() *tenure { held := heldTenure(); held.cease(); return held }, false},
		"after it was cut short": {func() *tenure { held := heldTenure(); held.renew(readClocks(), -time.Second); return held }, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTestController(t, nil, func(config *Config) { config.KubernetesAPI.QPS = -1 })
			c.base, c.tenure = &rest.Config{Host: server.URL}, row.tenure()
			if err := c.connect(t.Context()); err != nil {
				t.Fatal(err)
			}
			before := requests.Load()
			err := c.writer.Delete(t.Context(), types.NamespacedName{Namespace: "shop", Name: "tls"}, certificate.Guard{UID: "u"})
			if sent := requests.Load() > before; sent != row.sent || errors.Is(err, cluster.ErrLeaseOver) == row.sent {
				t.Errorf("sent %v, %v", sent, err)
			}
		})
	}
}

func heldTenure() *tenure {
	held := newTenure()
	held.renew(readClocks(), time.Minute)
	return held
}
