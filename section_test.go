package certshim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
)

// sectioned is a Gateway with an annotation certshim.io/sections, and listeners web, api and inner.
func sectioned(sections string, more ...string) string {
	return fmt.Sprintf(`
kind: Gateway
metadata:
  name: edge
  annotations: {certshim.io/sections: %q%s}
spec:
  listeners:
  - {name: web, protocol: HTTPS, hostname: www.example.com, tls: {certificateRefs: [{name: web-tls}]}}
  - {name: api, protocol: HTTPS, hostname: api.example.com, tls: {certificateRefs: [{name: api-tls}]}}
  - {name: inner, protocol: HTTPS, hostname: inner.corp.example, tls: {certificateRefs: [{name: inner-tls}]}}
`, sections, strings.Join(more, ""))
}

const byCA = ", cert-manager.io/issuer: ca"

// issuers are those of the Certificates that are written, by name.
func issuersOf(out certshim.Outcome) map[string]string {
	issuers := map[string]string{}
	for _, d := range out.Certificates {
		if spec, _ := d.Config["spec"].(map[string]any); spec != nil {
			ref := spec["issuerRef"].(map[string]any)
			issuers[d.Name] = fmt.Sprintf("%s/%s", ref["kind"], ref["name"])
		}
	}
	return issuers
}

func TestSections(t *testing.T) {
	const rest = "create api-tls: new"
	tests := map[string]struct {
		manifest string
		want     []string
		issuers  map[string]string
	}{
		"an issuer for one listener": {
			sectioned(`{"web": {"cluster-issuer": "letsencrypt"}}`, byCA),
			[]string{"create web-tls: new", rest, "create inner-tls: new"},
			map[string]string{"web-tls": "ClusterIssuer/letsencrypt", "api-tls": "Issuer/ca", "inner-tls": "Issuer/ca"},
		},
		"for a Secret, in block style and by its whole key": {
			sectioned("inner-tls:\n  cert-manager.io/issuer: corp\n  cert-manager.io/duration: 24h\n", byCA),
			[]string{"create web-tls: new", rest, "create inner-tls: new"},
			map[string]string{"web-tls": "Issuer/ca", "api-tls": "Issuer/ca", "inner-tls": "Issuer/corp"},
		},
		"it triggers its section alone": {
			sectioned(`{web: {issuer: ca}}`),
			[]string{"create web-tls: new"},
			map[string]string{"web-tls": "Issuer/ca"},
		},
		"issuer keys count together": {
			sectioned(`{web: {issuer: other}}`, ", cert-manager.io/issuer: step, cert-manager.io/issuer-kind: StepIssuer, cert-manager.io/issuer-group: certmanager.step.sm"),
			[]string{"create web-tls: new", rest, "create inner-tls: new"},
			map[string]string{"web-tls": "Issuer/other", "api-tls": "StepIssuer/step", "inner-tls": "StepIssuer/step"},
		},
		"no section names an issuer": {
			sectioned(`{web: {duration: 24h}}`),
			[]string{
				"ignored: no-trigger",
				`warning BadConfig certshim.io/sections: no section names an issuer, and the object names none: nothing is made (value "{web: {duration: 24h}}")`,
			},
			map[string]string{},
		},
		"an unknown section": {
			sectioned(`{wbe: {issuer: other}}`, byCA),
			[]string{
				"create web-tls: new", rest, "create inner-tls: new",
				`error BadConfig certshim.io/sections: no listener and no Secret of this object has this name: the section counts for nothing (value "wbe"); allowed: api, inner, web, api-tls, inner-tls, web-tls; did you mean "web"?`,
			},
			map[string]string{"web-tls": "Issuer/ca", "api-tls": "Issuer/ca", "inner-tls": "Issuer/ca"},
		},
		"a bad key in one section": {
			sectioned("web:\n  isuer: x\ninner: {issuer: corp}", byCA),
			[]string{
				`refuse web-tls: section-unreadable("web")`, rest, "create inner-tls: new",
				`error BadConfig certshim.io/sections: for "web": unknown key (value "isuer"); did you mean "issuer"?`,
			},
			map[string]string{"api-tls": "Issuer/ca", "inner-tls": "Issuer/corp"},
		},
		"a bad value in one section": {
			sectioned("web: {duration: 5}\ninner: {issuer: corp}", byCA),
			[]string{
				`refuse web-tls: annotation-unreadable(spec.duration)`, rest, "create inner-tls: new",
				`error BadConfig cert-manager.io/duration: for "web": not a duration as Go writes them (value "5"); allowed: a Go duration of at least 1h; the largest unit is h; did you mean "5h"?`,
			},
			map[string]string{"api-tls": "Issuer/ca", "inner-tls": "Issuer/corp"},
		},
		"no YAML": {
			sectioned(`{web: {`, byCA),
			[]string{
				"refuse web-tls: sections-unreadable", "refuse api-tls: sections-unreadable", "refuse inner-tls: sections-unreadable",
				`error BadConfig certshim.io/sections: it can't be read, and nothing is made or changed for this object: line 1: no YAML: did not find expected node content; look for its indentation, by spaces alone, and for quotes and brackets there and below (value "{web: {"); allowed: YAML or JSON, a mapping of names of listeners or Secrets to mappings of annotation keys to values, without anchors and aliases`,
			},
			map[string]string{},
		},
		"two listeners of one Secret disagree": {
			strings.ReplaceAll(sectioned(`{web: {issuer: other}, api: {issuer: third}}`, byCA), "api-tls", "web-tls"),
			[]string{
				`refuse web-tls: sections-differ("web", "api", "web-tls")`, "create inner-tls: new",
				`error BadConfig certshim.io/sections: "web" and "api" have the same Secret "web-tls", and not the same annotations: nothing is made or changed for it; name the Secret in place of the listeners, or give each a Secret of its own (value "web"); did you mean "web-tls"?`,
			},
			map[string]string{"inner-tls": "Issuer/ca"},
		},
		"two listeners of one Secret, of which one has a section": {
			strings.ReplaceAll(sectioned(`{web: {issuer: other}}`, byCA), "api-tls", "web-tls"),
			[]string{
				`refuse web-tls: sections-differ("web", "api", "web-tls")`, "create inner-tls: new",
				`error BadConfig certshim.io/sections: "web" and "api" have the same Secret "web-tls", and not the same annotations: nothing is made or changed for it; name the Secret in place of the listeners, or give each a Secret of its own (value "web"); did you mean "web-tls"?`,
			},
			map[string]string{"inner-tls": "Issuer/ca"},
		},
		"two listeners of one Secret agree": {
			strings.ReplaceAll(sectioned(`{web: {issuer: other}, api: {cert-manager.io/issuer: other}}`, byCA), "api-tls", "web-tls"),
			[]string{"create web-tls: new", "create inner-tls: new"},
			map[string]string{"web-tls": "Issuer/other", "inner-tls": "Issuer/ca"},
		},
		"the Secret is named for all of its listeners": {
			strings.ReplaceAll(sectioned(`{web-tls: {issuer: other}}`, byCA), "api-tls", "web-tls"),
			[]string{"create web-tls: new", "create inner-tls: new"},
			map[string]string{"web-tls": "Issuer/other", "inner-tls": "Issuer/ca"},
		},
		"a name that is a listener's and a Secret's": {
			strings.ReplaceAll(sectioned(`{web: {issuer: other}}`, byCA), "api-tls", "web"),
			[]string{
				`refuse web-tls: section-unclear("web")`, `refuse web: section-unclear("web")`,
				"create inner-tls: new",
				`error BadConfig certshim.io/sections: it is the name of a listener and of a Secret, so that it isn't clear which is meant: rename one (value "web")`,
			},
			map[string]string{"inner-tls": "Issuer/ca"},
		},
		"an issuer that isn't there": {
			sectioned(`{web: {issuer: missing}}`, byCA),
			[]string{
				"create web-tls: new", rest, "create inner-tls: new",
				"warning IssuerNotFound cert-manager.io/issuer: there is no Issuer missing in this namespace; its Certificates wait for it (value \"missing\")",
			},
			map[string]string{"web-tls": "Issuer/missing", "api-tls": "Issuer/ca", "inner-tls": "Issuer/ca"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := newIssued(t, newPolicy(t), clusterIssuer("letsencrypt"), issuerHere("ca"), issuerHere("corp"), issuerHere("other"))
			out := c.decide(c.add(test.manifest))
			compare(t, test.want, out)
			if diff := cmp.Diff(test.issuers, issuersOf(out)); diff != "" {
				t.Errorf("issuers, -want +got:\n%s", diff)
			}
		})
	}
}

// Problems with what a section says stand where it says it.
func TestSectionProblemsHaveTheirPlace(t *testing.T) {
	c := newIssued(t, newPolicy(t))
	out := c.decide(c.add(sectioned(`{web: {issuer: missing, duration: 5, duraton: x}, api: {renew-before: 1}}`)))
	var paths []string
	for _, p := range out.Problems.All() {
		paths = append(paths, p.Path)
	}
	want := []string{
		"metadata.annotations[certshim.io/sections][api][cert-manager.io/renew-before]",
		"metadata.annotations[certshim.io/sections][web][duraton]",
	}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	out = c.decide(c.add(sectioned(`{web: {issuer: missing, duration: 5}, api: {issuer: another, alt-names: "a b"}}`)))
	paths = nil
	for _, p := range out.Problems.All() {
		paths = append(paths, p.Path)
	}
	want = []string{
		"metadata.annotations[certshim.io/sections][api][cert-manager.io/alt-names]",
		"metadata.annotations[certshim.io/sections][web][cert-manager.io/duration]",
		"metadata.annotations[certshim.io/sections][api][cert-manager.io/issuer]",
		"metadata.annotations[certshim.io/sections][web][cert-manager.io/issuer]",
	}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A Certificate of a Secret whose section can't be read stays as it is, and so does one whose Secret
// nothing asks for any more, beside sections that do.
func TestSectionsKeepWhatExists(t *testing.T) {
	c := newIssued(t, newPolicy(t), issuerHere("ca"), issuerHere("other"))
	c.carryOut(c.decide(c.add(sectioned(`{web: {issuer: other}}`, byCA))))
	for name, test := range map[string]struct {
		manifest string
		want     []string
	}{
		"no YAML":           {sectioned(`{web: [}`, byCA), []string{"keep", "keep", "keep"}},
		"one can't be read": {sectioned(`{web: {issuer: ""}}`, byCA), []string{"keep", "none", "none"}},
		"only one asks":     {sectioned(`{web: {issuer: other}}`), []string{"none", "keep", "keep"}},
	} {
		t.Run(name, func(t *testing.T) {
			var actions []string
			for _, d := range c.decide(c.add(test.manifest)).Certificates {
				actions = append(actions, string(d.Action))
			}
			if diff := cmp.Diff(test.want, actions); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// What the operator forbids is forbidden in a section, too: by the issuer that it uses.
func TestRulesJudgeTheIssuerOfASection(t *testing.T) {
	prod := resolver.Ref{Group: resolver.CertManagerGroup, Kind: resolver.ClusterIssuerKind, Name: "prod"}
	ca := resolver.Ref{Group: resolver.CertManagerGroup, Kind: resolver.IssuerKind, Name: "ca"}
	manifest := sectioned(`{inner: {cluster-issuer: prod}}`, byCA)
	for name, test := range map[string]struct {
		rule certshim.Rule
		want certificate.Cause
	}{
		"the issuer":                   {certshim.Rule{Name: "r", AllowedIssuers: []resolver.Ref{ca}}, certificate.CauseIssuerForbidden},
		"hosts of those that have it":  {certshim.Rule{Name: "r", Issuers: []resolver.Ref{prod}, AllowedHosts: []string{"example.com"}}, certificate.CauseNameForbidden},
		"a kind of those that have it": {certshim.Rule{Name: "r", Issuers: []resolver.Ref{{Group: prod.Group, Kind: prod.Kind}}, AllowedHosts: []string{}}, certificate.CauseNameForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			c := newIssued(t, newPolicy(t, func(p *certshim.Policy) { p.Rules = []certshim.Rule{test.rule} }), clusterIssuer("prod"), issuerHere("ca"))
			var actions []string
			for _, d := range c.decide(c.add(manifest)).Certificates {
				actions = append(actions, string(d.Action))
				if d.Name == "inner-tls" && d.Reason.Cause != test.want {
					t.Errorf("inner-tls: %s, want %s", d.Reason, test.want)
				}
			}
			if diff := cmp.Diff([]string{"create", "create", "refuse"}, actions); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A ListenerSet inherits its Gateway's issuer, and not its sections.
func TestSectionsAreNotInherited(t *testing.T) {
	c := newIssued(t, newPolicy(t), issuerHere("ca"), issuerHere("other"))
	c.add(`{kind: Gateway, metadata: {name: edge, annotations: {cert-manager.io/issuer: ca, certshim.io/sections: "{web: {issuer: other}}"}},
  spec: {allowedListeners: {namespaces: {from: Same}}, listeners: [{name: web, protocol: HTTPS, hostname: www.example.com, tls: {certificateRefs: [{name: x}]}}]}}`)
	const set = `{kind: ListenerSet, metadata: {name: web, annotations: {%s}},
  spec: {parentRef: {name: edge}, listeners: [{name: web, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: web-tls}]}}]}}`
	out := c.decide(c.add(fmt.Sprintf(set, "")))
	if diff := cmp.Diff(map[string]string{"web-tls": "Issuer/ca"}, issuersOf(out)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	out = c.decide(c.add(fmt.Sprintf(set, `certshim.io/sections: "{web: {duration: 24h}}"`)))
	if got := out.Sections[0].Issuer; got.Name != "ca" || got.From != certshim.FromParent {
		t.Errorf("the issuer is %v, want that of the parent", got)
	}
	out = c.decide(c.add(fmt.Sprintf(set, `certshim.io/sections: "{web: {issuer: other}}"`)))
	if got := out.Sections[0]; got.Issuer.Name != "other" || got.Issuer.From != resolver.FromAnnotation || got.Name != "web" || got.Secret.Name != "web-tls" {
		t.Errorf("got %v", got)
	}
}

// What is told of the issuer of a Secret is what its Certificate gets, whichever Secret the section is of.
func TestTheIssuerOfEachSecretIsTold(t *testing.T) {
	for _, section := range []string{"web", "api", "inner"} {
		c := newCluster(t, newPolicy(t))
		out := c.decide(c.add(sectioned("{"+section+": {cluster-issuer: letsencrypt}}", byCA)))
		for name, want := range issuersOf(out) {
			issuer := out.IssuerOf(decidedOf(t, out, "shop", name).At())
			if got := issuer.Kind + "/" + issuer.Name; got != want {
				t.Errorf("section %s: %s is told for %s, which gets %s", section, got, name, want)
			}
		}
		if out.Issuer.Name != "ca" {
			t.Errorf("section %s: the source's own issuer is told as %s", section, out.Issuer.Name)
		}
	}
}
