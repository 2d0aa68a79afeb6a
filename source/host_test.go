package source_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/certshim/certshim/source"
)

func TestHosts(t *testing.T) {
	label := strings.Repeat("a", 63)
	long := strings.Repeat(label+".", 3) + strings.Repeat("a", 61)
	tests := map[string]string{
		"a":                  "",
		"a.example.com":      "",
		"*.example.com":      "",
		"a-1.example.com":    "",
		"A-1.Example.COM":    "upper-case letters",
		"*.Example.com":      "upper-case letters",
		"xn--bcher-kva.com":  "",
		"10.0.0.1":           "",
		"2001:DB8::1":        "",
		"010.0.0.1":          "", // no IP address for Go, but a DNS name
		label + ".com":       "",
		long:                 "",
		long + "a":           "longer than 253",
		label + "a.com":      "longer than 63",
		"":                   "empty label",
		"*.":                 "empty label",
		"a.example.com.":     "empty label",
		".a":                 "empty label",
		"-a.com":             "begins or ends with '-'",
		"a-.com":             "begins or ends with '-'",
		"*":                  "a character that a DNS name can't have",
		"a.*.com":            "a character that a DNS name can't have",
		"*a.com":             "a character that a DNS name can't have",
		"a_b.com":            "a character that a DNS name can't have",
		"bücher.com":         "a character that a DNS name can't have",
		"https://a.com":      "a character that a DNS name can't have",
		"a.com:443":          "a character that a DNS name can't have",
		"a.example.com\nb.c": "a character that a DNS name can't have",
	}
	for host, want := range tests {
		t.Run(host, func(t *testing.T) {
			asks := asksOf(t, source.IngressKind, fmt.Sprintf("tls: [{hosts: [%q], secretName: web-tls}]", host), source.Options{})
			got, ask := told(t, asks.Problems), asks.Asks[0]
			if want == "" {
				if len(got) > 0 || len(ask.Hosts) != 1 || ask.Hosts[0] != host {
					t.Errorf("refused: %v", got)
				}
				return
			}
			if len(got) != 1 || !strings.Contains(got[0], want) || len(ask.Hosts) > 0 || len(ask.Broken) != 1 {
				t.Errorf("hosts %v, problems %v, want %q", ask.Hosts, got, want)
			}
		})
	}
}
