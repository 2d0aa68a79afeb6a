package source_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// decode reads a manifest of which a test writes the spec alone.
func decode(t *testing.T, kind, spec string) *unstructured.Unstructured {
	t.Helper()
	group := source.GatewayGroup
	if kind == source.IngressKind {
		group = source.IngressGroup
	}
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte("spec:\n"+indent(spec)), &u.Object); err != nil {
		t.Fatalf("the test's own manifest: %v", err)
	}
	u.SetAPIVersion(group + "/v1")
	u.SetKind(kind)
	u.SetNamespace("shop")
	u.SetName("web")
	return u
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}

func reduce(t *testing.T, u *unstructured.Unstructured) *source.Object {
	t.Helper()
	kind, known := source.Builtin().Lookup(u.GroupVersionKind().Group, u.GetKind())
	if !known {
		t.Fatalf("no kind of source: %s", u.GroupVersionKind())
	}
	object, err := kind.Reduce(u)
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func asksOf(t *testing.T, kind, spec string, options source.Options) source.Asks {
	t.Helper()
	object := reduce(t, decode(t, kind, spec))
	found, _ := source.Builtin().Lookup(object.Group, object.Kind)
	return found.Asks(object, options)
}

// lines writes asks as people read them: one line a Secret with its hosts, the entries
// behind it, and those that are broken.
func lines(asks source.Asks) []string {
	var out []string
	for _, ask := range asks.Asks {
		line := shown(ask.Namespace, ask.Secret) + ": " + strings.Join(ask.Hosts, " ")
		for _, entry := range ask.Entries {
			line += " <" + strings.TrimPrefix(entry.Path, "spec.")
		}
		for _, entry := range ask.Broken {
			line += " !" + strings.TrimPrefix(entry.Path, "spec.")
		}
		out = append(out, line)
	}
	return out
}

// shown is a Secret by name, with its namespace if that isn't the object's.
func shown(namespace, name string) string {
	if namespace == "" || namespace == "shop" {
		return name
	}
	return namespace + "/" + name
}

// told writes problems as the severity's first letter and what [problem.Problem.Error]
// says. They all have one reason.
func told(t *testing.T, problems problem.List) []string {
	t.Helper()
	var out []string
	for _, p := range problems.All() {
		out = append(out, string(p.Severity[0])+" "+p.Error())
		if p.Reason != problem.BadConfig {
			t.Errorf("reason %q of %v", p.Reason, p)
		}
	}
	return out
}

type asksTest struct {
	spec    string
	options source.Options
	want    []string
	// named are the Secrets that may not be deleted; empty means those of want.
	named    []string
	entries  int
	problems []string
}

func (tt asksTest) run(t *testing.T, kind string) {
	asks := asksOf(t, kind, tt.spec, tt.options)
	if diff := cmp.Diff(tt.want, lines(asks)); diff != "" {
		t.Errorf("asks (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(tt.problems, told(t, asks.Problems)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if tt.named == nil {
		for _, line := range tt.want {
			name, _, _ := strings.Cut(line, ":")
			tt.named = append(tt.named, name)
		}
	}
	slices.Sort(tt.named)
	var got []string
	for at := range asks.Named {
		got = append(got, shown(at.Namespace, at.Name))
	}
	if slices.Sort(got); !slices.Equal(got, tt.named) {
		t.Errorf("named %v, want %v", got, tt.named)
	}
	if asks.TLSEntries != tt.entries {
		t.Errorf("%d TLS entries, want %d", asks.TLSEntries, tt.entries)
	}
}

func TestIngressAsks(t *testing.T) {
	tests := map[string]asksTest{
		"one entry": {
			spec: `tls: [{hosts: [a.example.com, b.example.com], secretName: web-tls}]`,
			want: []string{"web-tls: a.example.com b.example.com <tls[0]"}, entries: 1,
		},
		"no tls at all": {spec: `rules: [{host: a.example.com}]`, named: []string{}},
		"two entries on one Secret are one ask with both entries' hosts": {
			spec: `
tls:
- {hosts: [b.example.com, a.example.com], secretName: web-tls}
- {hosts: [other.example.com], secretName: other-tls}
- {hosts: [a.example.com, c.example.com], secretName: web-tls}`,
			want: []string{
				"web-tls: b.example.com a.example.com c.example.com <tls[0] <tls[2]",
				"other-tls: other.example.com <tls[1]",
			}, entries: 3,
		},
		"a host of two Secrets is asked for twice": {
			spec: `tls: [{hosts: [a.example.com], secretName: one}, {hosts: [a.example.com], secretName: two}]`,
			want: []string{"one: a.example.com <tls[0]", "two: a.example.com <tls[1]"}, entries: 2,
		},
		"a host is asked for once, in the spelling that comes first": {
			spec: `tls: [{hosts: [a.example.com, b.example.com, a.example.com, "10.0.0.1", "::ffff:10.0.0.1", "::01", "::1"], secretName: web-tls}]`,
			want: []string{"web-tls: a.example.com b.example.com 10.0.0.1 ::01 <tls[0]"}, entries: 1,
		},
		"upper case is refused, with the lower-case form": {
			spec: `tls: [{hosts: [Shop.Example.COM, a.example.com], secretName: web-tls}]`,
			want: []string{"web-tls: a.example.com !tls[0]"}, entries: 1,
			problems: []string{`e spec.tls[0].hosts[0]: the host has upper-case letters, which the API server refuses (value "Shop.Example.COM"); allowed: an IP address, or a DNS name that may begin with *.; did you mean "shop.example.com"?`},
		},
		"the host in a URL is suggested": {
			spec: `tls: [{hosts: ["https://Shop.example.com/", "shop.example.com:8443", "shop.example.com."], secretName: web-tls}]`,
			want: []string{"web-tls:  !tls[0]"}, entries: 1,
			problems: []string{
				`e spec.tls[0].hosts[0]: the host has a character that a DNS name can't have (value "https://Shop.example.com/"); allowed: an IP address, or a DNS name that may begin with *.; did you mean "shop.example.com"?`,
				`e spec.tls[0].hosts[1]: the host has a character that a DNS name can't have (value "shop.example.com:8443"); allowed: an IP address, or a DNS name that may begin with *.; did you mean "shop.example.com"?`,
				`e spec.tls[0].hosts[2]: the host has an empty label (value "shop.example.com."); allowed: an IP address, or a DNS name that may begin with *.; did you mean "shop.example.com"?`,
			},
		},
		"a bad Secret name and a bad host are both reported": {
			spec: `tls: [{hosts: ["a_b.example.com", c.example.com], secretName: A_B}]`, named: []string{"A_B"}, entries: 1,
			problems: []string{
				`e spec.tls[0].hosts[0]: the host has a character that a DNS name can't have (value "a_b.example.com"); allowed: an IP address, or a DNS name that may begin with *.`,
				`e spec.tls[0].secretName: it isn't the name of a Secret (value "A_B"); allowed: lower-case letters, digits, '-' and '.', at most 253`,
			},
		},
		"a bad host of an entry without a Secret": {
			spec: `tls: [{hosts: [a..b]}]`, named: []string{}, entries: 1,
			problems: []string{
				`e spec.tls[0].hosts[0]: the host has an empty label (value "a..b"); allowed: an IP address, or a DNS name that may begin with *.`,
				`w spec.tls[0].secretName: the TLS entry names no Secret: it gets no certificate of its own`,
			},
		},
		"an entry that is left out has no problems": {
			spec: `tls: [{hosts: [A..B], secretName: web-tls}]`, options: source.Options{IgnoreSecrets: []string{"web-tls"}},
			want: []string{"web-tls: "}, entries: 1,
		},
		"white space is trimmed": {
			spec: `tls: [{hosts: [" a.example.com "], secretName: " web-tls "}]`,
			want: []string{"web-tls: a.example.com <tls[0]"}, entries: 1,
		},
		"an entry without hosts keeps its Secret named": {
			spec: `tls: [{secretName: bare-tls}, {hosts: [a.example.com], secretName: web-tls}]`,
			want: []string{
				"bare-tls:  !tls[0]",
				"web-tls: a.example.com <tls[1]",
			}, entries: 2,
			problems: []string{"w spec.tls[0].hosts: the TLS entry has no hosts: it gets no certificate, and one that exists keeps its names"},
		},
		"an entry without a Secret gets none, and leaves the others alone": {
			spec:    `tls: [{hosts: [b.example.com]}, {hosts: [c.example.com]}, {hosts: [a.example.com], secretName: web-tls}]`,
			want:    []string{"web-tls: a.example.com <tls[2]"},
			entries: 3,
			problems: []string{
				"w spec.tls[0].secretName: the TLS entry names no Secret: it gets no certificate of its own",
				"w spec.tls[1].secretName: the TLS entry names no Secret: it gets no certificate of its own",
			},
		},
		"an empty entry": {
			spec: `tls: [{}]`, named: []string{}, entries: 1,
			problems: []string{"w spec.tls[0]: the TLS entry names neither hosts nor a Secret: it asks for nothing"},
		},
		"a bad Secret name costs its own entry": {
			spec: `tls: [{hosts: [b.example.com], secretName: Web_TLS}, {hosts: [a.example.com], secretName: web-tls}]`,
			want: []string{"web-tls: a.example.com <tls[1]"}, named: []string{"Web_TLS", "web-tls"}, entries: 2,
			problems: []string{`e spec.tls[0].secretName: it isn't the name of a Secret (value "Web_TLS"); allowed: lower-case letters, digits, '-' and '.', at most 253`},
		},
		"a bad host costs itself, and marks the entry": {
			spec: `tls: [{hosts: [a.example.com, "b c", d.example.com], secretName: web-tls}]`,
			want: []string{"web-tls: a.example.com d.example.com !tls[0]"}, entries: 1,
			problems: []string{`e spec.tls[0].hosts[1]: the host has a character that a DNS name can't have (value "b c"); allowed: an IP address, or a DNS name that may begin with *.`},
		},
		"one entry of a Secret is broken, the other is valid": {
			spec: `tls: [{hosts: [a.example.com], secretName: web-tls}, {hosts: ["*"], secretName: web-tls}]`,
			want: []string{"web-tls: a.example.com <tls[0] !tls[1]"}, entries: 2,
			problems: []string{`e spec.tls[1].hosts[0]: the host has a character that a DNS name can't have: * stands in place of the whole first label alone (value "*"); allowed: an IP address, or a DNS name that may begin with *.`},
		},
		"a Secret that is left out stays named": {
			spec:    `tls: [{hosts: [a.example.com], secretName: web-tls}, {secretName: bare-tls}]`,
			options: source.Options{IgnoreSecrets: []string{"web-tls", "bare-tls"}},
			want:    []string{"web-tls: ", "bare-tls: "},
			entries: 2,
		},
		"what an ignore annotation doesn't find": {
			spec:    `tls: [{hosts: [a.example.com], secretName: web-tls}]`,
			options: source.Options{IgnoreSections: []string{"web-tls2"}, IgnoreSecrets: []string{"web-tls2"}},
			want:    []string{"web-tls: a.example.com <tls[0]"}, entries: 1,
			problems: []string{`w an ignore annotation names no listener and no Secret of this object (value "web-tls2"); allowed: web-tls`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { tt.run(t, source.IngressKind) })
	}
}

func TestListenerAsks(t *testing.T) {
	const listener = `{name: %s, hostname: %s, protocol: HTTPS, tls: {certificateRefs: [{name: %s}]}}`
	tests := map[string]asksTest{
		"one listener": {
			spec: `listeners: [{name: a, hostname: a.example.com, protocol: HTTPS, tls: {mode: Terminate, certificateRefs: [{group: "", kind: Secret, name: web-tls}]}}]`,
			want: []string{"web-tls: a.example.com <listeners[0]"}, entries: 1,
		},
		"what the API server would have filled in": {
			spec: `listeners: [{name: a, hostname: "*.example.com", protocol: TLS, tls: {certificateRefs: [{name: web-tls}]}}]`,
			want: []string{"web-tls: *.example.com <listeners[0]"}, entries: 1,
		},
		"the core group and the own namespace, spelt out": {
			spec: `listeners: [{name: a, hostname: a.example.com, protocol: HTTPS, tls: {certificateRefs: [{group: core, kind: "", namespace: shop, name: web-tls}]}}]`,
			want: []string{"web-tls: a.example.com <listeners[0]"}, entries: 1,
		},
		"several listeners on one Secret, and one on several": {
			spec: `
listeners:
- {name: a, hostname: b.example.com, protocol: HTTPS, tls: {certificateRefs: [{name: one}, {name: two}, {name: one}]}}
- ` + fmt.Sprintf(listener, "b", "a.example.com", "one") + `
- ` + fmt.Sprintf(listener, "c", "b.example.com", "one"),
			want: []string{
				"one: b.example.com a.example.com <listeners[0] <listeners[1] <listeners[2]",
				"two: b.example.com <listeners[0]",
			}, entries: 3,
		},
		"listeners that don't terminate TLS keep their Secret named": {
			spec: `
listeners:
- {name: http, hostname: a.example.com, protocol: HTTP}
- {name: https, hostname: a.example.com, protocol: https, tls: {certificateRefs: [{name: one}]}}
- {name: pass, hostname: a.example.com, protocol: TLS, tls: {mode: Passthrough, certificateRefs: [{name: two}]}}
- {name: extra, hostname: a.example.com, protocol: example.com/TLS, tls: {certificateRefs: [{name: three}]}}`,
			want: []string{
				"one: ",
				"two: ",
				"three: ",
			},
			problems: []string{
				`w spec.listeners[1].protocol: the listener "https" names a Secret, but its protocol isn't one of TLS: it gets no certificate (value "https"); allowed: HTTPS, TLS; did you mean "HTTPS"?`,
				`w spec.listeners[3].protocol: the listener "extra" names a Secret, but its protocol isn't one of TLS: it gets no certificate (value "example.com/TLS"); allowed: HTTPS, TLS`,
			},
		},
		"an extra protocol is one that is allowed": {
			spec:    `listeners: [{name: a, hostname: a.example.com, protocol: example.com/tls, tls: {certificateRefs: [{name: one}]}}]`,
			options: source.Options{ExtraProtocols: []string{"example.com/TLS"}},
			want:    []string{"one: "},
			problems: []string{
				`w spec.listeners[0].protocol: the listener "a" names a Secret, but its protocol isn't one of TLS: it gets no certificate (value "example.com/tls"); allowed: HTTPS, TLS, example.com/TLS; did you mean "example.com/TLS"?`,
			},
		},
		"a listener of another protocol that is left out": {
			spec:    `listeners: [{name: a, hostname: a.example.com, protocol: Https, tls: {certificateRefs: [{name: one}]}}]`,
			options: source.Options{IgnoreSections: []string{"a"}}, want: []string{"one: "},
		},
		"every bad part of a listener is reported": {
			spec:  `listeners: [{name: a, hostname: A.example.com, protocol: HTTPS, tls: {mode: terminate, certificateRefs: [{name: A_B, group: v1, kind: secret, namespace: other}]}}]`,
			named: []string{"other/A_B"}, entries: 1,
			problems: []string{
				`e spec.listeners[0].hostname: the host has upper-case letters, which the API server refuses (value "A.example.com"); allowed: an IP address, or a DNS name that may begin with *.; did you mean "a.example.com"?`,
				`e spec.listeners[0].tls.certificateRefs[0].group: only a Secret can be referenced (value "v1"); allowed: "" (the core group)`,
				`e spec.listeners[0].tls.certificateRefs[0].kind: only a Secret can be referenced (value "secret"); allowed: Secret; did you mean "Secret"?`,
				`e spec.listeners[0].tls.certificateRefs[0].name: it isn't the name of a Secret (value "A_B"); allowed: lower-case letters, digits, '-' and '.', at most 253`,
				`e spec.listeners[0].tls.certificateRefs[0].namespace: the Secret is in another namespace; only Secrets of the object's own namespace are kept, whatever a ReferenceGrant allows (value "other")`,
				`e spec.listeners[0].tls.mode: the listener "a" has an unknown mode (value "terminate"); allowed: Terminate, Passthrough; did you mean "Terminate"?`,
			},
		},
		"an extra protocol counts": {
			spec:    `listeners: [{name: extra, hostname: a.example.com, protocol: example.com/TLS, tls: {certificateRefs: [{name: web-tls}]}}]`,
			options: source.Options{ExtraProtocols: []string{"example.com/TLS"}},
			want:    []string{"web-tls: a.example.com <listeners[0]"}, entries: 1,
		},
		"a Secret of one listener that counts and one that doesn't shrinks to the first": {
			spec: `
listeners:
- {name: pass, hostname: b.example.com, protocol: TLS, tls: {mode: Passthrough, certificateRefs: [{name: web-tls}]}}
- ` + fmt.Sprintf(listener, "a", "a.example.com", "web-tls"),
			want: []string{"web-tls: a.example.com <listeners[1]"}, entries: 1,
		},
		"what is wrong with a listener as a whole": {
			spec: `
listeners:
- {name: nohost, protocol: HTTPS, tls: {certificateRefs: [{name: one}, {name: two}]}}
- {name: notls, hostname: a.example.com, protocol: HTTPS}
- {name: norefs, hostname: a.example.com, protocol: HTTPS, tls: {}}
- {name: mode, hostname: a.example.com, protocol: TLS, tls: {mode: Foo, certificateRefs: [{name: three}]}}
- ` + fmt.Sprintf(listener, "good", "g.example.com", "good-tls"),
			want: []string{
				"one:  !listeners[0]",
				"two:  !listeners[0]",
				"three:  !listeners[3]",
				"good-tls: g.example.com <listeners[4]",
			}, entries: 5,
			problems: []string{
				`e spec.listeners[0].hostname: the listener "nohost" has no hostname, so there is no name to put into a certificate: give it one, or leave it out by an ignore annotation`,
				`e spec.listeners[1].tls: the listener "notls" has no tls block: it names no Secret`,
				`e spec.listeners[2].tls.certificateRefs: the listener "norefs" has no certificateRefs: it names no Secret`,
				`e spec.listeners[3].tls.mode: the listener "mode" has an unknown mode (value "Foo"); allowed: Terminate, Passthrough`,
			},
		},
		"a listener without hostname and Secret lacks both": {
			spec: `listeners: [{name: bare, protocol: HTTPS, tls: {}}, {name: barer, protocol: TLS}, {name: none, tls: {certificateRefs: [{name: web-tls}]}}]`,
			want: []string{"web-tls: "}, entries: 2,
			problems: []string{
				`e spec.listeners[0].hostname: the listener "bare" has no hostname, so there is no name to put into a certificate: give it one, or leave it out by an ignore annotation`,
				`e spec.listeners[0].tls.certificateRefs: the listener "bare" has no certificateRefs: it names no Secret`,
				`e spec.listeners[1].hostname: the listener "barer" has no hostname, so there is no name to put into a certificate: give it one, or leave it out by an ignore annotation`,
				`e spec.listeners[1].tls: the listener "barer" has no tls block: it names no Secret`,
				`w spec.listeners[2].protocol: the listener "none" names a Secret, but it has no protocol: it gets no certificate; allowed: HTTPS, TLS`,
			},
		},
		"two faults of one listener are reported in one pass": {
			spec: `listeners: [{name: "", protocol: HTTPS, tls: {mode: Foo, certificateRefs: [{name: web-tls}]}}]`,
			want: []string{"web-tls:  !listeners[0]"}, entries: 1,
			problems: []string{
				`e spec.listeners[0].hostname: the listener "" has no hostname, so there is no name to put into a certificate: give it one, or leave it out by an ignore annotation`,
				`e spec.listeners[0].tls.mode: the listener "" has an unknown mode (value "Foo"); allowed: Terminate, Passthrough`,
			},
		},
		"a bad reference costs only itself": {
			spec: `
listeners:
- name: a
  hostname: a.example.com
  protocol: HTTPS
  tls:
    certificateRefs:
    - {name: good}
    - {name: grouped, group: v1}
    - {name: kinded, kind: ConfigMap}
    - {name: far, namespace: other}
    - {name: nowhere, namespace: ""}
    - {}`,
			want: []string{
				"good: a.example.com <listeners[0]",
				"grouped:  !listeners[0]",
				"kinded:  !listeners[0]",
				"other/far:  !listeners[0]",
				"nowhere:  !listeners[0]",
			}, entries: 1,
			problems: []string{
				`e spec.listeners[0].tls.certificateRefs[1].group: only a Secret can be referenced (value "v1"); allowed: "" (the core group)`,
				`e spec.listeners[0].tls.certificateRefs[2].kind: only a Secret can be referenced (value "ConfigMap"); allowed: Secret`,
				`e spec.listeners[0].tls.certificateRefs[3].namespace: the Secret is in another namespace; only Secrets of the object's own namespace are kept, whatever a ReferenceGrant allows (value "other")`,
				`e spec.listeners[0].tls.certificateRefs[4].namespace: the Secret is in another namespace; only Secrets of the object's own namespace are kept, whatever a ReferenceGrant allows`,
				`e spec.listeners[0].tls.certificateRefs[5].name: it isn't the name of a Secret; allowed: lower-case letters, digits, '-' and '.', at most 253`,
			},
		},
		"a bad hostname is reported at the hostname, once for all its Secrets": {
			spec: `listeners: [{name: a, hostname: a..example.com, protocol: HTTPS, tls: {certificateRefs: [{name: one}, {name: two}]}}]`,
			want: []string{
				"one:  !listeners[0]",
				"two:  !listeners[0]",
			}, entries: 1,
			problems: []string{`e spec.listeners[0].hostname: the host has an empty label (value "a..example.com"); allowed: an IP address, or a DNS name that may begin with *.`},
		},
		"a listener without a name is reported by its path": {
			spec: `listeners: [{hostname: -a, protocol: HTTPS, tls: {certificateRefs: [{name: web-tls}]}}]`,
			want: []string{"web-tls:  !listeners[0]"}, entries: 1,
			problems: []string{`e spec.listeners[0].hostname: a label of the host begins or ends with '-' (value "-a"); allowed: an IP address, or a DNS name that may begin with *.`},
		},
		"an ignored listener isn't judged": {
			spec: `
listeners:
- {name: skip, protocol: HTTPS, tls: {mode: Foo, certificateRefs: [{name: one}, {name: "bad name"}]}}
- ` + fmt.Sprintf(listener, "Skip", "a.example.com", "two"),
			options: source.Options{IgnoreSections: []string{"skip"}},
			want:    []string{"one: ", "two: a.example.com <listeners[1]"},
			named:   []string{"bad name", "one", "two"}, entries: 2,
		},
		"of a listener with an ignored Secret the others count": {
			spec:    `listeners: [{name: a, hostname: a.example.com, protocol: HTTPS, tls: {certificateRefs: [{name: one}, {name: two}]}}]`,
			options: source.Options{IgnoreSecrets: []string{"one"}, IgnoreSections: []string{"one"}},
			want:    []string{"one: ", "two: a.example.com <listeners[0]"}, entries: 1,
		},
		"a listener all of whose Secrets are ignored isn't judged": {
			spec:    `listeners: [{name: a, protocol: HTTPS, tls: {certificateRefs: [{name: one}]}}]`,
			options: source.Options{IgnoreSecrets: []string{"one"}},
			want:    []string{"one: "}, entries: 1,
		},
		"a Secret named where only listeners can be leaves nothing out": {
			spec:    `listeners: [` + fmt.Sprintf(listener, "a", "a.example.com", "web-tls") + `]`,
			options: source.Options{IgnoreSections: []string{"web-tls"}},
			want:    []string{"web-tls: a.example.com <listeners[0]"}, entries: 1,
			problems: []string{`w an ignore annotation for listeners names none of this object (value "web-tls"); allowed: a`},
		},
		"a name that is neither a listener's nor a Secret's": {
			spec:    `listeners: [` + fmt.Sprintf(listener, "z", "z.example.com", "b") + ", " + fmt.Sprintf(listener, "b", "a.example.com", "a") + `]`,
			options: source.Options{IgnoreSecrets: []string{"x", "z"}, IgnoreSections: []string{"x", "z"}},
			want:    []string{"b: ", "a: a.example.com <listeners[1]"}, entries: 2,
			problems: []string{`w an ignore annotation names no listener and no Secret of this object (value "x"); allowed: a, b, z`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { tt.run(t, source.GatewayKind) })
	}
}

// A ListenerSet's listeners are read as those of a Gateway.
func TestListenerSetAsks(t *testing.T) {
	spec := `
parentRef: {name: edge}
listeners: [{name: a, hostname: a.example.com, protocol: HTTPS, tls: {certificateRefs: [{name: web-tls}]}}]`
	asksTest{spec: spec, want: []string{"web-tls: a.example.com <listeners[0]"}, entries: 1}.run(t, source.ListenerSetKind)
	entry := asksOf(t, source.ListenerSetKind, spec, source.Options{}).Asks[0].Entries[0]
	if want := (source.EntryRef{Path: "spec.listeners[0]", Section: "a"}); entry != want {
		t.Errorf("got %+v, want %+v", entry, want)
	}
}

func TestUnknownIgnoresShowTheFirstNames(t *testing.T) {
	var spec strings.Builder
	spec.WriteString("tls:\n")
	for i := range 9 {
		allowed := asksOf(t, source.IngressKind, spec.String(), source.Options{IgnoreSecrets: []string{"x"}}).Problems.All()[0].Allowed
		if i == 8 && allowed != "s0, s1, s2, s3, s4, s5, s6, s7" {
			t.Errorf("eight of eight: %s", allowed)
		}
		fmt.Fprintf(&spec, "- {hosts: [a.example.com], secretName: s%d}\n", i)
	}
	asks := asksOf(t, source.IngressKind, spec.String(), source.Options{IgnoreSecrets: []string{"x"}})
	if got := asks.Problems.All(); len(got) != 1 || got[0].Allowed != "s0, s1, s2, s3, s4, s5, s6, s7, …" {
		t.Errorf("eight of nine: %v", got)
	}
}

func TestHostsOfOneSecretAreBounded(t *testing.T) {
	host := func(i int) string { return fmt.Sprintf("h%d.example.com", i) }
	object := &source.Object{Ref: source.Ref{Group: source.IngressGroup, Kind: source.IngressKind, Namespace: "shop", Name: "web"}}
	var hosts, bad []string
	for i := range source.MaxHosts + 5 {
		hosts, bad = append(hosts, host(i)), append(bad, "-", "-", "-")
	}
	secret := []source.SecretRef{{Path: "spec.tls[0].secretName", Kind: "Secret", Name: "web-tls"}}
	object.Entries = []source.Entry{{Path: "spec.tls[0]", HasTLS: true, Hosts: hosts, Secrets: secret}}
	kind, _ := source.Builtin().Lookup(source.IngressGroup, source.IngressKind)
	asks := kind.Asks(object, source.Options{})
	if ask := asks.Asks[0]; len(ask.Hosts) != source.MaxHosts || len(ask.Broken) != 1 || ask.Hosts[source.MaxHosts-1] != host(source.MaxHosts-1) {
		t.Errorf("%d hosts, broken %v", len(ask.Hosts), ask.Broken)
	}
	if got := told(t, asks.Problems); len(got) != 1 || !strings.HasPrefix(got[0], `e spec.tls[0]: the Secret "web-tls" has more than 5000 hosts`) {
		t.Errorf("got %v", got)
	}
	object.Entries[0].Hosts = bad
	if asks := kind.Asks(object, source.Options{}); len(asks.Problems.All()) > 2*source.MaxHosts+1 {
		t.Errorf("%d problems of one entry", len(asks.Problems.All()))
	}
}
