package annotations

import (
	"slices"
	"testing"
)

// Every key that is read sets the field given in its row of the table.
func TestSourcesOfEveryKey(t *testing.T) {
	p := NewParser(Options{})
	for _, row := range Table() {
		if row.parse == nil || row.Field == FieldNone || row.Example == "" {
			continue
		}
		if got := p.Sources(map[string]string{row.Key: row.Example})[row.Field]; !slices.Equal(got, []string{row.Key}) {
			t.Errorf("%s sets %s by %v", row.Key, row.Field, got)
		}
	}
}

func TestSources(t *testing.T) {
	got := NewParser(Options{}).Sources(map[string]string{
		"cert-manager.io/alt-names": "a.example.com,10.0.0.1", "cert-manager.io/ip-sans": "10.0.0.2",
		"cert-manager.io/duration": "90d", "cert-manager.io/usages": " ", "example.com/x": "y",
	})
	want := map[Field][]string{
		FieldDNSNames:    {"cert-manager.io/alt-names"},
		FieldIPAddresses: {"cert-manager.io/alt-names", "cert-manager.io/ip-sans"},
	}
	if len(got) != len(want) || !slices.Equal(got[FieldDNSNames], want[FieldDNSNames]) || !slices.Equal(got[FieldIPAddresses], want[FieldIPAddresses]) {
		t.Errorf("got %v", got)
	}
}
