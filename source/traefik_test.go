package source

import (
	"slices"
	"strings"
	"testing"
)

func TestTraefikHosts(t *testing.T) {
	for rule, want := range map[string][]string{
		"Host(`a.example.com`)":                                              {"a.example.com"},
		"host(`a.example.com`)":                                              {"a.example.com"},
		"Host(`a.example.com`, `b.example.com`)":                             {"a.example.com", "b.example.com"},
		"Host(`a.example.com`) || Host(`b.example.com`)":                     {"a.example.com", "b.example.com"},
		"Host(`a.example.com`) && PathPrefix(`/x`) && Host(`a.example.com`)": {"a.example.com"},
		"!Host(`a.example.com`) && Host(`b.example.com`)":                    {"b.example.com"},
		"!!Host(`a.example.com`)":                                            {"a.example.com"},
		"!(Host(`a.example.com`) || !Host(`b.example.com`))":                 {"b.example.com"},
		"(Host(`a.example.com`))&&(Path(`/`)||Path(`/x`))":                   {"a.example.com"},
		"HostSNI(`*`)":                                 nil,
		"HostSNI(`pg.example.com`)":                    {"pg.example.com"},
		"HostRegexp(`^.+\\.example\\.com$`)":           nil,
		"Path(`Host(`) && Host(`a.example.com`)":       {"a.example.com"},
		`Host("a.example.com") && Header("x", "a\"b")`: {"a.example.com"},
		"ClientIP(`10.0.0.0/8`, `::1`)":                nil,
		"Host()":                                       nil,
		"":                                             nil,
		" \n ":                                         nil,
	} {
		got, err := traefikHosts(rule)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v; want %q", rule, got, err, want)
		}
	}
}

func TestRulesThatTraefikDoesNotRead(t *testing.T) {
	for rule, want := range map[string]string{
		"Host(`a`":                    "the rule has its end at character 9, must have , or ) there",
		"Host(`a":                     "the rule has its end at character 8, must have the closing quote there",
		"Host(a)":                     `the rule has "a)" at character 6, must have an argument in back quotes there`,
		"Host(`a`) Host(`b`)":         "must have && or || there",
		"Host(`a`) &&":                "must have a matcher, such as Host(`shop.example.com`) there",
		"(Host(`a`)":                  "must have ) there",
		"Host":                        "must have a matcher",
		"Host(`a`))":                  "must have && or || there",
		strings.Repeat("(", 70) + "x": "the rule has more than 64 brackets in one another",
		strings.Repeat("x", 20_000):   "the rule has 20000 bytes, must be at most 16384",
	} {
		if got, err := traefikHosts(rule); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30s: got %q, %v; want %s", rule, got, err, want)
		}
	}
}

func FuzzTraefikHosts(f *testing.F) {
	for _, rule := range []string{"Host(`a.example.com`) && !(Host(`b`) || Path(`/`))", `HostSNI("*")`, "!!((", "Host(`a`, `b`)"} {
		f.Add(rule)
	}
	f.Fuzz(func(t *testing.T, rule string) {
		hosts, err := traefikHosts(rule)
		if err != nil && hosts != nil {
			t.Errorf("hosts %q beside the error %v", hosts, err)
		}
		for _, host := range hosts {
			if !strings.Contains(strings.ReplaceAll(rule, `\`, ""), strings.ReplaceAll(host, `\`, "")) {
				t.Errorf("%q isn't in the rule", host)
			}
		}
	})
}
