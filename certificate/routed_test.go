package certificate_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/certshim/certshim/certificate"
)

// What names of routes go by is read of a Certificate that says that it has some, and its names count only while
// they are ours.
func TestRoutedIsObserved(t *testing.T) {
	object := func(manager, record string) map[string]any {
		metadata := map[string]any{
			"name": "web-tls", "namespace": "shop",
			"managedFields": []any{
				map[string]any{
					"manager": "certshim", "operation": "Apply", "apiVersion": "cert-manager.io/v1", "fieldsType": "FieldsV1", "time": "2026-11-27T10:00:00Z",
					"fieldsV1": map[string]any{"f:spec": map[string]any{"f:secretName": map[string]any{}}},
				},
				map[string]any{
					"manager": manager, "operation": "Apply", "apiVersion": "cert-manager.io/v1", "fieldsType": "FieldsV1", "time": "2026-11-27T11:00:00Z",
					"fieldsV1": map[string]any{"f:spec": map[string]any{"f:dnsNames": map[string]any{}}},
				},
			},
		}
		if manager == certificate.FieldManager {
			fields := metadata["managedFields"].([]any)
			metadata["managedFields"] = fields[1:]
		}
		if record != "" {
			metadata["annotations"] = map[string]any{certificate.RoutesKey: record}
		}
		return map[string]any{
			"metadata": metadata, "spec": map[string]any{"secretName": "web-tls", "dnsNames": []any{"a.example.com"}},
			"status": map[string]any{"renewalTime": "2026-12-27T10:00:00Z", "failedIssuanceAttempts": int64(1)},
		}
	}
	want := &certificate.Routed{
		Record: "{}", Names: []string{"a.example.com"}, Owned: true, Failing: true,
		Wrote: time.Date(2026, 11, 27, 11, 0, 0, 0, time.UTC), Renews: time.Date(2026, 12, 27, 10, 0, 0, 0, time.UTC),
	}
	if got := certificate.Observe(object("certshim", "{}")).Routed; !reflect.DeepEqual(got, want) {
		t.Errorf("observed %+v, want %+v", got, want)
	}
	want.Owned, want.Names, want.Wrote = false, nil, time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	if got := certificate.Observe(object("flux", "{}")).Routed; !reflect.DeepEqual(got, want) {
		t.Errorf("with names that somebody else applies: %+v, want %+v", got, want)
	}
	if got := certificate.Observe(object("certshim", "")).Routed; got != nil {
		t.Errorf("of one that says nothing: %+v", got)
	}
	if got := certificate.DecodeRouted(want.Encode()); !reflect.DeepEqual(got, want) {
		t.Errorf("packed and unpacked: %+v", got)
	}
}
