package main

import (
	"slices"
	"strings"
	"testing"
)

func TestSelectControllers(t *testing.T) {
	for _, c := range []struct {
		names     string
		namespace string
		has       []string
		hasNot    []string
	}{
		{"*", "", []string{"issuers", clusterIssuers, "certificaterequests-approver"}, []string{"ingress-shim", "orders"}},
		{"*,orders,-certificaterequests-approver", "", []string{"issuers", "orders"}, []string{"certificaterequests-approver"}},
		{"*", "shop", []string{"issuers"}, []string{clusterIssuers}},
		{"ingress-shim", "", []string{"ingress-shim"}, []string{"issuers"}},
	} {
		selected, err := selectControllers(strings.Split(c.names, ","), c.namespace)
		if err != nil {
			t.Errorf("%s: %v", c.names, err)
		}
		for _, name := range c.has {
			if !slices.Contains(selected, name) {
				t.Errorf("%s: %s isn't selected", c.names, name)
			}
		}
		for _, name := range c.hasNot {
			if slices.Contains(selected, name) {
				t.Errorf("%s: %s is selected", c.names, name)
			}
		}
	}
	for _, wrong := range []string{"ingres-shim", "*,-aprover", "orders,-orders"} {
		if selected, err := selectControllers(strings.Split(wrong, ","), ""); err == nil {
			t.Errorf("%s selects %v, want an error", wrong, selected)
		}
	}
}
